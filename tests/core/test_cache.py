"""Arrays kept by digest: made once, never unpickled, and no disk trouble costs a result."""

from __future__ import annotations

import threading
from collections.abc import Mapping
from pathlib import Path

import numpy as np
import pytest

from momus.core import cache as module
from momus.core.cache import Cache
from momus.core.samples import NumpyArray


class Maker:
    def __init__(self) -> None:
        self.calls = 0

    def __call__(self) -> Mapping[str, NumpyArray]:
        self.calls += 1
        return {"p": np.arange(3.0) + self.calls}


def test_made_once(tmp_path: Path) -> None:
    make = Maker()
    first, second = (Cache(tmp_path).arrays("ab", make) for _ in range(2))
    assert make.calls == 1 and np.array_equal(first["p"], second["p"])


def test_without_reading_it_is_made_anew_and_kept(tmp_path: Path) -> None:
    make = Maker()
    Cache(tmp_path).arrays("ab", make)
    assert Cache(tmp_path, reads=False).arrays("ab", make)["p"][0] == 2
    assert Cache(tmp_path).arrays("ab", make)["p"][0] == 2


@pytest.mark.parametrize("content", [b"", b"PK\x03\x04 torn", b"\x80\x04N."])
def test_a_spoilt_file_counts_as_absent(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "ab.npz").write_bytes(content)
    assert Cache(tmp_path).arrays("ab", Maker())["p"][0] == 1


def test_objects_are_never_unpickled(tmp_path: Path) -> None:
    np.savez(tmp_path / "ab.npz", p=np.array([{"a": 1}], dtype=object))
    assert Cache(tmp_path).arrays("ab", Maker())["p"].dtype == float


def test_a_folder_that_cannot_be_written_costs_the_keeping_alone(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    assert Cache(tmp_path / "file" / "below").arrays("ab", Maker())["p"][0] == 1


def test_what_the_maker_raises_is_raised_and_nothing_is_kept(tmp_path: Path) -> None:
    def fail() -> Mapping[str, NumpyArray]:
        raise ValueError("no")

    with pytest.raises(ValueError, match="no"):
        Cache(tmp_path).arrays("ab", fail)
    assert not list(tmp_path.glob("*.npz")) and not list(tmp_path.glob("*.part"))


def test_two_at_once_share_one_making(tmp_path: Path) -> None:
    make, inside, go = Maker(), threading.Event(), threading.Event()

    def slow() -> Mapping[str, NumpyArray]:
        inside.set()
        go.wait(5)
        return make()

    threads = [threading.Thread(target=Cache(tmp_path).arrays, args=("ab", slow)) for _ in range(2)]
    threads[0].start()
    inside.wait(5)
    threads[1].start()
    go.set()
    for thread in threads:
        thread.join(10)
    assert make.calls == 1


def test_the_oldest_go_first(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    import os

    monkeypatch.setattr(module, "LARGEST", 700)
    for i, key in enumerate(("a", "b", "c")):
        Cache(tmp_path).arrays(key, Maker())
        os.utime(tmp_path / f"{key}.npz", (i, i)) if (tmp_path / f"{key}.npz").exists() else None
    kept = {p.stem for p in tmp_path.glob("*.npz")}
    assert "c" in kept and "a" not in kept
