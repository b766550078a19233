"""Everything the command line can do, from Python: the same numbers, and objects that show themselves."""

from __future__ import annotations

import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
import yaml

import momus

CODE = """
import numpy as np

def good(x):
    p = 1 / (1 + np.exp(-(x[:, 0] - x[:, 1])))
    return np.c_[1 - p, p]

def train(x, y, seed):
    from sklearn.linear_model import LogisticRegression
    return LogisticRegression().fit(x, y).predict_proba
"""
PROBES = {
    "membership.loss": ("train", "test"),
    "membership.lira": ("train", "test"),
    "membership.shadow": ("train", "test"),
    "perturbation.square": ("train", "test"),
    "shift.groups": ("test",),
    "shift.two_sample": ("train", "test"),
    "incomplete_testing.coverage": ("train", "test"),
}
OPTIONS = {
    "membership.lira": {"shadows": 2},
    "membership.shadow": {"shadows": 2},
    "perturbation.square": {"n": 20, "queries": 50},
}


@pytest.fixture(scope="module", autouse=True)
def _one_thread() -> Iterator[None]:
    """Like a worker: two threads on such small work wait for each other, on a busy machine for seconds."""
    import sklearn.ensemble  # noqa: F401 - its OpenMP must be loaded to be limited
    from threadpoolctl import threadpool_limits

    with threadpool_limits(1):
        yield


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    home = tmp_path_factory.mktemp("door")
    (home / "model.py").write_text(CODE)
    for seed, name in enumerate(("train", "test")):
        rng = np.random.default_rng(seed)
        a, b = rng.normal(size=(2, 150))
        label = np.where(a - b + rng.normal(scale=0.3, size=150) > 0, "yes", "no")
        site = np.where(rng.random(150) < 0.5, "north", "south")
        rows = [f"{x:.6f},{y:.6f},{s},{t}" for x, y, s, t in zip(a, b, site, label, strict=True)]
        (home / f"{name}.csv").write_text("\n".join(["a,b,site,label", *rows]) + "\n")
    target = {"name": "model", "adapter": "callable", "factory": "model.py:good", "train": "model.py:train"}
    card = {
        "system": "small <b>[bold]",
        "facts": {"api.reach": "public", "model.output": "scores"},
        "targets": [{**target, "classes": ["no", "yes"], "output": "probabilities"}],
        "data": {
            r: {"path": f"{r}.csv", "label": "label", "groups": ["site"], "drop": ["site"]} for r in ("train", "test")
        },
        "probes": OPTIONS,
        "skip": ["incomplete_testing"],
        "budget": {"memory_mb": 1500},
    }
    (home / "momus.yaml").write_text(yaml.safe_dump(card, sort_keys=False))
    return home


@pytest.fixture(scope="module")
def assessment(folder: Path) -> momus.Assessment:
    return momus.assess(folder / "momus.yaml", only=tuple(PROBES))


def opened(folder: Path) -> tuple[object, dict[str, momus.Samples]]:
    """The card's target and data, made by hand as in a notebook."""
    space: dict[str, object] = {}
    exec(CODE, space)
    card = momus.load_card(folder / "momus.yaml")
    data = {role: momus.read_data(d, card.base, classes=("no", "yes")) for role, d in card.data.items()}
    target = momus.Target.from_callable(
        space["good"], name="model", classes=("no", "yes"), output="probabilities", train=space["train"],
        columns=data["test"].columns, samples=data["test"],
    )  # fmt: skip
    return target, data


@pytest.mark.parametrize("name", PROBES)
def test_a_probe_in_a_notebook_gives_the_number_of_the_assessment(
    folder: Path, assessment: momus.Assessment, name: str
) -> None:
    (there,) = [m for m in assessment.measurements if m.probe == name]
    target, data = opened(folder)
    context = {}
    if name.startswith("incomplete"):  # it hears of the plan's gaps and the declared domain
        context = next(j.context for j in momus.plan(folder / "momus.yaml", only=name).jobs)
    options = OPTIONS.get(name, {})
    here = momus.get_probe(name)(
        target, seed=0, context=context, **{r: data[r] for r in PROBES[name]}, **options, budget=momus.Budget(None, 600)
    )
    assert (here.n, here.seed, here.data, here.scope) == (there.n, there.seed, there.data, there.scope)
    # Only the number of BLAS threads may differ, and with it the last bit.
    close = {"rel": 1e-9, "abs": 1e-12}
    assert (here.value, here.ci.low, here.ci.high) == pytest.approx((there.value, there.ci.low, there.ci.high), **close)
    assert [f.name for f in here.figures] == [f.name for f in there.figures]
    assert [f.value for f in here.figures] == pytest.approx([f.value for f in there.figures], **close)
    assert [e.title for e in here.evidence] == [e.title for e in there.evidence]
    assert [c.code for c in here.caveats] == [c.code for c in there.caveats]
    assert here.cost.queries == there.cost.queries
    other = momus.get_probe(name)(target, seed=1, context=context, **{r: data[r] for r in PROBES[name]}, **options)
    assert other.seed != here.seed


def test_a_card_is_a_path_an_object_or_a_mapping(
    folder: Path, assessment: momus.Assessment, monkeypatch: pytest.MonkeyPatch
) -> None:
    card = momus.load_card(folder / "momus.yaml")
    monkeypatch.chdir(folder)
    raw = yaml.safe_load(Path("momus.yaml").read_text())
    want = [m.value for m in assessment.measurements if m.probe == "shift.groups"]
    for given in (card, str(folder / "momus.yaml"), Path("momus.yaml"), raw):
        got = momus.assess(given, only="shift.groups")
        assert [m.value for m in got.measurements] == want
    assert set(momus.threats(card).modes) == {m.slug for m in momus.load_taxonomy().modes}
    made = momus.SystemCard.from_dict(raw, base=folder)
    assert [j.probe for j in momus.plan(made, only="M14").jobs] == [
        "shift.groups",
        "shift.left_out",
        "shift.two_sample",
    ]
    assert momus.check_card(card).ok


def test_a_stored_run_is_recalled_and_judged_again(folder: Path, assessment: momus.Assessment, tmp_path: Path) -> None:
    store = folder / ".momus" / "runs.sqlite"
    again = momus.recall(store, assessment.run.id)
    assert again.measurements == assessment.measurements and again.findings == assessment.findings
    strict = momus.recall(store, assessment.run.id[:-2], limits={"shift.groups": -0.99})
    assert next(f for f in strict.findings if f.probe == "shift.groups").status.value == "fail"
    change = momus.compare(assessment, strict)
    assert [m.slug for m in change.worse] == ["shift"] and not change.better
    for name in ("r.html", "r.json", "r.md", "r.txt"):
        assert assessment.report(tmp_path / name).stat().st_size > 1000
    with pytest.raises(momus.MomusError, match="no report can be written"):
        assessment.report(tmp_path / "r.pdf")


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        ({"only": "membership.los"}, "membership.loss"),
        ({"queries": 0}, "queries is 0"),
        ({"seconds": -1.0}, "seconds is -1"),
        ({"workers": 0}, "workers is 0"),
        ({"seconds": float("nan")}, "seconds is nan"),
    ],
)
def test_bad_settings_are_refused_before_anything_runs(folder: Path, tmp_path: Path, settings, words: str) -> None:
    store = tmp_path / "runs.sqlite"
    with pytest.raises(momus.MomusError, match=words):
        momus.assess(folder / "momus.yaml", store=store, **settings)
    assert not store.exists()


def test_everything_shows_itself(folder: Path, assessment: momus.Assessment) -> None:
    """Short in a plain shell, styled in rich, a page or a table in a notebook; a user's markup stays text."""
    import io

    from rich.console import Console

    target, data = opened(folder)
    m = assessment.measurements[0]
    change = momus.compare(assessment, assessment)
    plan = momus.plan(folder / "momus.yaml")
    shown = [assessment, m, assessment["M04"], assessment["M04"].headline, change, data["train"], target]
    for thing in [*shown[:4], data["train"], target]:
        assert len(repr(thing)) < 400, type(thing)
    assert "150 rows of 2 float64" in repr(data["train"]) and "site" in repr(data["train"])
    console = Console(record=True, width=100, file=io.StringIO())
    for thing in (assessment, m, assessment["M04"].headline, change, plan, target, assessment.threat_model):
        console.print(thing)
    said = console.export_text()
    assert f"[{m.ci.low:.4g}, {m.ci.high:.4g}]" in said, "an interval is no style"
    assert "small <b>[bold]" in said
    assert said.count("M17") >= 2
    for thing in (assessment, m, assessment["M04"], assessment["M04"].headline, change, assessment.threat_model):
        html = thing._repr_html_()
        assert html.startswith("<") and "small <b>" not in html
    assert f"{m.value:.4g}" in m._repr_html_()
    assert all(f.name in m._repr_html_() for f in m.figures)


def test_every_verb_has_a_name_in_python() -> None:
    """What each verb calls, under momus itself."""
    doors = {
        "init": "draft", "check": "check_card", "threats": "threats", "plan": "plan", "assess": "assess",
        "report": "recall", "compare": "compare", "reproduce": "reproduce", "scan": "scan",
        "lock": "lock", "verify": "verify", "convert": "convert",
        "explain": "load_taxonomy", "lookup": "load_taxonomy", "list": "open_store",
    }  # fmt: skip
    from momus.cli.main import VERBS

    assert set(VERBS) - set(doors) == {"demo", "serve", "monitor"}
    import momus.web  # a room of its own, behind an extra
    from momus.monitor.watch import Watch  # and another

    assert callable(Watch.run)

    assert callable(momus.web.create_app) and callable(momus.web.Access)
    assert all(callable(getattr(momus, name)) for name in doors.values())
    assert all(getattr(momus, name) is not None for name in momus.__all__)
    assert momus.scan(__file__).format == "python source"
    assert momus.load_taxonomy().mode("M04").slug == "membership"


def test_names_keep_their_meaning_whatever_was_imported_first() -> None:
    """``momus.plan`` must not turn into the submodule of that name once the assess room is loaded."""
    code = (
        "import momus, momus.assess.plan, momus.assess.run, momus.threats.decide\n"
        "assert callable(momus.plan) and callable(momus.assess) and callable(momus.threats)\n"
        "from momus.assess import assess, compare, plan_system; assert callable(assess)\n"
        "import momus.probes.membership.loss; assert momus.probe.__name__ == 'probe'\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stderr


def test_importing_momus_loads_nothing() -> None:
    code = (
        "import sys, momus; print([m for m in ('numpy', 'pydantic', 'rich', 'sklearn', 'torch') if m in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60, check=True)
    assert done.stdout.strip() == "[]"


def test_the_page_about_python_is_true(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Its example on a model in memory runs as it stands, and every name that its tables give is there."""
    page = (Path(__file__).parents[1] / "docs" / "python.md").read_text("utf-8")
    blocks = re.findall(r"```python\n(.*?)```", page, re.S)
    space: dict[str, object] = {}
    monkeypatch.chdir(tmp_path)
    exec("\n".join(b for b in blocks if "momus.yaml" not in b), space)
    leak = space["leak"]
    assert isinstance(leak, momus.Measurement)
    assert leak.ci.low > 0.05, "a forest that memorised its rows gives them away"
    finding = space["decide"](leak, space["limit_for"]("membership.loss", {}))  # type: ignore[operator]
    assert finding.status.value == "fail"
    for name in set(re.findall(r"momus\.([a-zA-Z_]+)\(", page)):
        assert callable(getattr(momus, name)), name
    for name in set(re.findall(r"momus\.Target\.(\w+)", page)):
        assert callable(getattr(momus.Target, name)), name
