"""Makes docs/images/policy.png: what a policymaker reads in the tutorial's first report.

python docs/images/render_policy.py report.html docs/images/policy.png

``report.html`` is what `momus assess -o report.html` writes in step 6 of docs/tutorial.md.
"""

from __future__ import annotations

import sys
from pathlib import Path

from playwright.sync_api import sync_playwright

# Takes out parts of the panel that the page around the picture says itself.
CUT = """names => {
  for (const head of document.querySelectorAll(".panel.policy h4")) {
    if (!names.includes(head.textContent.trim())) continue;
    while (head.nextElementSibling && head.nextElementSibling.tagName !== "H4") head.nextElementSibling.remove();
    head.remove();
  }
}"""


def main(report: Path, out: Path) -> None:
    """Photographs the row of M04 with the view for policy and law chosen."""
    with sync_playwright() as play:
        browser = play.chromium.launch(executable_path="/usr/bin/chromium", args=["--no-sandbox"])
        page = browser.new_page(viewport={"width": 1000, "height": 2000}, device_scale_factor=1.5)
        page.goto(report.resolve().as_uri())
        page.locator("label[for=reader-policy]").click()
        page.add_style_tag(content="nav.readers { display: none !important } .mode { padding: 1.5rem 2rem !important }")
        page.evaluate(CUT, ["What this is", "Shown before"])
        page.locator(".mode", has_text="Membership inference").filter(has_text="M04").first.screenshot(path=out)
        browser.close()


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]))
