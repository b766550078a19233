"""The table of findings: a line each, all 17 rows, numbers as numbers, nothing a spreadsheet would run."""

from __future__ import annotations

import csv
import io
from datetime import date
from pathlib import Path

from momus.core.decisions import Waived
from momus.reports import csv_, write
from momus.reports.view import ReportView
from momus.testing.report_contract import ReportContract
from momus.testing.report_sample import sample_view


def _read(view: ReportView) -> list[dict[str, str]]:
    out = io.StringIO(newline="")
    csv_.render(view, out)
    assert out.getvalue().startswith("\ufeff")
    return list(csv.DictReader(io.StringIO(out.getvalue()[1:], newline="")))


class TestCsv(ReportContract):
    def render(self, view: ReportView) -> str:
        out = io.StringIO(newline="")
        csv_.render(view, out)
        return out.getvalue().removeprefix("\ufeff").replace("\r\n", "\n")


def test_each_finding_has_a_line_with_its_numbers() -> None:
    view = sample_view()
    rows = {(r["mode"], r["probe"]): r for r in _read(view)}
    assert {m.id for m in view.modes} == {mode for mode, _ in rows}
    for m in view.modes:
        for f in m.findings:
            row = rows[m.id, f.probe]
            assert (row["target"], row["status"]) == (f.target, f.status.value)
            if f.measurement is None or f.limit is None:
                assert row["value"] == ""
                continue
            x = f.measurement
            numbers = [float(row[c]) for c in ("value", "low", "high", "limit", "n")]
            assert numbers == [x.value, x.ci.low, x.ci.high, f.limit.value, x.n]
    assert rows["M04", "membership.shadow"]["severity"] == "critical"
    assert "did not answer within 60 s" in rows["M12", "reward_hacking.proxy_gap"]["reason"]
    assert rows["M02", ""]["status"] == "not tested" and rows["M02", ""]["n"] == ""


def test_a_waiver_stands_beside_its_finding() -> None:
    view = sample_view()
    accepted = Waived(id="w", system="s", mode="membership", reason="known", by="=A.Person()", until=date(2027, 3, 1))
    changed = tuple(m.model_copy(update={"waived": (accepted,)}) if m.slug == "membership" else m for m in view.modes)
    rows = _read(view.model_copy(update={"modes": changed}))
    told = [(r["status"], r["waived until"], r["waived by"]) for r in rows if r["waived until"]]
    assert told == [("fail", "2027-03-01", "'=A.Person()")]


def test_the_suffix_writes_it_for_a_spreadsheet(tmp_path: Path) -> None:
    path = write(sample_view(), tmp_path / "findings.csv")
    data = path.read_bytes()
    assert data.startswith(b"\xef\xbb\xbfmode,name,probe") and data.count(b"\r\n") == 17 + 1
