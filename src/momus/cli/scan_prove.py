"""``momus scan --prove``: beside the scan's verdict, what a file did to a locked process that loaded it."""

from __future__ import annotations

import os
from typing import Any

from momus.assess.proof import Act, Proof, Try, proof_as_plain, prove
from momus.methods.artifacts.report import FileReport, Mark

_SHOWN = 8


class ProvenReport(FileReport):
    """A scan's report with what loading showed. Its verdict is never milder than the scan's."""

    __slots__ = ("proof", "static")

    def __init__(self, report: FileReport, proof: Proof) -> None:
        self.proof, self.static = proof, report.verdict
        verdict: Any = proof.verdict(report.verdict)
        marks = report.marks
        if verdict != report.verdict:
            severity: Any = verdict
            marks = (Mark(_headline(proof), severity, opcode="loading", reason="seen while it was loaded"), *marks)
        super().__init__(
            report.name, report.sha256, report.size, report.format, verdict, marks, report.names, report.complete
        )

    def told(self) -> dict[str, Any]:
        """As the scan tells it, with the proof and what the scan alone had said."""
        return {**super().told(), "static": self.static, "proof": proof_as_plain(self.proof, self.static)}

    def lines(self) -> list[str]:
        """What loading showed, first act first."""
        if not self.proof.tries:
            missing = "; ".join(self.proof.missing)
            return [f"not loaded: {missing or 'no loader runs code from such a file'}"]
        out = []
        if self.verdict != self.static and self.proof.acted:
            out.append(
                f"!! THE SCAN ALONE SAID '{self.static}', BUT LOADING IT RUNS CODE. Please report this file's kind"
            )
        shown: dict[tuple[Any, ...], str] = {}
        for tried in self.proof.tries:
            did = tuple((a.what, a.detail) for a in tried.acts)
            if did and did in shown:
                out.append(f"loaded by {tried.loader}: did the same as under {shown[did]}")
                continue
            shown[did] = tried.loader
            out += _tried(tried)
        return out + [f"not tried: {name}" for name in self.proof.missing]


def prover(*, seconds: int = 20) -> Any:
    """What scan_files.run calls for each report."""

    def look(report: FileReport) -> tuple[FileReport, list[str]]:
        if report.format in ("link", "folder", "none", "runs of Momus") or not os.path.isfile(report.name):  # noqa: PTH113
            return report, []
        proven = ProvenReport(report, prove(report.path, report.format, names=report.names, seconds=seconds))
        return proven, proven.lines()

    return look


def _headline(proof: Proof) -> str:
    for tried in proof.tries:
        if tried.acts:
            return f"loaded by {tried.loader}, it {_act(tried.acts[0])}"
    worst = next(t for t in proof.tries if t.exhausted)
    return f"loaded by {worst.loader}, it could not be held in its bounds: {worst.outcome} {worst.error}".rstrip()


def _tried(tried: Try) -> list[str]:
    ended = tried.outcome + (f" ({_plain(tried.error)})" if tried.error else "")
    if not tried.acts:
        return [f"loaded by {tried.loader}: did nothing here, which clears nothing; {ended}"]
    out = [f"loaded by {tried.loader}: {ended}"]
    out += [f"  {i}. it {_act(act)}" for i, act in enumerate(tried.acts[:_SHOWN], 1)]
    more = len(tried.acts) - _SHOWN + tried.uncounted
    if more > 0:
        out.append(f"  and {more:,} more (--json)")
    if tried.left:
        out.append(f"  left behind: {_plain(', '.join(tried.left[:5]))}")
    return out


def _act(act: Act) -> str:
    end = "refused" if act.refused else "let happen in the locked process"
    return f"{act.what}: {_plain(act.detail)} ({end}; seen by the {act.by})" if act.detail else f"{act.what} ({end})"


def _plain(text: str) -> str:
    safe = text if text.isprintable() else text.encode("unicode_escape", "backslashreplace").decode("ascii")
    return safe if len(safe) <= 200 else safe[:199] + "…"
