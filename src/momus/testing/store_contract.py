"""What every store keeps: what was appended comes back whole, in order, and is found by its key."""

from __future__ import annotations

import hashlib
import threading
from collections.abc import Iterator
from datetime import UTC, date, datetime

import pytest

from momus.core.decisions import Answer, JobPulse, Pulse, Summary, Waived, system_id
from momus.core.errors import NotFound
from momus.core.evidence import Attachment, Picture, Pictures
from momus.core.records import Failure, Interval, Measurement, Run
from momus.store import Store


def measurement(key: str = "k", value: float = 0.5, picture: bytes = b"") -> Measurement:
    """A small measurement, with one picture where bytes are given."""
    shown = Pictures(title="t", rows=((Picture(caption="c", png=picture),),))
    return Measurement(
        probe="shift.groups",
        target="model",
        metric="gap",
        value=value,
        ci=Interval(low=value, high=value),
        n=10,
        worse="higher",
        key=key,
        evidence=(shown,) if picture else (),
    )


HOSTILE = ("x" * 300, "a\0b", "a\ud800b\udfff", "模型 🜚 é" * 20, "'; DROP TABLE momus_records; -- <script>%s{}")


class StoreContract:
    """Override the fixture ``store`` with an open, empty store."""

    @pytest.fixture
    def store(self) -> Store:
        raise pytest.UsageError("a StoreContract must override the fixture 'store'")

    def test_records_come_back_in_order(self, store: Store) -> None:
        written: list[Measurement | Failure] = [
            measurement("a", 0.1),
            Failure(probe="p.q", target="t", code="x/y", message="boom"),
            measurement("b", 0.2),
        ]
        for record in written:
            store.append("r1", record)
        store.append("r2", measurement("c"))
        assert list(store.records("r1")) == written

    def test_found_by_key_across_runs(self, store: Store) -> None:
        store.append("r1", measurement("a", 0.1))
        store.append("r2", measurement("b", 0.2))
        found = store.find(["a", "b", "missing", ""])
        assert {k: m.value for k, m in found.items()} == {"a": 0.1, "b": 0.2}

    def test_pictures_survive_and_are_kept_once(self, store: Store) -> None:
        png = bytes(range(256)) * 40
        for key in "ab":
            store.append("r", measurement(key, picture=png))
        assert store.blob(hashlib.sha256(png).hexdigest()) == png
        (first, second) = store.records("r")
        assert isinstance(first, Measurement) and isinstance(second, Measurement)
        assert first.evidence == second.evidence == measurement("a", picture=png).evidence

    def test_runs_newest_first_and_by_prefix(self, store: Store) -> None:
        for identity in ("20260101-a", "20260102-b"):
            store.append(identity, Run(id=identity, system="s", card_digest="d", seed=0))
        assert [r.id for r in store.runs()] == ["20260102-b", "20260101-a"]
        assert store.run("20260101").id == "20260101-a"
        assert store.run().id == "20260102-b"
        with pytest.raises(NotFound, match="2 runs"):
            store.run("2026")
        with pytest.raises(NotFound, match="no run"):
            store.run("1999")

    def test_last_state_of_a_run_wins(self, store: Store) -> None:
        run = Run(id="r", system="s", card_digest="d", seed=0)
        store.append("r", run)
        ended = run.model_copy(update={"ended": run.created})
        store.append("r", ended)
        assert store.runs() == (ended,)

    def test_empty_store(self, store: Store) -> None:
        assert store.runs() == () and store.records("r") == () and store.find([]) == {}
        with pytest.raises(NotFound, match="holds no run"):
            store.run()
        with pytest.raises(NotFound):
            store.blob("0" * 64)

    def test_a_few_records_at_once_or_none(self, store: Store) -> None:
        written = [measurement(f"{i:03d}", i / 100, picture=b"p" * 600) for i in range(30)]
        store.extend("r", written)
        assert list(store.records("r")) == written

        def broken() -> Iterator[Measurement]:
            yield measurement("first")
            raise RuntimeError("no more")

        with pytest.raises(RuntimeError, match="no more"):
            store.extend("r", broken())
        assert len(store.records("r")) == 30

    def test_of_a_key_the_latest_measurement_is_found_among_thousands(self, store: Store) -> None:
        store.extend("r1", [measurement(f"k{i}", 0.1) for i in range(1200)])
        store.append("r2", measurement("k7", 0.9))
        found = store.find(f"k{i}" for i in range(10_000))
        assert len(found) == 1200
        assert found["k7"].value == 0.9 and found["k8"].value == 0.1

    def test_attachments_survive_and_are_kept_once(self, store: Store) -> None:
        data = bytes(range(256)) * 9
        file = Attachment(title="t", name="print.pdf", media="application/pdf", data=data)
        record = measurement("a").model_copy(update={"evidence": (file,), "data": {"blob": "0" * 64}})
        store.append("r", record)
        assert store.records("r") == (record,)
        assert store.blob(hashlib.sha256(data).hexdigest()) == data

    def test_runs_of_a_system_with_their_card_and_without_their_gaps(self, store: Store) -> None:
        gaps = [{"mode": "shift", "probe": "shift.groups", "detail": "d" * 600}]
        heads = [
            Run(
                id=f"2026010{i}-a", system=name, card_digest="d", card_text="# card é\n" * 200, seed=0,
                created=datetime(2026, 1, i, tzinfo=UTC), settings={"gaps": gaps, "only": ["x"]},
            )
            for i, name in enumerate(["one / \0 system", "another", "one / \0 system"], 1)
        ]  # fmt: skip
        for head in heads:
            store.append(head.id, head)
        first = system_id("one / \0 system")
        assert [r.id for r in store.runs(first)] == ["20260103-a", "20260101-a"]
        assert store.runs("another") == store.runs(system_id("another")) and len(store.runs("another")) == 1
        assert store.runs("nobody") == ()
        listed = store.runs()
        assert [r.card_text for r in listed] == ["# card é\n" * 200] * 3
        assert listed[0].settings == {"only": ["x"]}
        assert store.run("20260102") == heads[1] and store.run() == heads[2] and store.run("20260101-a") == heads[0]

    def test_decisions_come_back_oldest_first_and_by_system(self, store: Store) -> None:
        waived = Waived(
            id="w1", system=system_id("s"), mode="shift", reason="<b>known</b>", by="a", until=date(2027, 1, 1)
        )
        other = waived.model_copy(update={"id": "w2", "system": system_id("t")})
        revoked = waived.model_copy(update={"revoked": True})
        for decision in (waived, other, revoked):
            store.append("", decision)
        assert store.waivers() == (waived, other, revoked)
        assert store.waivers(system_id("s")) == (waived, revoked)
        answers = [
            Answer(system=system_id("s"), fact="data.persons", value=v, author="a") for v in (True, None, ("x",))
        ]
        for answer in answers:
            store.append("", answer)
        assert store.answers(system_id("s")) == tuple(answers) and store.answers(system_id("t")) == ()
        assert store.runs() == () and store.records("") == ()

    def test_of_a_run_the_latest_summary(self, store: Store) -> None:
        def made(run: str, judge: str, system: str = "s") -> Summary:
            return Summary(run=run, system=system_id(system), judged_by=judge, rows=())

        judge, later = "j" * 90, "k" * 90
        for summary in (made("r1", judge), made("r1", later), made("r2", judge), made("r3", judge, "t")):
            store.append(summary.run, summary)
        assert store.summaries(judged_by=judge) == {
            r: made(r, judge, s) for r, s in (("r1", "s"), ("r2", "s"), ("r3", "t"))
        }
        assert store.summaries(system_id("s")) == {"r1": made("r1", later), "r2": made("r2", judge)}
        assert store.summaries(system_id("t"), later) == {}
        assert store.stamp("r1") == (0, 0)

    def test_a_pulse_is_overwritten_and_goes_with_the_end(self, store: Store) -> None:
        for done in range(3):
            jobs = (JobPulse(probe="p.q", target="t\0\ud800", fraction=0.5, note="n"),)
            store.pulse(Pulse(run="r", done=done, total=3, jobs=jobs))
        store.pulse(Pulse(run="other"))
        assert store.pulses()["r"].done == 2 and set(store.pulses()) == {"r", "other"}
        store.pulse(Pulse(run="r", ended=True))
        assert set(store.pulses()) == {"other"} and store.runs() == ()

    def test_a_stamp_changes_whenever_the_run_has(self, store: Store) -> None:
        run = Run(id="r", system="s", card_digest="d", seed=0)
        seen = [store.stamp("r")]
        for record in (run, measurement("a"), Failure(probe="p", target="t", code="c/d", message="m"), run):
            store.append("r", record)
            seen.append(store.stamp("r"))
            store.append("another", measurement("b"))
            assert store.stamp("r") == seen[-1]
        assert [count for count, _ in seen] == [0, 1, 2, 3, 4] and len(set(seen)) == 5

    @pytest.mark.parametrize("text", HOSTILE, ids=["long", "null", "half-a-pair", "wide", "markup"])
    def test_hostile_names_are_kept_and_found(self, store: Store, text: str) -> None:
        name = text.encode("utf-8", "backslashreplace").decode()  # half a pair of surrogates is kept as its escape
        run = Run(id=text, system=text, card_digest="d", card_text=text, seed=0, settings={"gaps": [{"detail": text}]})
        measured = measurement(text).model_copy(
            update={"probe": text, "target": text, "unit": text, "data": {"role": text}}
        )
        failed = Failure(probe=text, target=text, code=text, message=text, key=text)
        for record in (run, measured, failed):
            store.append(text, record)
        same = {"probe": name, "target": name, "unit": name, "key": name, "data": {"role": name}}
        wanted = measured.model_copy(update=same)
        assert store.records(text) == (
            wanted,
            failed.model_copy(update={"probe": name, "target": name, "code": name, "message": name, "key": name}),
        )
        assert list(store.find([text]).values()) == [wanted]
        assert store.stamp(text)[0] == 3 and store.runs(system_id(text)) == store.runs()
        assert store.run(text).system == store.run(text).settings["gaps"][0]["detail"] == name
        store.pulse(Pulse(run=text))
        store.append("", Answer(system=text, fact=text, value=text, author="a"))
        assert len(store.pulses()) == 1 and store.answers(system_id(text))[0].value == name

    def test_threads_share_a_store(self, store: Store) -> None:
        def write(thread: int) -> None:
            for i in range(10):
                store.append(f"r{thread}", measurement(f"{thread}-{i}", picture=b"same" * 200))
                assert len(store.records(f"r{thread}")) == i + 1

        failed: list[BaseException] = []

        def guarded(thread: int) -> None:
            try:
                write(thread)
            except BaseException as error:
                failed.append(error)

        threads = [threading.Thread(target=guarded, args=(i,)) for i in range(6)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(60)
        assert not failed
        assert [m.key for i in range(6) for m in store.records(f"r{i}")] == [
            f"{t}-{i}" for t in range(6) for i in range(10)
        ]
