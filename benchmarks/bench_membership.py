"""Attacks on membership beside peers, on the same answers of the same models: members found, and seconds.

python -m benchmarks.bench_membership

Peers run in the Python that $MOMUS_PEERS names (default: this one), so that what they need replaces nothing here:
``pip install --no-deps sacroml==2.0.1 fpdf pypdf acro dictdiffer``, and $MOMUS_PRIVACY_METER for ml_privacy_meter.
"""

from __future__ import annotations

import importlib
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from momus.methods import attack_model, rmia
from momus.methods import shadow_models as sm
from momus.stats import intervals, roc

HERE = Path(__file__).resolve().parent
CASE = HERE.parent / "examples" / "lira-gain"
MODELS = 16
TURNS = 1  # of the shadow models that play the target, beside the target itself

NOTES = """
Members found: the mean over two targets (the network of examples/lira-gain and one of its shadow models, whose pair
stands aside), 5,000 members and 5,000 others each, dense networks that know 98 % of their pictures; the same answers
of the same models for every attack. TPR at 0.1 % rests on five false alarms a target: differences below a fifth of it
mean nothing. CPU seconds are for scoring one target once the answers are there. ART learns on the answers of one
reference model, as its interface asks for; its label-only boundary attack needs thousands of queries a row and was
not run here. Scores that are no numbers count as the lowest. The formula of mi_lira is tensorflow/privacy's research
code, which is in no package, written out again and without its loop over records. Privacy Meter 1.0.1, the one on
PyPI, has no relative attack; the repository's own function was called on these answers.
"""


def networks() -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """Answers (17, n, k) of the target and its shadow models, classes (n,), inside (17, n): from the cache, or anew."""
    sys.path.insert(0, str(CASE))
    try:
        data, model = importlib.import_module("data"), importlib.import_module("model")
    finally:
        sys.path.remove(str(CASE))
    import yaml

    from momus.core.cache import Cache, default_folder
    from momus.core.meter import Meter
    from momus.core.probe import Trial
    from momus.core.registry import get_probe
    from momus.probes.membership._shadows import shadows_for
    from momus.targets import Target

    train, test = data.train(), data.test()
    spec = yaml.safe_load((CASE / "momus.yaml").read_text("utf-8"))["targets"][0]
    recipe = {**spec["recipe"], "build": model.network}
    target = Target.from_torch(
        model.build(), name="clothes", classes=data.CLASSES, shape=(1, 28, 28), range=(0.0, 1.0), output="logits",
        recipe=recipe, samples=train,
    )  # fmt: skip
    trial = Trial(data={"train": train, "test": test}, cache=Cache(default_folder()))
    trial.probe, trial.meter = get_probe("membership.lira"), Meter(target)
    ground = shadows_for(trial.meter, trial, records=5000, shadows=MODELS)  # type: ignore[arg-type]
    member = np.arange(2 * ground.n) < ground.n
    return (
        np.concatenate([ground.p[None], ground.shadows.p]),
        ground.y,
        np.concatenate([member[None], ground.shadows.inside]),
        member,
    )


def ours(own: np.ndarray, y: np.ndarray, shadows: sm.Shadows) -> dict[str, Callable[[], np.ndarray]]:
    """Momus's attacks on one target, by name."""
    return {
        "membership.loss": lambda: sm.log_odds(own, y, 1e-12),
        "membership.shadow": lambda: attack_model.learned_scores(shadows, own, y, np.random.default_rng(0)),
        "membership.lira, online": lambda: sm.likelihood_ratio(shadows, own, y).online,
        "membership.lira, online, a spread for each row": lambda: (
            sm.likelihood_ratio(shadows, own, y, per_row_from=1).online
        ),
        "membership.lira, offline": lambda: sm.likelihood_ratio(shadows, own, y).offline,
        "membership.rmia, online": lambda: rmia.ratios(own, y, shadows, a=None),
        "membership.rmia, offline": lambda: rmia.ratios(own, y, shadows, a=rmia.choose_a(shadows, y)),
        "membership.rmia, offline, 1 reference a row": lambda: rmia.ratios(
            own, y, shadows, a=rmia.choose_a(shadows, y), most=1
        ),
    }


def asked_peers(given: dict[str, np.ndarray], only: str = "") -> dict[str, tuple[np.ndarray | None, float, str]]:
    """Scores, CPU seconds and what went wrong, by peer."""
    with tempfile.TemporaryDirectory() as folder:
        source, to = Path(folder) / "answers.npz", Path(folder) / "scores.npz"
        np.savez(source, **given)
        python = os.environ.get("MOMUS_PEERS", sys.executable)
        subprocess.run([python, "-W", "ignore", HERE / "membership_peers.py", source, to, only], check=True)
        with np.load(to) as made:
            names = [k.removeprefix("seconds ") for k in made.files if k.startswith("seconds ")]
            return {
                n: (
                    made[f"score {n}"] if f"score {n}" in made.files else None,
                    float(made[f"seconds {n}"]),
                    str(made[f"missing {n}"]) if f"missing {n}" in made.files else "",
                )
                for n in names
            }


def found() -> list[dict[str, Any]]:
    """Members found by every attack, means over the targets."""
    answers, y, inside, _ = networks()
    sums: dict[str, list[tuple[float, float, float, float]]] = {}
    trouble: dict[str, str] = {}
    for turn in range(1 + TURNS):
        pair = {turn, turn + 1 if turn % 2 else turn - 1} if turn else {0}
        rest = [i for i in range(1, len(answers)) if i not in pair]
        shadows, own, member = sm.Shadows(answers[rest], inside[rest], False), answers[turn], inside[turn]
        scores: dict[str, tuple[np.ndarray | None, float, str]] = {}
        for name, attack in ours(own, y, shadows).items():
            started = time.process_time()
            made = attack()
            scores[name] = made, time.process_time() - started, ""
        given = {"own": own, "y": y, "said": shadows.p, "inside": shadows.inside, "member": member}
        scores |= asked_peers(given)
        for name, (score, seconds, wrong) in scores.items():
            if score is None:
                trouble[name] = wrong
                continue
            broken = ~np.isfinite(score)
            if broken.any():  # a score that is no number decides for nobody
                trouble[name] = f"{broken.mean():.0%} of its scores are no numbers where a probability is 1"
                score = np.where(broken, np.nanmin(np.where(broken, np.nan, score)), score)
            a, b = score[member], score[~member]
            at = [roc.tpr_at_fpr(a, b, rate)[0] for rate in (0.001, 0.01)]
            sums.setdefault(name, []).append((*at, intervals.auc(a, b)[0], seconds))
    rows = []
    for name in [*ours(answers[0], y, sm.Shadows(answers[1:], inside[1:], False)), *sums, *trouble]:
        if any(r["attack"] == name for r in rows):
            continue
        if name not in sums:
            rows.append({"attack": name, "what went wrong": trouble[name]})
            continue
        low, high, area, seconds = np.mean(sums[name], axis=0)
        rows.append({
            "attack": name, "records": len(y), "TPR at 0.1 % FPR": round(float(low), 4),
            "TPR at 1 % FPR": round(float(high), 4), "AUC": round(float(area), 3), "cpu seconds": round(seconds, 3),
            "what went wrong": trouble.get(name, ""),
        })  # fmt: skip
    return sorted(rows, key=lambda r: -r.get("TPR at 1 % FPR", -1.0))


def scored() -> list[dict[str, Any]]:
    """CPU seconds for 50,000 drawn records and 16 models of ten classes (1,000 for what loops over records)."""
    rows = []
    for n, only in ((50_000, "formula"), (50_000, "Privacy Meter"), (1_000, "SACRO")):
        rng = np.random.default_rng(0)
        p = rng.dirichlet(np.ones(10), (MODELS + 1, n))
        y, inside = rng.integers(0, 10, n), sm.halves(n, range(MODELS), 0)
        shadows, member = sm.Shadows(p[1:], inside, False), np.arange(n) < n // 2
        if only == "formula":
            for name, attack in ours(p[0], y, shadows).items():
                if name in ("membership.loss", "membership.shadow"):
                    continue
                started = time.process_time()
                attack()
                rows.append({"attack": name, "records": n, "cpu seconds": round(time.process_time() - started, 3)})
        given = {"own": p[0], "y": y, "said": p[1:], "inside": inside, "member": member}
        for name, (score, seconds, wrong) in asked_peers(given, only).items():
            row = {"attack": name, "records": n, "cpu seconds": round(seconds, 3)}
            rows.append(row if score is not None else {"attack": name, "what went wrong": wrong})
    return rows


def rows() -> list[dict[str, Any]]:
    """First what is found, then the seconds that scoring many records takes."""
    timed = [{"work": "scoring alone", **r} for r in scored()]
    return [*({"work": "members found", **r} for r in found()), *timed]


if __name__ == "__main__":
    from benchmarks.__main__ import table

    print(table(rows()))
