"""What a model or its data can do to us: each becomes one clear line or an error row, and the rest goes on."""

from __future__ import annotations

import pickle
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

import momus

Make = Callable[..., Path]
ONLY = ("membership.loss", "shift.groups", "shift.two_sample")


def beside_a_good_one(function: str) -> list[dict[str, object]]:
    """Two targets: one that breaks, one that works."""
    shared = {"adapter": "callable", "classes": ["no", "yes"], "output": "probabilities"}
    return [{"name": n, "factory": f"model.py:{f}", **shared} for n, f in (("broken", function), ("good", "good"))]


@pytest.mark.parametrize(
    ("function", "code", "words"),
    [
        ("raises", "target/", "the weights"),
        ("nan", "target/", "nan"),
        ("dies", "worker/killed", "SIGKILL"),
        ("leaves", "worker/", "7"),
        ("phones_home", "target/", "may not reach '192.0.2.1'"),
    ],
)
def test_a_broken_model_is_an_error_row_and_the_rest_goes_on(
    system: Make, function: str, code: str, words: str
) -> None:
    done = momus.assess(system(targets=beside_a_good_one(function)), only=("shift.groups",))
    lines = [*done.warnings, *(f"{f.code} {f.message}" for f in done.failures)]
    assert any(code in line and words.lower() in line.lower() for line in lines), lines
    assert all("\n" not in line for line in lines)
    assert [m.target for m in done.measurements] == ["good"], "what the other target measured is kept"
    assert done["shift"].status != "pass"


@pytest.mark.slow
def test_a_model_that_hangs_is_stopped_and_the_rest_goes_on(system: Make) -> None:
    card = system("hangs", budget={"seconds": 1, "memory_mb": 1500})
    done = momus.assess(card, only=("shift.groups",), patience=1)
    (failure,) = done.failures
    assert failure.code == "worker/timeout" and "budget.seconds" in failure.hint
    assert done["shift"].status == "error"


@pytest.mark.slow
def test_a_model_that_eats_memory_is_stopped(system: Make) -> None:
    card = system("greedy", budget={"seconds": 60, "memory_mb": 700})
    done = momus.assess(card, only=("shift.groups",))
    (failure,) = done.failures
    assert failure.code == "worker/out-of-memory" and "memory_mb" in failure.hint
    assert done["shift"].status == "error"


def _lives(pid: int) -> bool:
    state = Path(f"/proc/{pid}/stat")
    return state.exists() and state.read_text().rsplit(")", 1)[1].split()[0] != "Z"


def test_nothing_that_a_model_started_outlives_it(system: Make, tmp_path: Path) -> None:
    """A session of its own takes a process out of the worker's group, not out of reach."""
    done = momus.assess(system("leaves_a_daemon"), only=("shift.groups",))
    assert [m.probe for m in done.measurements] == ["shift.groups"]
    daemon = int((tmp_path / "daemon.pid").read_text())
    deadline = time.monotonic() + 10
    while _lives(daemon) and time.monotonic() < deadline:
        time.sleep(0.05)
    assert not _lives(daemon)


@pytest.mark.slow
def test_memory_that_a_child_of_the_model_eats_counts(system: Make) -> None:
    card = system("feeds_a_child", budget={"seconds": 60, "memory_mb": 900})
    (failure,) = momus.assess(card, only=("shift.groups",)).failures
    assert failure.code == "worker/out-of-memory" and "memory_mb" in failure.hint


def test_a_model_does_not_see_the_environment_of_its_user(system: Make, monkeypatch: pytest.MonkeyPatch) -> None:
    from momus.assess.nursery import nursery

    nursery.cache_clear()  # a nursery keeps the environment it was started with
    monkeypatch.setenv("MY_CLOUD_PASSWORD", "hunter2")
    (failure,) = momus.assess(system("shows_environment"), only=("shift.groups",)).failures
    assert "PATH" in failure.message and "MY_CLOUD_PASSWORD" not in failure.message


def test_what_a_model_prints_is_not_taken_for_ours(system: Make) -> None:
    done = momus.assess(system("chatty"), only=("shift.groups",))
    assert [m.probe for m in done.measurements] == ["shift.groups"] and not done.failures


class Bomb:
    """Pickles to a call of os.system that would leave a mark."""

    def __init__(self, mark: Path) -> None:
        self.mark = mark

    def __reduce__(self) -> tuple[object, ...]:
        import os

        return os.system, (f"touch {self.mark}",)


@pytest.mark.parametrize("approved", [True, False])
def test_a_file_that_nobody_approved_is_neither_loaded_nor_passed(system: Make, approved: bool) -> None:
    """The card pins a digest: the same bytes pass, others are refused though the scan finds nothing in them."""
    import hashlib

    card = system()
    weights = card.parent / "weights.npz"
    np.savez(weights, w=np.ones(3))
    digest = hashlib.sha256(weights.read_bytes()).hexdigest() if approved else "0" * 64
    target = {
        "name": "model",
        "adapter": "callable",
        "factory": "model.py:good",
        "files": ["weights.npz"],
        "digests": {"weights.npz": digest},
        "classes": ["no", "yes"],
        "output": "probabilities",
    }
    done = momus.assess(system(targets=[target]), only=("supply_chain.artifacts", "shift.groups"))
    assert done["supply_chain"].status == ("pass" if approved else "fail")
    assert [m.probe for m in done.measurements if m.probe == "shift.groups"] == (["shift.groups"] if approved else [])
    assert any("the card approves 000" in w for w in done.warnings) is not approved


def test_a_poisoned_pickle_is_never_loaded(system: Make, tmp_path: Path) -> None:
    card = system()
    mark = tmp_path / "executed"
    (card.parent / "model.pkl").write_bytes(pickle.dumps(Bomb(mark)))
    text = (
        card.read_text()
        .replace("adapter: callable", "adapter: sklearn")
        .replace("factory: model.py:good", "path: model.pkl")
    )
    card.write_text(text)
    done = momus.assess(card, only=("supply_chain.artifacts", "shift.groups"))
    assert not mark.exists()
    assert done["supply_chain"].status == "fail"
    assert any("unsafe" in w for w in done.warnings)
    assert any(g.why == "unsafe" for g in done.gaps)


@pytest.mark.parametrize(
    ("break_it", "words"),
    [
        (lambda f: (f / "test.csv").unlink(), ["no such file", "test.csv"]),
        (lambda f: (f / "test.csv").write_text("a,b,site\n1,2,north\n"), ["label"]),
        (lambda f: _edit(f, "yes", "perhaps"), ["perhaps"]),
        (lambda f: _edit(f, None, "nan,0.1,north,yes"), ["nan"]),
        (lambda f: (f / "test.csv").write_text("a,b,site,label\n"), ["empty", "no rows", "no row"]),
        (lambda f: _edit(f, None, "1.0,2.0"), ["line 2", ":2"]),
        (lambda f: _edit(f, None, "abc,0.1,north,yes"), ["abc"]),
    ],
    ids=["missing", "wrong-column", "unknown-label", "nan", "empty", "ragged", "text"],
)
def test_bad_data_is_named_with_its_place(system: Make, break_it: Callable[[Path], object], words: list[str]) -> None:
    card = system()
    break_it(card.parent)
    done = momus.assess(card, only=("shift.groups",))
    assert not done.measurements
    said = [g.detail + " " + g.how_to_close for g in done.gaps if g.probe == "shift.groups"]
    said += [f"{f.place} {f.message} {f.hint}" for f in done.failures] + list(done.warnings)
    assert any("test.csv" in s and any(w in s.lower() for w in words) for s in said), said
    assert all("Traceback" not in s and "\n" not in s for s in said)


def _edit(folder: Path, old: str | None, new: str) -> None:
    """Replace every label, or the first data row, of the test table."""
    lines = (folder / "test.csv").read_text().splitlines()
    lines = [lines[0], new, *lines[2:]] if old is None else [line.replace(f",{old}", f",{new}") for line in lines]
    (folder / "test.csv").write_text("\n".join(lines) + "\n")


def test_one_class_only_decides_nothing_falsely(system: Make) -> None:
    card = system()
    lines = (card.parent / "test.csv").read_text().splitlines()
    (card.parent / "test.csv").write_text("\n".join([lines[0], *(x for x in lines[1:] if x.endswith("yes"))]) + "\n")
    done = momus.assess(card, only=("membership.loss", "shift.groups"))
    assert {m.probe for m in done.measurements} == {"membership.loss", "shift.groups"}
    (caveat,) = (c for c in done["membership"].headline.measurement.caveats if c.blocks == "both")
    assert caveat.code == "members-differ", "members of two classes against others of one tell nothing about memory"
    assert done["membership"].status == "inconclusive"


def test_a_card_with_unknown_keys_runs_nothing(system: Make) -> None:
    card = system(targts=[])
    with pytest.raises(momus.MomusError, match=r"momus\.yaml:\d+:\d+.*targts.*targets"):
        momus.assess(card)


def test_a_machine_that_starts_no_process_is_a_line_and_not_a_crash(
    system: Make, monkeypatch: pytest.MonkeyPatch
) -> None:
    from momus.assess.nursery import Nursery

    def refuse(self: Nursery, stderr: int) -> None:
        raise BlockingIOError(11, "Resource temporarily unavailable")

    monkeypatch.setattr(Nursery, "spawn", refuse)
    done = momus.assess(system(), only=("shift.groups",))
    assert done["shift"].status == "error"
    assert any("worker/not-started" in w and "--workers 1" in w for w in done.warnings)
