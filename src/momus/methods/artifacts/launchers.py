"""Configurations of programs around a model: servers, trackers, editors, build tools, logging, git.

Each names something that its program imports, runs or reads. The keys are odd enough to be told without a file's name.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

from momus.methods.artifacts import shells
from momus.methods.artifacts.report import Job, Severity
from momus.methods.artifacts.rulings import printable
from momus.methods.artifacts.zips import leaves

Hook = Callable[[Job, Any, dict[str, Any], str], None]
_LOGGING = re.compile(r"(logging\.)?((handlers|config)\.)?[A-Z]\w*(Handler|Formatter|Filter)\Z")
_WEIGHTS = re.compile(r"\.(safetensors|bin|pt|pth|ckpt|h5|msgpack|onnx|gguf|npz|json|distcp)\Z")
_JAVA = re.compile(r"(com|org|javax?|sun|net|ch)\.[\w.$]{1,200}\.[A-Z]\w*")
_CHAINS = re.compile(r"bash|shell|python_?repl|python_?ast|\bpal|exec|sql_?database|requests|terminal", re.I)
_CHAIN_TYPES = re.compile(
    r"(\w*_)?(bash|shell|pal|sql_database|requests|terminal)(_\w*)?_(chain|agent|tool)|python_repl|terminal"
)
_GIT = frozenset("fsmonitor sshcommand hookspath pager editor askpass gitproxy attributesfile worktree".split())  # noqa: SIM905
_KERNELS = re.compile(r"ipykernel|IRkernel|xeus|xpython|bash_kernel|julia|calysto|ijskernel|sagemath")


def _mark(job: Job, severity: Severity, key: str, what: str, said: Any, where: str) -> None:
    text = printable(str(said), 100)
    job.mark(severity, f"{key} {what}: {text}", None, where, opcode=key[:40], call=text, reason=what)


def outside(path: Any) -> bool:
    """Whether a path leaves its folder or is an address."""
    return isinstance(path, str) and (leaves(path) or "://" in path)


def _weight_map(job: Job, content: Any, item: dict[str, Any], where: str) -> None:
    for path in set(map(str, content.values())) if isinstance(content, dict) else ():
        if outside(path):
            _mark(job, "dangerous", "weight_map", "reads weights from outside its folder", path, where)
        elif not _WEIGHTS.search(path):
            _mark(job, "suspicious", "weight_map", "reads weights from a file of another kind", path, where)


def _inside(key: str, beside: tuple[str, ...] = ()) -> Hook:
    """A path below the model's own folder, in files of mlflow and Core ML. A key that others use as well (many a
    training's settings name a ``model_path``) counts only ``beside`` one that tells whose file it is."""

    def hook(job: Job, content: Any, item: dict[str, Any], where: str) -> None:
        if outside(content) and (not beside or any(k in item for k in beside)):
            _mark(job, "dangerous", key, "reads a file from outside its folder", content, where)

    return hook


def _tracked(key: str) -> Hook:
    """Python that mlflow runs or unpickles for a model of its own making."""

    def hook(job: Job, content: Any, item: dict[str, Any], where: str) -> None:
        if isinstance(content, str) and content and ("loader_module" in item or "python_version" in item):
            _mark(job, "suspicious", key, "is code that is run when the model is loaded", content, where)

    return hook


def _attention(job: Job, content: Any, item: dict[str, Any], where: str) -> None:
    if isinstance(content, str) and re.match(r"[\w.-]+/[\w.-]+", content):
        _mark(job, "suspicious", "attn_implementation", "fetches native code from a repository", content, where)


def _generate(job: Job, content: Any, item: dict[str, Any], where: str) -> None:
    if isinstance(content, str) and content:
        _mark(job, "suspicious", "custom_generate", "lets the loader run Python of a repository", content, where)


def _java(job: Job, content: Any, item: dict[str, Any], where: str) -> None:
    if isinstance(content, str) and _JAVA.match(content[:300]):
        grave = re.search(r"JdbcRowSet|TemplatesImpl|ProcessBuilder|\bRuntime|ScriptEngine|Jndi", content)
        _mark(job, "dangerous" if grave else "suspicious", "@type", "builds a Java class by name", content, where)


def _chain(job: Job, content: Any, item: dict[str, Any], where: str) -> None:
    path = item.get("id")
    if item.get("type") == "constructor" and isinstance(path, list):
        named = ".".join(map(str, path[:20]))
        grave = _CHAINS.search(named)
        _mark(job, "dangerous" if grave else "suspicious", "lc", "has the loader import and build", named, where)


def _chain_type(job: Job, content: Any, item: dict[str, Any], where: str) -> None:
    if isinstance(content, str) and _CHAIN_TYPES.fullmatch(content[:200]):
        _mark(job, "suspicious", "_type", "builds a chain that runs what a model answers", content, where)


def _factory(job: Job, content: Any, item: dict[str, Any], where: str) -> None:
    from momus.methods.artifacts.configs import named

    if isinstance(content, str) and not _LOGGING.match(content[:300]):
        named(job, content, where, "()", "has the logging configuration call")


def _servers(job: Job, content: Any, item: dict[str, Any], where: str) -> None:
    for name, server in content.items() if isinstance(content, dict) else ():
        command = server.get("command") if isinstance(server, dict) else None
        if isinstance(command, str):
            line = " ".join(map(str, [command, *_listed(server.get("args"))]))[:2000]
            if not shells.judge(job, line, where, "a server's command"):
                _mark(job, "suspicious", str(name)[:40], "is started as a program", line, where)


def _listed(value: Any) -> list[Any]:
    return value if isinstance(value, list) else []


def _kernel(job: Job, content: Any, item: dict[str, Any], where: str) -> None:
    told = ("display_name", "language", "interrupt_mode", "kernel_protocol_version")
    if _listed(content) and (any(k in item for k in told) or "{connection_file}" in content):
        line = " ".join(map(str, content))[:2000]
        if not shells.judge(job, line, where, "a kernel's command") and not _KERNELS.search(line):
            _mark(job, "suspicious", "argv", "is started as a program", line, where)


def _runtime(job: Job, content: Any, item: dict[str, Any], where: str) -> None:
    if isinstance(content, dict) and content:
        _mark(job, "suspicious", "runtime_env", "has a cluster install or fetch what it names", content, where)


def _folder(job: Job, content: Any, item: dict[str, Any], where: str) -> None:
    if isinstance(content, str) and "://" in content and not content.startswith("detectron2://"):
        _mark(job, "suspicious", "_BASE_", "reads another configuration from an address", content, where)


HOOKS: dict[str, Hook] = {
    "weight_map": _weight_map,
    "pickled_model": _inside("pickled_model"),
    "model_path": _inside("model_path", ("loader_module", "python_version", "pickled_model")),
    "python_model": _tracked("python_model"),
    "model_code_path": _tracked("model_code_path"),
    "_attn_implementation": _attention,
    "attn_implementation": _attention,
    "custom_generate": _generate,
    "@type": _java,
    "lc": _chain,
    "_type": _chain_type,
    "()": _factory,
    "mcpServers": _servers,
    "argv": _kernel,
    "runtime_env": _runtime,
    "_BASE_": _folder,
}
# what a JSON file must hold to be searched for these keys
WORTH = (
    rb"weight_map|pickled_model|model_path|python_model|model_code_path|_?attn_implementation|custom_generate|@type|lc|"
    rb"_type|\(\)|mcpServers|argv|runtime_env|_BASE_|itemInfoEntries|handlers|requirements|entry_points|stages|hooks"
)


def whole(job: Job, value: dict[str, Any], where: str) -> None:
    """Files known by their shape."""
    _logging(job, value, where)
    _git(job, value, where)
    for entry in value["itemInfoEntries"].values() if isinstance(value.get("itemInfoEntries"), dict) else ():
        _inside("path")(job, entry.get("path") if isinstance(entry, dict) else None, value, where)
    for repo in _listed(value.get("repos")):
        for hook in _listed(repo.get("hooks")) if isinstance(repo, dict) else ():
            if isinstance(hook, dict) and isinstance(hook.get("entry"), str):
                _run(job, "entry", hook["entry"], where)
    for key, inner in (("stages", "cmd"), ("entry_points", "command")):
        steps = value.get(key)
        for step in steps.values() if isinstance(steps, dict) else ():
            if isinstance(step, dict) and isinstance(step.get(inner), str | list):
                _run(job, inner, step[inner], where)
    services = value.get("services")
    if isinstance(services, dict) and any(
        isinstance(s, dict) and {"image", "build"} & s.keys() for s in services.values()
    ):
        _mark(job, "suspicious", "services", "starts containers with the commands it gives", list(services)[:5], where)
    if value.get("backend") == "python" and "name" in value:
        _mark(job, "suspicious", "backend", "has the server run Python of the model", "python", where)
    service = value.get("service")
    if isinstance(service, str) and re.match(r"[\w.]+:\w+\Z", service):
        _mark(job, "suspicious", "service", "is Python that the server imports and runs", service, where)
    if isinstance(value.get("requirements"), list):
        from momus.methods.artifacts.configs import requirement

        for text in value["requirements"]:
            if isinstance(text, str):
                requirement(job, text, where)


def _run(job: Job, key: str, said: Any, where: str) -> None:
    lines = [str(part) for part in said] if isinstance(said, list) else [str(said)]
    if not sum(shells.judge(job, line[:4000], where, f"the {key} command") for line in lines):
        _mark(job, "suspicious", key, "is run as a command", said, where)


def _logging(job: Job, value: dict[str, Any], where: str) -> None:
    """A configuration of Python's logging: its classes are imported and called with what stands beside them."""
    if str(value.get("version")) != "1":
        return
    for part in ("handlers", "formatters", "filters"):
        held = value.get(part)
        for entry in held.values() if isinstance(held, dict) else ():
            _factory(job, entry.get("class") if isinstance(entry, dict) else None, value, where)


def _git(job: Job, value: dict[str, Any], where: str) -> None:
    """A configuration of git: some settings are commands."""
    for section, held in value.items():
        if not isinstance(held, dict):
            continue
        for key, said in _settings(held):
            text, low = str(said), key.lower()
            if section == "core" and low in _GIT and text not in ("true", "false", "True", "False"):
                _mark(job, "suspicious", f"core.{low}", "is run by git", text, where)
            elif section == "alias" and text.startswith("!"):
                _mark(job, "suspicious", f"alias.{low[:30]}", "is run by git", text, where)
            elif section.startswith("filter") and low in ("clean", "smudge", "process") and "git-lfs" not in text:
                _mark(job, "suspicious", f"filter.{low}", "is run by git", text, where)


def _settings(held: dict[str, Any]) -> list[tuple[str, Any]]:
    return [(str(k), v) for k, v in held.items() if isinstance(v, str | bool | int)]


_LINES: tuple[tuple[re.Pattern[str], str], ...] = (
    (re.compile(r"^<\?php\b|^<\?=", re.M), "a page of PHP: a program, no model"),
    (
        re.compile(r"^\[Desktop Entry\][\s\S]{0,2000}?^(Exec|TryExec)[ \t]*=", re.M),
        "a launcher: it starts the program it names",
    ),
    (re.compile(r"^\[InternetShortcut\]", re.M), "a shortcut to an address"),
    (re.compile(r"^[ \t]*url[ \t]*=[ \t]*(-|ext::|fd::)", re.M), "an address that git takes for a command"),
    (
        re.compile(r"\bEXECUTION_ENV_PATH\b|^backend[ \t]*:[ \t]*\"python\"", re.M),
        "has the server run Python of the model",
    ),
    (
        re.compile(r"^(commands|commands_pre|commands_post)[ \t]*=[ \t]*(sh|bash|curl|wget)\b", re.M),
        "commands that a test runner runs",
    ),
    (re.compile(r"^addopts[ \t]*=[^\n]{0,400}(^|\s)-p[ =](?!no:)\w", re.M), "a plug-in that a test runner imports"),
    (re.compile(r"^(\.{1,2}|file:)/\S+\.(whl|zip|tar\.gz)[ \t]*$", re.M), "installs a package that lies beside it"),
)


def lines(job: Job, text: str, where: str) -> None:
    """Texts in notations of their own: shortcuts, git's, test runners', logging's INI."""
    head = text[: 1 << 18]
    for pattern, what in _LINES:
        hit = pattern.search(head)
        if hit:
            job.mark("suspicious", what, hit.start(), where, opcode="line", call=printable(hit[0][-80:].strip(), 80))
    for hit in re.finditer(r"^\[handler_\w{1,80}\]\s*$([^\[]{1,2000})", head, re.M):
        found = re.search(r"^class[ \t]*=[ \t]*(\S{1,300})", hit[1], re.M)
        _factory(job, found[1] if found else None, {}, where)
        called = re.search(
            r"^args[ \t]*=[^\n]{0,400}(__|\b(eval|exec|open|compile|system|popen|import)\b)", hit[1], re.M
        )
        if called:
            job.mark("dangerous", "arguments that logging evaluates as Python", hit.start(), where, opcode="args",
                     reason="runs code that it is given as text")  # fmt: skip
