"""Attached files: shown in the page without ever running, and written beside it without ever overwriting."""

from __future__ import annotations

import io
from pathlib import Path

import pytest
from pydantic import ValidationError

from momus.core.evidence import Attachment
from momus.reports import html, json_
from momus.reports.attachments import save
from momus.testing.report_sample import with_evidence

PDF = Attachment(title="Sheet", name="patch.pdf", media="application/pdf", data=b"%PDF-1.7 one")
WAV = Attachment(title="Clip", name="clip-1.wav", media="audio/wav", data=b"RIFF....WAVE")


def test_the_page_offers_files_and_plays_sound() -> None:
    page = html.page(with_evidence(PDF, WAV))
    assert 'download="patch.pdf" href="data:application/pdf;base64,JVBERi0xLjcgb25l"' in page
    assert '<audio controls preload="none" src="data:audio/wav;base64,' in page
    assert "<script" not in page


def test_files_are_written_once_and_never_overwritten(tmp_path: Path) -> None:
    view = with_evidence(PDF, WAV, target="../../etc/passwd")
    first = save(view, tmp_path / "new")
    assert [p.read_bytes() for p in first] == [PDF.data, WAV.data]
    assert all(p.parent == tmp_path / "new" for p in first)
    assert save(view, tmp_path / "new") == first
    other = PDF.model_copy(update={"data": b"%PDF-1.7 two"})
    (again,) = save(with_evidence(other, target="../../etc/passwd"), tmp_path / "new")
    assert again not in first
    assert first[0].read_bytes() == PDF.data


def test_a_link_in_the_folder_is_not_followed(tmp_path: Path) -> None:
    (path,) = save(with_evidence(PDF), tmp_path)
    victim = tmp_path / "victim"
    victim.write_bytes(b"mine")
    path.unlink()
    path.symlink_to(victim)
    (again,) = save(with_evidence(PDF), tmp_path)
    assert again != path
    assert victim.read_bytes() == b"mine"


@pytest.mark.parametrize("name", ["../x.pdf", "a/b.pdf", "", ".hidden", "x\n.pdf", "A.PDF"])
def test_a_name_that_could_lead_elsewhere_is_refused(name: str) -> None:
    with pytest.raises(ValidationError):
        Attachment(title="x", name=name, media="application/pdf", data=b"")


def test_the_json_keeps_every_byte() -> None:
    out = io.StringIO()
    json_.render(with_evidence(WAV), out)
    assert "UklGRi4uLi5XQVZF" in out.getvalue()
