"""How `momus verify` says what it found: one line a file, or JSON."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

if TYPE_CHECKING:
    from momus.methods.provenance import Audit, Row

_STYLE = {"bad": "red", "open": "yellow", "note": "green", "fine": "green"}
_WIDTH = 18


def show(found: Audit, lock: str, everything: bool) -> None:
    """One line a file that is not as it should be, the gravest first; then what the rest is worth."""
    from momus.methods.provenance.names import shown

    order = {"bad": 0, "open": 1, "note": 2, "fine": 3}
    for problem in found.lock:
        if everything or problem.level != "note":
            _line(problem.level, "lock" if problem.level != "note" else "note", shown(lock), problem.text)
    for row in sorted(found.rows, key=lambda r: (order[r.level], r.path)):
        if not everything and row.level in ("note", "fine"):
            continue
        said = [p for p in row.problems if everything or p.level != "note"]
        said.sort(key=lambda p: order[p.level])
        _line(row.level, row.verdict, shown(row.path), "; ".join(p.text for p in said))
    for note in found.notes:
        click.echo(f"{'':{_WIDTH}} {note}")
    _summary(found, everything)


def _line(level: str, verdict: str, path: str, text: str) -> None:
    click.echo(f"{click.style(f'{verdict:{_WIDTH}}', fg=_STYLE[level], bold=True)} {path}{'  ' + text if text else ''}")


def _summary(found: Audit, everything: bool) -> None:
    count = {level: sum(r.level == level for r in found.rows) for level in ("bad", "open", "note", "fine")}
    rest = "held against nothing" if any(p.code == "not_locked" for p in found.lock) else "as they were"
    words = [(count["bad"], "not what they must be"), (count["open"], "not verified"),
             (count["note"] + count["fine"], rest)]  # fmt: skip
    told = ", ".join(f"{n} {w}" for n, w in words if n) or "no file"
    click.echo(f"{len(found.rows)} files: {told}")
    notes = {"source_unsaid": "with no source said", "weak_digest_only": "published under md5 or sha1 only",
             "without_licence": "without a licence", "not_named": "locked and no longer named"}  # fmt: skip
    noted = [f"{found.count(code)} {words}" for code, words in notes.items() if found.count(code)]
    noted += ["the lock is not signed"] if any(p.code == "unsigned" and p.level == "note" for p in found.lock) else []
    if noted and not everything:
        click.echo(f"to know: {', '.join(noted)} (--all shows each)")


def plain(found: Audit, system: str, code: int) -> dict[str, Any]:
    from momus.methods.provenance.auditing import CODES

    return {
        "system": system,
        "exit_code": code,
        "counts": {c: found.count(c) for c in CODES if found.count(c)},
        "lock": [{"code": p.code, "level": p.level, "text": p.text} for p in found.lock],
        "notes": list(found.notes),
        "files": [_row(r, any(p.code == "not_locked" for p in found.lock)) for r in found.rows],
    }


def _row(row: Row, unlocked: bool) -> dict[str, Any]:
    """``unlocked``: without a lock nobody knows that a file is as it was."""
    told = [{"code": p.code, "level": p.level, "text": p.text} for p in row.problems]
    verdict = "held against nothing" if unlocked and row.level in ("note", "fine") else row.verdict
    return {
        "path": row.path, "kind": row.kind, "level": row.level, "verdict": verdict, "sha256": row.sha256,
        "size": row.size, "was": row.was, "problems": told,
    }  # fmt: skip
