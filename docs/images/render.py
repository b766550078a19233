"""Makes the documentation's pictures of a report with a headless Chromium or Chrome.

    python docs/images/render.py report.html docs/images/report.png --height 2150
    python docs/images/render.py report.json docs/images/terminal.png
    python docs/images/render.py watch.ansi docs/images/monitor.png --title "momus monitor --once"

An HTML report is photographed as it is; a JSON report is printed as on a terminal and that is photographed, and so is
what a terminal received, colours included (script -qc "momus monitor --once" watch.ansi).
"""

from __future__ import annotations

import argparse
import re
import shutil
import subprocess
import tempfile
from io import StringIO
from pathlib import Path

from PIL import Image
from rich.console import Console
from rich.terminal_theme import TerminalTheme
from rich.text import Text

from momus.reports import json_, terminal

BROWSERS = ("chromium", "chromium-browser", "google-chrome", "chrome")
# Red, green, yellow, blue, magenta, cyan as the page has them on a dark screen.
_COLOURS = [(240, 102, 143), (82, 191, 159), (223, 174, 74), (127, 176, 216), (217, 139, 220), (86, 182, 194)]
INK = TerminalTheme(
    (19, 22, 25),
    (232, 234, 237),
    [(44, 49, 56), *_COLOURS, (232, 234, 237)],
    [(90, 98, 110), *_COLOURS, (255, 255, 255)],
)


def photograph(page: str, out: Path, width: int, height: int, scale: float = 1.5) -> None:
    """A screenshot of ``page`` (HTML text) in a window of that size."""
    browser = next((b for b in BROWSERS if shutil.which(b)), None)
    if browser is None:
        raise SystemExit(f"no browser found; install one of {', '.join(BROWSERS)}")
    with tempfile.TemporaryDirectory() as folder:
        source, shot = Path(folder) / "page.html", Path(folder) / "shot.png"
        source.write_text(page, "utf-8")
        flags = [
            "--headless",
            "--no-sandbox",
            "--disable-gpu",
            "--hide-scrollbars",
            f"--force-device-scale-factor={scale}",
        ]
        done = subprocess.run(
            [browser, *flags, f"--window-size={width},{height}", f"--screenshot={shot}", source.as_uri()],
            capture_output=True,
            text=True,
            timeout=120,
        )
        if not shot.is_file():
            raise SystemExit(f"{browser} made no picture: {done.stderr[-500:]}")
        # Maximum coverage keeps the rare colours, of which a report has the most telling ones.
        few = Image.open(shot).convert("RGB").quantize(200, method=Image.Quantize.MAXCOVERAGE, dither=Image.Dither.NONE)
        few.save(out, optimize=True)


def of_html(source: Path, out: Path, width: int, height: int) -> None:
    """The head of an HTML report, set in Inter where that is installed: servers have no good system font."""
    page = source.read_text("utf-8").replace("--sans: system-ui", "--sans: Inter, system-ui")
    photograph(page, out, width, height)


def of_json(source: Path, out: Path, width: int) -> None:
    """The terminal report of a stored view, ``width`` columns wide."""
    printed = StringIO()
    terminal.render(json_.read(source), printed, width=width, color=True)
    of_terminal(printed.getvalue(), out, width, "momus assess momus.yaml")


def of_terminal(printed: str, out: Path, width: int, title: str) -> None:
    """What a terminal of ``width`` columns shows of a text with its colours."""
    console = Console(record=True, width=width, file=StringIO(), force_terminal=True)
    console.print(Text.from_ansi(printed.strip("\n")), soft_wrap=True)
    svg = console.export_svg(title=title, theme=INK)
    # Rich points at fonts on the web; the picture is made without asking anybody.
    svg = re.sub(r"@font-face \{.*?\}", "", svg, flags=re.S).replace("Fira Code", "DejaVu Sans Mono")
    box = re.search(r'viewBox="0 0 ([\d.]+) ([\d.]+)"', svg)
    if box is None:
        raise SystemExit("the terminal picture has no size")
    page = (
        f'<!doctype html><meta charset="utf-8"><style>body{{margin:0;background:#fff}}svg{{display:block}}</style>{svg}'
    )
    photograph(page, out, round(float(box[1])), round(float(box[2])), scale=1.0)


def main() -> None:
    """Read the command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("source", type=Path, help="report.html, report.json or a terminal's .ansi")
    parser.add_argument("out", type=Path, help="the PNG to write")
    parser.add_argument("--width", type=int, help="window width in pixels (HTML, 1180) or columns (JSON, 100)")
    parser.add_argument("--height", type=int, default=2150, help="window height in pixels (HTML)")
    parser.add_argument("--title", default="momus", help="what stands over a terminal (.ansi)")
    given = parser.parse_args()
    if given.source.suffix == ".ansi":
        of_terminal(given.source.read_text("utf-8"), given.out, given.width or 110, given.title)
    elif given.source.suffix == ".json":
        of_json(given.source, given.out, given.width or 100)
    else:
        of_html(given.source, given.out, given.width or 1180, given.height)


if __name__ == "__main__":
    main()
