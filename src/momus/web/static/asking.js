// Says so when an answer did not get through; without it a refused form would look as if nothing had happened.
document.addEventListener("htmx:responseError", (event) => {
  const said = document.getElementById("said");
  if (said) said.textContent = "Not recorded: the server answered " + event.detail.xhr.status + ". Load the page again.";
});
document.addEventListener("htmx:sendError", () => {
  const said = document.getElementById("said");
  if (said) said.textContent = "Not recorded: the server cannot be reached.";
});
