"""One file of training code -> its leads, or why it was not understood."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from momus.methods.code_leads import source, words
from momus.methods.code_leads.flow import Flow
from momus.methods.code_leads.gather import imports
from momus.methods.code_leads.leads import Lead


@dataclass(frozen=True, slots=True)
class CodeReport:
    """``why`` is empty where the file was understood. ``imports`` are the modules it names, relative ones with dots."""

    path: Path
    sha256: str
    size: int
    leads: tuple[Lead, ...] = ()
    imports: tuple[str, ...] = ()
    why: str = ""

    @property
    def strong(self) -> int:
        return sum(lead.strength == "strong" for lead in self.leads)


def scan_code(path: Path) -> CodeReport:
    """Read one file with ``ast``. What it holds is never imported, compiled or run."""
    read = source.read(path)
    if read.tree is None:
        return CodeReport(path, read.sha256, read.size, why=read.why)
    try:
        flow = Flow(read.tree, read.text)
        found = flow.run()
    except RecursionError:
        return CodeReport(path, read.sha256, read.size, why="it is too deep to be followed")
    leads = [*found, *_text_leads(read.text)]
    return CodeReport(
        path, read.sha256, read.size, tuple(sorted(leads, key=lambda x: x.line)), tuple(imports(read.tree))
    )


def _text_leads(text: str) -> list[Lead]:
    """What the reader's eye is deceived by: letters that turn the direction, blobs, code far to the right."""
    found = []
    for i, line in enumerate(text.splitlines(), 1):
        shown = line.strip()[:200]
        if words.BIDI.search(line):
            safe = words.BIDI.sub(lambda m: f"<U+{ord(m.group()):04X}>", shown)
            found.append(Lead("hidden", "strong", i, safe, "characters that change the order in which text is shown"))
        inner = line.rstrip()
        if len(inner) > 400 and " " * 200 in inner.lstrip():
            found.append(Lead("hidden", "strong", i, shown, "code stands far to the right, out of sight"))
    return found
