"""examples/decoder-bug: a few bytes end the vulnerable reader, a comment chooses its answer, the mended one refuses."""

from __future__ import annotations

import importlib
import shutil
import sys
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType

import pytest

from momus.methods.fuzz.harness import Harness

CASE = Path(__file__).parents[2] / "examples" / "decoder-bug"


@pytest.fixture(scope="module")
def case(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[ModuleType, ModuleType, Path]]:
    pytest.importorskip("sklearn")
    if not (shutil.which("cc") or shutil.which("gcc") or shutil.which("clang")):
        pytest.skip("no C compiler")
    home = tmp_path_factory.mktemp("decoder-bug")
    for file in ("decoder.c", "tdi.py", "serve.py", "prepare.py"):
        shutil.copy(CASE / file, home)
    sys.path.insert(0, str(home))
    try:
        importlib.import_module("prepare").main()
        yield importlib.import_module("serve"), importlib.import_module("tdi"), home / "build"
    finally:
        sys.path.remove(str(home))
        for name in ("prepare", "serve", "tdi"):
            sys.modules.pop(name, None)


def test_one_picture_gets_every_answer_one_likes(case: tuple[ModuleType, ModuleType, Path]) -> None:
    serve, _, build = case
    files = [(build / "crafted" / f"seven-as-{d}.tdi").read_bytes() for d in range(10)]
    assert [serve.vulnerable(f)["digit"] for f in files] == list(range(10))
    assert len({serve.shown(f).tobytes() for f in files}) == 1
    for file in files:
        with pytest.raises(ValueError, match="no size"):
            serve.mended(file)


def test_honest_pictures_are_answered_alike_by_both(case: tuple[ModuleType, ModuleType, Path]) -> None:
    serve, _, build = case
    files = [f.read_bytes() for f in sorted((build / "honest").iterdir())]
    assert [serve.vulnerable(f)["digit"] for f in files] == [serve.mended(f)["digit"] for f in files]
    assert sum(serve.mended(f)["digit"] == d for d, f in enumerate(files)) >= 8


def test_a_crash_and_a_loop(case: tuple[ModuleType, ModuleType, Path]) -> None:
    serve, tdi, build = case
    picture = tdi.read((build / "honest" / "3.tdi").read_bytes())
    hangs = tdi.write(picture)[:8] + b"\0\0"
    crashes = tdi.write(picture)[:6] + b"\xff\xff" + b"\1" * 70_000
    with Harness(serve.vulnerable, seconds=0.4, memory_mb=128) as harness:
        assert [o.kind for o in harness.run([hangs, crashes])] == ["hung", "crashed"]
    with Harness(serve.mended, seconds=0.4, memory_mb=128, refuses=["ValueError"]) as harness:
        assert {o.kind for o in harness.run([hangs, crashes])} == {"refused"}
