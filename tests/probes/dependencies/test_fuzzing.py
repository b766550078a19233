"""dependencies.fuzzing: planted ways to fail are found, made small and shown again; what was not tried is no pass."""

from __future__ import annotations

import importlib.util
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from momus.core.errors import MomusError
from momus.core.meter import Budget
from momus.core.records import Measurement, Status
from momus.core.registry import get_probe
from momus.judge import decide, limit_for
from momus.targets import Target
from momus.zoo.dependencies import fuzzing as zoo

PROBE = get_probe("dependencies.fuzzing")
OFF = {"coverage": "off"}


def measured(
    answer: Any, formats: tuple[str, ...] = ("other",), *, budget: Budget | None = None, **given: Any
) -> Measurement:
    options = {**OFF, **given.pop("options", {"inputs": 300})}
    served = {"seconds": 0.5, "memory_mb": 128, "formats": formats, **given}
    return PROBE(Target.from_served(answer, **served), budget=budget, **options)


def status(m: Measurement) -> Status:
    return decide(m, limit_for(PROBE.id, {})).status


def codes(m: Measurement) -> set[str]:
    return {c.code for c in m.caveats}


def table(m: Measurement, title: str) -> Any:
    return next((e for e in m.evidence if e.kind == "table" and e.title == title), None)


def exits(data: bytes) -> int:
    if len(data) > 3 and data[3] > 0x7F:
        sys.exit(1)
    return len(data)


def test_another_seed_of_the_twins_is_told_right() -> None:
    for case in zoo.cases(7):
        if case.name not in ("no rate, no end", "pattern that goes back"):  # they cost time and are no news
            assert status(PROBE(case.target, **case.options)) is (Status.FAIL if case.faulty else Status.PASS), (
                case.name
            )


def test_a_failure_is_small_attached_and_has_a_line_that_shows_it_again(tmp_path: Path) -> None:
    (tmp_path / "serve.py").write_text(Path(zoo.__file__).read_text())
    case = next(c for c in zoo.cases(0) if c.name == "a length that native code trusts")
    found = PROBE(case.target, **case.options)
    (row,) = table(found, "Ways to fail").rows
    assert row[0] == "crashed"
    assert "SIGSEGV" in row[1]
    assert row[4] == 12 < len(zoo.RECORD)  # nothing but the header is left
    (file,) = [e for e in found.evidence if e.kind == "attachment"]
    assert (len(file.data), file.media) == (12, "application/octet-stream")
    line = row[6].replace("python ", f"{sys.executable} ", 1)
    done = subprocess.run(line, shell=True, cwd=tmp_path, capture_output=True, check=False)
    assert done.returncode in (-11, 139), done.stderr


def test_a_larger_input_is_read_from_its_file(tmp_path: Path) -> None:
    def answer(data: bytes) -> float:
        return float("nan") if len(data) > 2000 else 1.0

    found = measured(answer, ("text",), address="serve.py:answer")
    (row,) = table(found, "Ways to fail").rows
    (file,) = [e for e in found.evidence if e.kind == "attachment"]
    assert f"open('{file.name}', 'rb')" in row[6]
    (tmp_path / file.name).write_bytes(file.data)
    (tmp_path / "serve.py").write_text("def answer(data):\n    print(len(data))\n")
    done = subprocess.run(
        row[6].replace("python ", f"{sys.executable} ", 1), shell=True, cwd=tmp_path, capture_output=True
    )
    assert int(done.stdout) == len(file.data)
    assert 2000 < len(file.data) < 2100


def test_a_path_that_is_made_first_is_made_in_the_line_too() -> None:
    found = measured(lambda d: float("nan"), address="serve.py:build", options={"inputs": 10})
    assert "['build'](); f(" in table(found, "Ways to fail").rows[0][6]


def test_exceptions_decide_only_where_refusals_are_named() -> None:
    def answer(data: bytes) -> int:
        return {b"hello": 1}[data[:5]]

    listed = measured(answer, options={"inputs": 1100})
    assert (listed.value, listed.figure("exceptions").value) == (0, 1)
    assert "no-refusals-named" in codes(listed)
    assert table(listed, "Exceptions").rows[0][0].startswith("KeyError at test_fuzzing.py")
    assert measured(answer, refuses=("ValueError",)).value == 1
    assert measured(answer, refuses=("LookupError",)).value == 0


def test_a_path_that_answers_nothing_passes_nobody() -> None:
    def closed(data: bytes) -> int:
        raise ValueError("not today")

    found = measured(closed, ("png",), refuses=("ValueError",), options={"inputs": 1100})
    assert found.value == 0
    assert "never-decoded" in codes(found)
    assert status(found) is Status.INCONCLUSIVE


def test_too_few_inputs_pass_nobody_and_still_fail_somebody() -> None:
    few = measured(len, options={"inputs": 200})
    assert "too-few-samples" in codes(few)
    assert status(few) is Status.INCONCLUSIVE
    enough = measured(len, options={"inputs": 1100})
    assert status(enough) is Status.PASS
    assert 0.002 < enough.figure("failing_share").ci.high < 0.004
    assert status(measured(exits, options={"inputs": 200})) is Status.FAIL


def test_budgets_are_kept() -> None:
    none = measured(len, budget=Budget(queries=1))
    assert (none.cost.queries, none.n) == (0, 0)
    assert status(none) is Status.INCONCLUSIVE
    some = measured(len, budget=Budget(queries=600), options={"inputs": 4000})
    assert 400 <= some.cost.queries == some.n <= 600
    assert "too-few-samples" in codes(some)


def test_bombs_are_always_tried_and_can_be_left_out() -> None:
    tried = measured(lambda d: len(d.split(b",")), ("csv",), options={"inputs": 10})
    without = measured(lambda d: len(d.split(b",")), ("csv",), options={"inputs": 10, "bombs": False})
    assert tried.n == without.n + 4
    case = next(c for c in zoo.cases(0) if c.name == "archive of zeros")
    found = PROBE(case.target, inputs=0, coverage="off")
    assert found.value == 1
    assert table(found, "Ways to fail").rows[0][3].startswith("bomb: ")


def test_crashes_that_do_not_come_back_are_not_counted_and_pass_nobody() -> None:
    import os

    parent = os.getpid()
    mark = Path(f"/tmp/momus-once-{parent}")

    def once(data: bytes) -> int:
        if data[:1] == b"\x00" and not mark.exists():
            mark.touch()
            os.abort()
        return len(data)

    try:
        found = measured(once, options={"inputs": 1100})
    finally:
        mark.unlink(missing_ok=True)
    assert found.value == 0 < found.ci.high
    assert "not-repeated" in codes(found)
    assert status(found) is Status.INCONCLUSIVE


def test_the_same_seed_tries_the_same_inputs_and_another_seed_others() -> None:
    seen: dict[int, Measurement] = {}
    case = next(c for c in zoo.cases(0) if c.name == "spread of one colour")
    a, b = (PROBE(case.target, seed=3, **case.options) for _ in range(2))
    assert a.evidence == b.evidence
    assert a.figures == b.figures
    seen[0] = PROBE(case.target, seed=4, **case.options)
    assert seen[0].evidence != a.evidence


def test_a_wrong_option_is_one_clear_line() -> None:
    with pytest.raises(MomusError, match="coverage must be"):
        measured(len, options={"coverage": "sometimes"})


@pytest.mark.skipif(importlib.util.find_spec("atheris") is None, reason="atheris is not installed")
def test_coverage_leads_behind_a_row_of_comparisons() -> None:
    given: dict[str, Any] = {"base": Path(__file__).parent, "examples": (("a.bin", b"hello"),)}
    assert measured(guarded, options={"inputs": 60_000}, **given).value == 0
    found = measured(guarded, options={"inputs": 60_000, "coverage": "on"}, **given)
    assert found.figure("covered_branches").value > 4
    assert "no-coverage" not in codes(found)
    assert found.cost.queries > found.n > 30_000
    assert found.value == 1


def guarded(data: bytes) -> int:
    """Ends behind three branches, and looks the same for all other inputs."""
    if len(data) > 3 and data[0] == 0x4D:
        found = data[2] == 0x6D if data[1] > 0xF0 else False
        if found:
            sys.exit(1)
    return 1
