"""Attached files: shown in the page without ever running, and written beside it without ever overwriting."""

from __future__ import annotations

import io
from pathlib import Path

import pytest
from pydantic import ValidationError

from momus.core.evidence import Attachment
from momus.reports import ReportView, html, json_
from momus.reports.attachments import save
from momus.testing.report_sample import sample_view

PDF = Attachment(title="Sheet", name="patch.pdf", media="application/pdf", data=b"%PDF-1.7 one")
WAV = Attachment(title="Clip", name="clip-1.wav", media="audio/wav", data=b"RIFF....WAVE")


def with_files(*items: Attachment, target: str = "m") -> ReportView:
    view = sample_view()
    row = next(m for m in view.modes if m.measurement is not None)
    assert row.headline is not None
    assert row.measurement is not None
    measured = row.measurement.model_copy(update={"evidence": items})
    finding = row.headline.model_copy(update={"measurement": measured, "target": target})
    changed = row.model_copy(update={"findings": (finding,), "headline": finding})
    return view.model_copy(update={"modes": tuple(changed if m.id == row.id else m for m in view.modes)})


def test_the_page_offers_files_and_plays_sound() -> None:
    page = html.page(with_files(PDF, WAV))
    assert 'download="patch.pdf" href="data:application/pdf;base64,JVBERi0xLjcgb25l"' in page
    assert '<audio controls preload="none" src="data:audio/wav;base64,' in page
    assert "<script" not in page


def test_files_are_written_once_and_never_overwritten(tmp_path: Path) -> None:
    view = with_files(PDF, WAV, target="../../etc/passwd")
    first = save(view, tmp_path / "new")
    assert [p.read_bytes() for p in first] == [PDF.data, WAV.data]
    assert all(p.parent == tmp_path / "new" for p in first)
    assert save(view, tmp_path / "new") == first
    other = PDF.model_copy(update={"data": b"%PDF-1.7 two"})
    (again,) = save(with_files(other, target="../../etc/passwd"), tmp_path / "new")
    assert again not in first
    assert first[0].read_bytes() == PDF.data


def test_a_link_in_the_folder_is_not_followed(tmp_path: Path) -> None:
    (path,) = save(with_files(PDF), tmp_path)
    victim = tmp_path / "victim"
    victim.write_bytes(b"mine")
    path.unlink()
    path.symlink_to(victim)
    (again,) = save(with_files(PDF), tmp_path)
    assert again != path
    assert victim.read_bytes() == b"mine"


@pytest.mark.parametrize("name", ["../x.pdf", "a/b.pdf", "", ".hidden", "x\n.pdf", "A.PDF"])
def test_a_name_that_could_lead_elsewhere_is_refused(name: str) -> None:
    with pytest.raises(ValidationError):
        Attachment(title="x", name=name, media="application/pdf", data=b"")


def test_the_json_keeps_every_byte() -> None:
    out = io.StringIO()
    json_.render(with_files(WAV), out)
    assert "UklGRi4uLi5XQVZF" in out.getvalue()
