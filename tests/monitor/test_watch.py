"""Windows end exactly where they end, a watch goes on where it stood, and sinks hear of each window in its turn."""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pytest

sys.path.insert(0, str(Path(__file__).resolve().parent))

from watched_traffic import Heard, Sums, event, lines, plain, reference, watch

from momus.core.errors import MomusError
from momus.core.evidence import Table
from momus.core.records import Caveat, Figure, Interval
from momus.monitor import checkpoint
from momus.monitor import watch as watching
from momus.monitor.alarms import Standing
from momus.monitor.closed import dumped, loaded
from momus.monitor.detector import Lacking, Reading
from momus.monitor.sinks import Closed
from momus.monitor.watch import Pace


def append(folder: Path, data: bytes) -> None:
    with (folder / "log.jsonl").open("ab") as stream:
        stream.write(data)


def ran(folder: Path, **more: Any) -> Heard:
    heard = Heard()
    watch(folder, sinks=[heard], **more).run(once=True)
    return heard


def spread(events: list[dict[str, Any]]) -> bytes:
    return b"".join(json.dumps(e).encode() + b"\n" for e in events)


def test_windows_of_events_are_exact_and_the_rest_waits(tmp_path: Path) -> None:
    append(tmp_path, lines(0, 250) + b"oops\n" + lines(250, 430))
    heard = ran(tmp_path)
    assert heard.spans == [(1, 100), (2, 100), (3, 100), (4, 100)]
    assert [w.broken for w in heard.windows] == [0, 0, 1, 0]
    assert heard.windows[2].shown == ("broken line: oops",)
    assert heard.windows[2].counts == {"broken line": 1}
    assert (heard.windows[1].start, heard.windows[1].end) == (1_700_000_050.0, 1_700_000_099.5)
    assert [w.readings["test.sums"].value for w in heard.windows] == [
        sum(range(i, i + 100)) for i in range(0, 400, 100)
    ]
    assert heard.windows[0].standings["test.sums"].needed == 5000
    assert heard.told == ("closed",)
    append(tmp_path, lines(430, 520))
    assert ran(tmp_path).spans == [(5, 100)]


@pytest.mark.parametrize("window", [{"events": 70}, {"seconds": 20}])
def test_windows_do_not_depend_on_how_events_are_read(
    tmp_path: Path, window: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    mixed = [event(i) for i in range(400)]
    mixed[30]["time"] = 1_700_000_000  # late
    mixed[77]["time"] = None
    for i in (111, 112, 300):
        mixed[i]["time"] = 1_900_000_000  # a clock that is years ahead
    data = spread(mixed).split(b"\n")
    for at in (280, 210, 141, 140, 139, 50):  # at the ends of windows too
        data.insert(at, b"[broken]")
    append(tmp_path, b"\n".join(data))
    found = []
    for most in (1, 3, 70, 71, 4096):
        monkeypatch.setattr(watching, "MOST", most)
        heard = ran(tmp_path, card={"window": window}, fresh=True, pace=Pace(seconds=1e9))
        found.append([plain(w) for w in heard.windows])
    assert len(found[0]) >= 5
    assert all(other == found[0] for other in found[1:])


def test_windows_of_time(tmp_path: Path) -> None:
    times = [0, 1, 9.9, 10, 5, 19, 20, 64, 65]
    append(tmp_path, spread([event(i, time=1_700_000_000 + t) for i, t in enumerate(times)]))
    heard = ran(tmp_path, card={"window": {"seconds": 10}})
    assert heard.spans == [(1, 3), (2, 3), (3, 1), (4, 2)]  # the last by the clock: it was years ago
    assert heard.windows[1].counts == {"late event": 1}
    append(tmp_path, spread([event(9, time=1_700_000_069), event(9, time=1_700_000_075)]))
    heard = ran(tmp_path, card={"window": {"seconds": 10}})
    assert heard.spans == [(5, 2)]
    assert heard.windows[0].counts == {"late event": 1}


def test_a_window_of_time_is_closed_by_the_clock_when_nothing_comes(tmp_path: Path) -> None:
    append(tmp_path, lines(0, 10))
    now = [1_700_000_000.0]
    heard = Heard()
    card = {"window": {"seconds": 10}}
    made = watch(tmp_path, sinks=[heard], card=card, pace=Pace(seconds=0.0, now=lambda: now[0]))
    while made.step():
        pass
    now[0] += 12
    made.step()
    assert heard.spans == []  # its events may still come
    now[0] += 10
    made.step()
    made.step()
    assert heard.spans == [(1, 10)]
    append(tmp_path, spread([event(1, time=1_700_000_012), event(2, time=1_700_000_021)]))
    made.step()
    made.close()
    assert heard.spans == [(1, 10), (2, 1)]


def test_a_clock_that_really_went_ahead_is_believed(tmp_path: Path) -> None:
    ahead = [event(i, time=1_800_000_000 + i / 10) for i in range(40)]
    append(tmp_path, lines(0, 4) + spread(ahead))
    heard = ran(tmp_path, card={"window": {"seconds": 10}})
    assert heard.spans == [(1, 4 + 15)]
    assert heard.windows[0].counts == {"time far ahead": 15}


def test_windows_of_time_need_times(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("momus.monitor.windows._PATIENCE", 50)
    append(tmp_path, spread([event(i, time=None) for i in range(60)]))
    with pytest.raises(MomusError, match="monitor/no-time"):
        ran(tmp_path, card={"window": {"seconds": 10}})


def test_sinks_hear_after_the_checkpoint_and_again_only_what_it_does_not_say(tmp_path: Path) -> None:
    append(tmp_path, lines(0, 250))

    class Killed(BaseException):
        pass

    class Dies(Heard):
        def window(self, closed: Closed) -> None:
            super().window(closed)
            found, _ = checkpoint.load(tmp_path / "state")
            assert found is not None
            assert closed.number in [w["number"] for w in found.plain["pending"]]
            if closed.number == 2:
                raise Killed

    first = Dies()
    made = watch(tmp_path, sinks=[first])
    with pytest.raises(Killed):
        while made.step():
            pass
    made.detectors.clear()
    import os

    os.close(made._lock)  # as the kernel does when a process is gone
    again = ran(tmp_path)
    assert again.spans == [(2, 100)]
    assert plain(again.windows[0]) == plain(first.windows[1])
    assert ran(tmp_path).spans == []


def test_a_sink_that_breaks_its_word_stops_nothing(tmp_path: Path) -> None:
    append(tmp_path, lines(0, 250))

    class Broken(Heard):
        def window(self, closed: Closed) -> None:
            raise OSError("the receiver is gone")

    heard = Heard()
    made = watch(tmp_path, sinks=[Broken(), heard])
    made.run(once=True)
    assert heard.spans == [(1, 100), (2, 100)]
    assert made.told[0] == "Broken failed on window 1: the receiver is gone"


def test_a_detector_that_fails_is_said_to_lack_and_the_others_go_on(tmp_path: Path) -> None:
    append(tmp_path, lines(0, 350))

    class Fails(Sums):
        name = "test.fails"

        def take(self, batch: Any) -> None:
            super().take(batch)
            if sum(self.taken) > 150:
                raise ZeroDivisionError("by zero")

    heard = ran(tmp_path, detectors={"test.fails": Fails(), "test.sums": Sums()})
    assert [sorted(w.readings) for w in heard.windows][-1] == ["test.sums"]
    assert "by zero" in heard.windows[-1].lacking["test.fails"].why
    append(tmp_path, lines(350, 450))
    heard = ran(tmp_path, detectors={"test.fails": Fails(), "test.sums": Sums()})
    assert sorted(heard.windows[0].readings) == ["test.fails", "test.sums"]  # begun anew


def changed(what: str) -> dict[str, Any]:
    return {
        "reference": {"reference": reference(n=300)},
        "card": {"card": {"window": {"events": 200}}},
        "detectors": {"detectors": {"test.other": Sums()}},
        "seed": {"seed": 7},
    }[what]


@pytest.mark.parametrize("what", ["reference", "card", "detectors", "seed"])
def test_a_state_of_something_else_is_refused(tmp_path: Path, what: str) -> None:
    append(tmp_path, lines(0, 250))
    ran(tmp_path)
    with pytest.raises(MomusError, match=f"another {what}.*--fresh") as refused:
        ran(tmp_path, **changed(what))
    assert refused.value.code == "monitor/other-state"
    assert ran(tmp_path, **changed(what), fresh=True).windows[0].number == 1


def test_what_says_how_and_not_what_may_change(tmp_path: Path) -> None:
    append(tmp_path, lines(0, 250))
    ran(tmp_path)
    append(tmp_path, lines(250, 300))
    assert ran(tmp_path, card={"shed": "never", "behind": 5, "metrics": "127.0.0.1:1"}).spans == [(3, 100)]


def test_one_watch_a_folder(tmp_path: Path) -> None:
    made = watch(tmp_path)
    with pytest.raises(MomusError, match="monitor/running"):
        watch(tmp_path)
    made.close()
    watch(tmp_path).close()


def test_a_damaged_checkpoint_falls_back_to_the_one_before(tmp_path: Path) -> None:
    append(tmp_path, lines(0, 150))
    ran(tmp_path)
    append(tmp_path, lines(150, 250))
    assert ran(tmp_path).spans == [(2, 100)]
    state = tmp_path / "state" / checkpoint.NAME
    data = bytearray(state.read_bytes())
    data[len(data) // 2] ^= 1
    state.write_bytes(data)
    append(tmp_path, lines(250, 320))
    heard = Heard()
    made = watch(tmp_path, sinks=[heard])
    assert "damaged" in made.told[0]
    made.run(once=True)
    assert heard.spans[-1] == (3, 100)
    assert heard.windows[-1].readings["test.sums"].value == sum(range(200, 300))
    for name in (checkpoint.NAME, f"{checkpoint.NAME}.before"):
        (tmp_path / "state" / name).write_bytes(b"momus")
    with pytest.raises(MomusError, match="monitor/state"):
        ran(tmp_path)


def test_a_full_disk_stops_no_alarm(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    append(tmp_path, lines(0, 250))

    def full(*_: Any) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(checkpoint, "save", full)
    heard = Heard()
    made = watch(tmp_path, sinks=[heard])
    made.run(once=True)
    assert heard.spans == [(1, 100), (2, 100)]
    assert "No space left" in made.told[0]
    monkeypatch.undo()
    append(tmp_path, lines(250, 320))
    assert ran(tmp_path).spans == [(3, 100)]  # the first two are made again, and nobody hears of them twice


def test_a_checkpoint_holds_plain_arrays_alone(tmp_path: Path) -> None:
    arrays = {
        "one": np.arange(6, dtype=np.float32).reshape(2, 3), "none": np.zeros((0, 4)), "names": np.array(["ä", "b"]),
        "flag": np.array(True), "odd/../name": np.array([1, 2], np.int16),
    }  # fmt: skip
    checkpoint.save(tmp_path, {"a": [1, None, "ü"]}, {"x": arrays, "empty": {}})
    found, said = checkpoint.load(tmp_path)
    assert found is not None and not said
    assert found.plain == {"a": [1, None, "ü"]}
    assert found.groups["empty"] == {}
    for name, array in arrays.items():
        assert found.groups["x"][name].dtype == array.dtype
        assert np.array_equal(found.groups["x"][name], array)
        assert found.groups["x"][name].shape == array.shape
    with pytest.raises(ValueError, match="object"):
        checkpoint.save(tmp_path, {}, {"x": {"bad": np.array([{}])}})
    assert (tmp_path / checkpoint.NAME).stat().st_mode & 0o777 == 0o600


def test_a_checkpoint_is_on_the_disk_before_it_takes_its_place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A power cut finds the one before or this one, whole; and its name is on the disk when the call returns."""
    checkpoint.save(tmp_path, {"a": 1}, {})
    flushed: list[tuple[str, int]] = []

    def fsync(handle: int) -> None:
        held = checkpoint.load(tmp_path)[0]
        assert held is not None
        flushed.append((Path(f"/proc/self/fd/{handle}").readlink().name, held.plain["a"]))

    monkeypatch.setattr(os, "fsync", fsync)
    checkpoint.save(tmp_path, {"a": 2}, {})
    assert flushed == [(f"{checkpoint.NAME}.part", 1), (tmp_path.name, 2)]


def test_a_window_goes_through_json_to_the_last_bit() -> None:
    reading = Reading(
        0.1 + 0.2, Interval(low=0.1, high=0.7), np.int64(12), 1e-300,  # type: ignore[arg-type]
        figures=(Figure(name="a", value=1 / 3, ci=Interval.exact(1 / 3), n=3),),
        evidence=(Table(title="who", columns=("a", "b"), rows=((1, "x"), (2.5, None))),),
        caveats=(Caveat(code="few", message="few events", blocks="both"),),
        scope={"exact": True, "n": 3, "share": 2.0, "name": "ü"}, who=("a", "b"),
    )  # fmt: skip
    closed = Closed(
        3, float("nan"), 5.5, 10, 1, 2, {"x": reading}, {"x": Standing(float("inf"), 5.0, True, 2)},
        {"y": Lacking("no labels", "name them")}, 0.5, 7, True, {"shed": 1}, ("broken line: x",),
    )  # fmt: skip
    text = json.dumps(dumped(closed))
    back = loaded(json.loads(text))
    assert json.dumps(dumped(back)) == text
    assert isinstance(back.readings["x"].scope["share"], float)
    assert back.readings["x"].scope["exact"] is True
    assert back.readings["x"].evidence == reading.evidence
    assert back.standings["x"].wealth == float("inf")


def test_detectors_are_chosen_by_name_and_mode(monkeypatch: pytest.MonkeyPatch) -> None:
    def fit(like: Any, options: Mapping[str, Any], seed: int) -> Any:
        return Lacking("no rewards", "log them") if options.get("lacks") else Sums()

    known = {"shift.a": fit, "shift.b": fit, "shifty.c": fit, "trojan.d": fit}
    monkeypatch.setattr(watching, "fits", lambda: known)
    from momus.card.monitor import MonitorCard

    def names(**said: Any) -> tuple[list[str], list[str]]:
        made = watching.fitted(reference(), MonitorCard(source="x", **said), 0)
        return sorted(made[0]), sorted(made[1])

    assert names() == (["shift.a", "shift.b", "shifty.c", "trojan.d"], [])
    assert names(detectors=["shift", "trojan.d"], skip=["shift.b"]) == (["shift.a", "trojan.d"], [])
    assert names(skip=["shift"], options={"trojan.d": {"lacks": True}}) == (["shifty.c"], ["trojan.d"])
    with pytest.raises(MomusError, match=r"shift\.z"):
        names(skip=["shift.z"])
