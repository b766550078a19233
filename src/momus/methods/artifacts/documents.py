"""Texts of every kind: read in full, then judged as what some program would take them for.

A text is harmless only if no loader runs it and no reader finds a hook in it. What it is follows from its content; a
name, where the place within an archive gives one, only adds suspicion.
"""

from __future__ import annotations

import re
import tomllib
from typing import Any

from momus.methods.artifacts import configs, encoded, launchers, python_code, shells
from momus.methods.artifacts.report import Job, Region
from momus.methods.artifacts.rulings import printable
from momus.methods.artifacts.text_kinds import GRAVE_WORDS, HTML_SCRIPT, KINDS
from momus.methods.artifacts.texts import CONTROL, high_controls

_STEP = 1 << 20
_NODE = "_$$ND_FUNC$$_"
_BIDI = re.compile("[\u202a-\u202e\u2066-\u2069]")
# keys that another look at a JSON file is worth; jsons.py reads the rest of it
_WORTH = re.compile(
    rb'"(trust_remote_code|auto_mapping|_class_name|custom_pipelines?|_target_|__target__|class_path|loader_module|handler|\$type|py/[a-z]+|'
    rb"code_paths?|postinstall|preinstall|install|prepare|runOn|postCreateCommand|cmdclass|setup_requires|idx|"
    + launchers.WORTH
    + rb')"|'
    + rb"_\$\$ND_FUNC|\\u00[2-7]|\$\{[\w.]+:"
)


def scan_text(job: Job, region: Region, where: str) -> str:
    """Read a text to its end and judge it; returns its kind."""
    region = _text_of(job, region, where)
    if len(region) > job.limits.text:
        job.mark("not understood", f"has more than {job.limits.text >> 20} MiB of text", 0, where)
        return "text"
    text = decoded(job, region, where)
    if text is None:
        return "text"
    if region.take(0, 2) in (b"\xff\xfe", b"\xfe\xff") and text.lstrip()[:1] in ("<", "{", "["):
        return _wide(job, region, text, where)
    return judge(job, text, where)


def _wide(job: Job, region: Region, text: str, where: str) -> str:
    """XML and JSON in UTF-16, which their readers take as they take UTF-8."""
    if text.lstrip()[:1] == "<":
        from momus.methods.artifacts.xmls import scan_xml

        return scan_xml(job, region, where)
    plain = text.encode("utf-8", "replace")
    job.spend_expanded(len(plain))
    return job.examine(Region(plain, 0, len(plain)), where)


def _text_of(job: Job, region: Region, where: str) -> Region:
    """The text up to its first control character; what follows is a file of its own."""
    at = _first_control(job, region)
    if at < 0:
        return region
    job.mark("suspicious", "a text that turns into something else", at, where)
    job.examine(region.part(at, len(region)), f"{where}!bytes@{at}")
    return region.part(0, at)


def _first_control(job: Job, region: Region) -> int:
    """Offset of the first control character, or -1; wide encodings are left to the decoder."""
    if region.take(0, 2) in (b"\xff\xfe", b"\xfe\xff"):
        return -1
    for at in range(0, len(region), _STEP):
        piece = region.take(at, _STEP)
        job.check_time()
        if len(piece.translate(None, CONTROL)) != len(piece):
            return at + next(i for i, b in enumerate(piece) if b in CONTROL)
    return -1


def decoded(job: Job, region: Region, where: str) -> str | None:
    """The text in UTF-8, in UTF-16 with a mark in front, or in Latin-1."""
    data = region.take(0, len(region))
    try:
        if data[:2] in (b"\xff\xfe", b"\xfe\xff"):
            return data.decode("utf-16")
        return data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        if data[:2] in (b"\xff\xfe", b"\xfe\xff"):
            job.mark("suspicious", "a text in UTF-16 that breaks off", error.start, where)
            return None
    if high_controls(data):
        job.mark("suspicious", "a text in no known encoding", 0, where)
    return data.decode("latin-1")


def judge(job: Job, text: str, where: str) -> str:
    """What a text is, with marks for what it would run; plain texts get none but a note."""
    from momus.methods.artifacts import templates, yamls

    code = text.lstrip().startswith(("#", "//", "import ", "from "))
    if templates.is_template(text) and not code and templates.judge_page(job, text, where):
        return "jinja template"
    encoded.examine(job, text.encode("utf-8", "replace"), where)
    if _NODE in text:
        job.mark("dangerous", "a function that node-serialize runs when it is read", None, where, opcode=_NODE)
    _coding(job, text, where)
    leaf = re.split(r"[!/]", where)[-1].lower()
    tree = python_code.looks_like_python(text)
    if python_code.goes_on(text):
        job.mark("not understood", "may be a program, too long to be read to its end", 0, where)
    if tree is not None:
        _hidden_direction(job, text, where)
        python_code.judge(job, tree, where)
        return "python source"
    if _path_file(job, text, where, leaf):
        return "python path file"
    settings = _toml(text)
    if settings is not None:
        configs.hooks(job, settings, where)
        return "toml"
    kind = _by_lines(job, text, where, leaf)
    if kind:
        return kind
    if yamls.might_be(text) and yamls.scan(job, text, where):
        return "yaml"
    return _plain(job, text, where, leaf)


_CODING = re.compile(r"(?:[^\n]{0,200}\n)?[ \t\f]{0,20}#[^\n]{0,200}?coding[:=][ \t]{0,20}([-\w.]{1,40})")
_CODINGS = re.compile(
    r"(utf-?8(-sig)?|ascii|us-ascii|latin-?1|iso-?8859-?\d{1,2}|cp125\d|windows-125\d|euc-\w+|gbk|big5|shift-jis)\Z"
)


def _coding(job: Job, text: str, where: str) -> None:
    """A declared encoding by which Python would read other words than stand here."""
    hit = _CODING.match(text)
    if hit and not _CODINGS.match(hit[1].lower().replace("_", "-")):
        what = f"declares the encoding {printable(hit[1], 40)}, in which Python reads other words"
        job.mark(
            "suspicious",
            what,
            hit.start(1),
            where,
            opcode="coding",
            reason="hides a program in what looks like a comment",
        )


def _hidden_direction(job: Job, text: str, where: str) -> None:
    hit = _BIDI.search(text)
    if hit:
        job.mark("suspicious", "characters that turn the direction of writing, in a program", hit.start(), where,
                 reason="what is shown is not what runs")  # fmt: skip


def _path_file(job: Job, text: str, where: str, leaf: str) -> bool:
    """A ``.pth`` file of Python's site folder: lines that start with import are run whenever Python starts."""
    lines = [line for line in text.split("\n", 2000) if line.strip() and not line.startswith("#")]
    run = [line for line in lines if line.startswith(("import ", "import\t"))]
    paths = all(line in run or re.fullmatch(r"[\w./\\:~@+ -]{1,200}", line.strip()) for line in lines)
    if not run or not paths or not (";" in "".join(run) or "(" in "".join(run) or leaf.endswith(".pth")):
        return False
    job.mark("suspicious", "lines that Python runs at every start, if this is a .pth file", 0, where, opcode="import")
    for line in run:
        tree = python_code.parsed(line)
        if tree is not None:
            python_code.judge(job, tree, where, "a line of a path file", "note")
    return True


def _toml(text: str) -> dict[str, Any] | None:
    if len(text) > 4 << 20 or not re.search(
        r"^[ \t]*(\[\[?[\w.\"'-]{1,200}\]\]?[ \t]*(#.*)?$|[\w.\"-]{1,200}[ \t]*=[ \t]*[\"'\[{\dtf-])", text, re.M
    ):
        return None
    try:
        return tomllib.loads(text) or None
    except (ValueError, RecursionError):
        return None


_SCRIPT_WORDS = re.compile(
    r"\bfunction\b\s*\w*\(|=>|\b(var|const|let)\s+\w+\s*[=,;]|\breturn\b|===|!==|\}\(\)|\)\{|\);"
)


def _is_script(text: str) -> bool:
    """JavaScript, also where it was squeezed into one line: its words stand close together."""
    head = text[: 1 << 16]
    words = sum(1 for _ in _SCRIPT_WORDS.finditer(head))
    return words >= 3 and words * 120 > len(head) and ("function" in head or "=>" in head) and "{" in head


def _by_lines(job: Job, text: str, where: str, leaf: str) -> str:
    """Kinds told by lines that only they have; prose quotes one or two of them, a program consists of them."""
    head = text[: 1 << 18]
    content = [line for line in head.split("\n") if line.strip() and not line.lstrip().startswith(("#", "//", "-- "))]
    if not content or (leaf.endswith((".md", ".rst", ".txt")) and "requirements" not in leaf):
        return _requirements(job, content, where)
    if _is_script(text):
        job.mark("suspicious", "javascript source: a program, no model", 0, where, reason="a program beside weights")
        return "javascript source"
    for kind, what, pattern, least in KINDS:
        hits = sum(1 for _ in pattern.finditer(head))
        if hits < min(least, max(1, len(content) // 2)) or (hits * 4 < len(content) and hits * 12 < len(content) + 60):
            continue
        if _prose(content) and hits * 2 < len(content):
            continue
        job.mark("suspicious", f"{kind}: {what}", 0, where, reason=what)
        worst: Any = "suspicious" if kind == "dockerfile" else "dangerous"
        shells.judge(job, text, where, f"the {kind}", worst=worst)
        word = GRAVE_WORDS.search(text)
        if word:
            job.mark(
                "suspicious",
                f"runs a command: {printable(word[0], 60)}",
                word.start(),
                where,
                call=printable(word[0], 60),
            )
        return kind
    return _requirements(job, content, where)


def _prose(content: list[str]) -> bool:
    """Whether most lines are sentences."""
    sentences = sum(bool(re.match(r"\s*([-*>|]\s+)?[A-Z\"'(]?\w+[,;']? \w+[,']? \w+ \w+", line)) for line in content)
    return sentences * 3 > len(content)


_REQUIREMENT = re.compile(
    r"\s*(-[rcefi]\s|--[\w-]+[ =]|[A-Za-z0-9][\w.\-]*(\[[\w,\s-]+\])?\s*(([=<>!~]=|[<>@;]|===).*)?$|(git|hg)\+|https?://)"
)


def _requirements(job: Job, content: list[str], where: str) -> str:
    """A list of packages for pip: only if every line is one, and one of them says a version or a place."""
    if not content or len(content) > 5000 or not all(_REQUIREMENT.match(line) for line in content):
        return ""
    if not any(re.search(r"[=<>~!]=\s*\S|^\s*-|://| @ ", line) for line in content):
        return ""
    for line in content:
        configs.requirement(job, line, where)
    return "requirements"


def _plain(job: Job, text: str, where: str, leaf: str) -> str:
    """INI files with hooks, log files with terminal codes, prose. Prose is nobody's program."""
    if re.search(r"^\[[\w.:\- ]+\]\s*$", text[: 1 << 16], re.M):
        for hit in re.finditer(
            r"^[ \t]*(cmdclass|setup_requires|dependency_links|find_links|(extra[-_])?index[-_]url)[ \t]*=[ \t]*.*$",
            text,
            re.M,
        ):
            job.mark(
                "suspicious",
                f"{hit[1]} changes what an installation runs or fetches",
                hit.start(),
                where,
                opcode=hit[1],
            )
        for hit in re.finditer(r"^[ \t]*\S{1,200}[ \t]*@[ \t]*(git\+|https?://)\S+", text, re.M):
            configs.requirement(job, hit[0], where)
    layer = re.search(r'"(class_name|function_type)"\s*:\s*"(Lambda|__lambda__|lambda)"', text)
    if layer:
        reason = "carries Python code that runs when the model is built"
        job.mark("dangerous", f"a Lambda layer {reason}", layer.start(), where, opcode="Lambda", reason=reason)
    if re.search(r"\b(sitecustomize|usercustomize|conftest|setup)\.py\Z", leaf):
        job.mark("suspicious", "named as a program that Python runs by itself", None, where)
    launchers.lines(job, text, where)
    job.mark("note", "plain text, which no loader runs", None, where)
    return "text"


def scan_json(job: Job, region: Region, where: str) -> str:
    """JSON: notebooks and hooks here, models, schemas and layers by ``jsons.py``."""
    from momus.methods.artifacts import jsons

    data = region.take(0, min(len(region), job.limits.text))
    encoded.examine(job, data, where)
    if b'"nbformat"' in data and (b'"cells"' in data or b'"worksheets"' in data):
        from momus.methods.artifacts import notebooks

        value = jsons.parse(job, region, where, "not understood")
        if notebooks.is_notebook(value):
            return notebooks.scan(job, value, where)
    elif _WORTH.search(data):
        value = jsons.parse(job, region, where, "not understood")
        if value is not None:
            configs.hooks(job, value, where, templates=False)
        if _NODE.encode() in data:
            job.mark("dangerous", "a function that node-serialize runs when it is read", None, where, opcode=_NODE)
    elif _lines_of_json(data):
        return scan_text(job, region, where)
    return jsons.scan_json(job, region, where)


def _lines_of_json(data: bytes) -> bool:
    """One JSON value a line, as data sets are kept."""
    first, _, rest = data[: 1 << 16].partition(b"\n")
    opens, ends = first.lstrip()[:1] in (b"{", b"["), first.rstrip()[-1:] in (b"}", b"]")
    return len(first) > 2 and opens and ends and rest.lstrip()[:1] in (b"{", b"[")


def scan_html(job: Job, region: Region, where: str) -> str:
    """HTML: a program where it holds a script, a text elsewhere."""
    region = _text_of(job, region, where)
    if len(region) > job.limits.text:
        job.mark("not understood", f"has more than {job.limits.text >> 20} MiB of text", 0, where)
        return "html"
    text = decoded(job, region, where) or ""
    hit = HTML_SCRIPT.search(text)
    if hit:
        job.mark(
            "suspicious", "a page with a script: a program, no model", hit.start(), where, opcode=printable(hit[0], 20)
        )
    return "html"
