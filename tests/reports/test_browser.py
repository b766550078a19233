"""The page in a real browser: no complaint, readers switch without script, paper shows all three."""

from __future__ import annotations

import html as escaping
import io
import json
import re
import shutil
import subprocess
import wave
from pathlib import Path

import pytest
from PIL import Image

from momus.core.evidence import Attachment
from momus.reports import html
from momus.testing.report_sample import hostile_view, sample_view, with_evidence

BROWSER = next((b for b in ("chromium", "chromium-browser", "google-chrome", "chrome") if shutil.which(b)), None)
pytestmark = pytest.mark.skipif(BROWSER is None, reason="no chromium or chrome on this machine")

# The page under test runs no script of its own; the frame around it clicks like a person and reads what is shown.
DRIVER = """<!doctype html><meta charset=utf-8>
<iframe id=f style="width:WIDTHpx;height:900px" srcdoc="PAGE"></iframe><pre id=out></pre>
<script>
document.getElementById('f').addEventListener('load', () => {
  const d = document.getElementById('f').contentDocument, w = d.defaultView, seen = {};
  const shown = () => [...new Set([...d.querySelectorAll('.panel')].filter(
    p => w.getComputedStyle(p).display !== 'none').map(p => p.classList[1]))].sort();
  seen.first = shown();
  for (const r of ['engineer', 'responder', 'policy', 'all']) {
    d.querySelector('label[for=reader-' + r + ']').click(); seen[r] = shown();
  }
  seen.overflow = d.documentElement.scrollWidth - d.documentElement.clientWidth;
  const reach = d.documentElement.clientWidth + 1, inScroll = e => e.closest('.scroll, .plot, pre, nav') !== null;
  seen.wide = [...d.querySelectorAll('.page *')].filter(e => e.getBoundingClientRect().right > reach && !inScroll(e))
    .map(e => e.tagName + '.' + e.getAttribute('class')).slice(0, 8);
  seen.images = [...d.images].every(i => i.complete && i.naturalWidth > 0);
  seen.loaded = w.performance.getEntriesByType('resource').map(e => e.name).filter(n => !n.startsWith('data:'));
  seen.scripts = d.scripts.length; seen.alerted = !!w.alerted;
  document.getElementById('out').textContent = JSON.stringify(seen);
});
</script>"""


def _run(*arguments: str) -> subprocess.CompletedProcess[str]:
    assert BROWSER is not None
    return subprocess.run(
        [BROWSER, "--headless", "--no-sandbox", "--disable-gpu", "--enable-logging=stderr", *arguments],
        capture_output=True,
        text=True,
        timeout=120,
    )


def _drive(page: str, tmp_path: Path, width: int = 1200) -> dict[str, object]:
    driver = tmp_path / "driver.html"
    driver.write_text(DRIVER.replace("PAGE", escaping.escape(page)).replace("WIDTH", str(width)), "utf-8")
    done = _run("--virtual-time-budget=5000", "--dump-dom", driver.as_uri())
    complaints = [x for x in done.stderr.splitlines() if "CONSOLE" in x]
    assert not complaints, complaints
    found = re.search(r'<pre id="out">(.*?)</pre>', done.stdout, re.S)
    assert found and found.group(1), done.stderr[-2000:]
    seen: dict[str, object] = json.loads(escaping.unescape(found.group(1)))
    return seen


@pytest.mark.parametrize("width", [1200, 400])
@pytest.mark.parametrize("kind", ["sample", "hostile"])
def test_readers_switch_without_script(kind: str, width: int, tmp_path: Path) -> None:
    seen = _drive(html.page(sample_view() if kind == "sample" else hostile_view()), tmp_path, width)
    assert seen["first"] == seen["engineer"] == ["engineer"]
    assert seen["responder"] == ["responder"]
    assert seen["policy"] == ["policy"]
    assert seen["all"] == ["engineer", "policy", "responder"]
    assert seen["images"] is True and seen["loaded"] == [] and seen["scripts"] == 0
    assert seen["overflow"] == 0, f"the page is wider than the window: {seen['wide']}"


def test_prints_all_three_readers(tmp_path: Path) -> None:
    page, pdf = tmp_path / "r.html", tmp_path / "r.pdf"
    html.render(sample_view(), page)
    done = _run(f"--print-to-pdf={pdf}", "--no-pdf-header-footer", page.as_uri())
    assert pdf.is_file() and pdf.read_bytes().startswith(b"%PDF"), done.stderr[-2000:]
    if shutil.which("pdftotext"):
        text = subprocess.run(["pdftotext", str(pdf), "-"], capture_output=True, text=True, check=True).stdout
        for reader in ("FOR THE ENGINEER", "FOR THE INCIDENT RESPONDER", "FOR THE POLICYMAKER AND THE LAWYER"):
            assert text.upper().count(reader) == 17
        assert "Written for" not in text


def test_films_are_shown_and_sounds_may_be_played(tmp_path: Path) -> None:
    """The page's own policy must let in what the page itself holds."""
    sound, film = io.BytesIO(), io.BytesIO()
    with wave.open(sound, "wb") as w:
        w.setparams((1, 2, 8000, 0, "NONE", ""))
        w.writeframes(bytes(1600))
    frames = [Image.new("RGB", (40, 40), colour) for colour in ("red", "blue")]
    frames[0].save(film, "GIF", save_all=True, append_images=frames[1:])
    view = with_evidence(
        Attachment(title="Clip", name="clip.wav", media="audio/wav", data=sound.getvalue()),
        Attachment(title="Film", name="film.gif", media="image/gif", data=film.getvalue()),
    )
    page = html.page(view)
    assert page.count("data:image/gif") == 1  # shown, and not put in a second time as a file
    seen = _drive(page.replace('preload="none"', 'preload="auto"'), tmp_path)
    assert seen["images"] is True
