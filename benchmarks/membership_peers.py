"""Scores that peers give the same answers of the same models: run by bench_membership, in a Python that has the peers.

python membership_peers.py ANSWERS.npz SCORES.npz

ANSWERS holds ``own`` (n, k), what the target says of n rows, ``y`` (n,), ``said`` (s, n, k) what s reference models
say, ``inside`` (s, n) which of the rows each knew, and ``member`` (n,), for a population of non-members.
SCORES gets, for each peer that is there, ``score NAME`` (n,) and ``seconds NAME``; for others ``missing NAME``.
$MOMUS_PRIVACY_METER names a folder with modules/mia/attacks/rmia.py of ml_privacy_meter, whose new version is in no
package.
"""

from __future__ import annotations

import importlib.util
import logging
import os
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import scipy.stats

Answers = dict[str, Any]


def log_odds(p: np.ndarray, y: np.ndarray) -> np.ndarray:
    """Of the rows' classes, (..., n), as the reference code of the likelihood-ratio attack computes them."""
    p = np.asarray(p, dtype=np.float64)
    place = np.broadcast_to(y[:, None], (*p.shape[:-1], 1))
    true, rest = np.take_along_axis(p, place, axis=-1)[..., 0], p.copy()
    np.put_along_axis(rest, place, 0.0, axis=-1)
    made: np.ndarray = np.log(true + 1e-45) - np.log(rest.sum(-1) + 1e-45)
    return made


def reference(given: Answers, *, fixed: bool, offline: bool) -> np.ndarray:
    """The formula of tensorflow/privacy's research code: medians, and one spread over all rows where it is fixed."""
    phi, own = log_odds(given["said"], given["y"]), log_odds(given["own"], given["y"])
    sides = [np.where(given["inside"], phi, np.nan), np.where(given["inside"], np.nan, phi)]
    mean = [np.nanmedian(s, axis=0) for s in sides]
    if fixed:
        spread = [np.nanstd(sides[1]) if offline else np.nanstd(sides[0])] * 2
    else:
        spread = [np.nanstd(s, axis=0) for s in sides]
    density = [scipy.stats.norm.logpdf(own, m, s + 1e-30) for m, s in zip(mean, spread, strict=True)]
    return -density[1] if offline else density[0] - density[1]


def sacro(given: Answers, mode: str, fixed: bool) -> np.ndarray:
    """SACRO-ML's scores of these answers: its own function, without its own shadow models."""
    from sacroml.attacks import utils
    from sacroml.attacks.likelihood_attack import LIRAAttack

    logging.disable(logging.CRITICAL)
    attack = LIRAAttack(write_report=False, mode=mode, fix_variance=fixed)
    y, inside = given["y"], given["inside"]
    rows = np.arange(len(y))
    phi = np.array([[utils.logit(v) for v in p[rows, y]] for p in given["said"]])
    known = {i: list(phi[inside[:, i], i]) for i in rows}
    unknown = {i: list(phi[~inside[:, i], i]) for i in rows}
    scores, _ = attack._compute_scores(y, given["own"], unknown, known)
    return np.array(scores)[:, 1]  # the column that its own metrics read as membership


def privacy_meter(given: Answers, a: float) -> np.ndarray:
    """ml_privacy_meter's RMIA; the other non-members stand for the population, as its own script does."""
    path = Path(os.environ.get("MOMUS_PRIVACY_METER", "/nowhere")) / "modules/mia/attacks/rmia.py"
    spec = importlib.util.spec_from_file_location("rmia", path)
    if spec is None or spec.loader is None or not path.is_file():
        raise ModuleNotFoundError("set MOMUS_PRIVACY_METER to a clone of ml_privacy_meter")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    rows, y = np.arange(len(given["y"])), given["y"]
    own, said = given["own"][rows, y], np.stack([p[rows, y] for p in given["said"]], axis=1)
    z = np.random.default_rng(0).permutation(np.flatnonzero(~given["member"]))[:1000]
    made: np.ndarray = module.run_rmia(own, said, given["inside"].T, own[z], said[z], a)
    return made


def art_black_box(given: Answers, kind: str) -> np.ndarray:
    """ART's attack model, learned on the first reference model's answers and then asked about the target's."""
    from art.attacks.inference.membership_inference import MembershipInferenceBlackBox
    from art.estimators.classification import BlackBoxClassifierNeuralNetwork

    k = given["own"].shape[1]
    blank = BlackBoxClassifierNeuralNetwork(lambda x: np.zeros((len(x), k)), (1,), k)
    attack = MembershipInferenceBlackBox(blank, input_type="prediction", attack_model_type=kind)
    p, y, inside = given["said"][0].astype(np.float32), given["y"], given["inside"][0]
    attack.fit(x=None, y=y[inside], test_x=None, test_y=y[~inside], pred=p[inside], test_pred=p[~inside])
    found = attack.infer(x=None, y=y, pred=given["own"].astype(np.float32), probabilities=True)
    return np.asarray(found, dtype=float).reshape(len(y), -1)[:, -1]


def art_gap(given: Answers) -> np.ndarray:
    """ART's rule: whoever is answered rightly is a member."""
    from art.attacks.inference.membership_inference import MembershipInferenceBlackBoxRuleBased
    from art.estimators.classification import BlackBoxClassifierNeuralNetwork

    own, y = given["own"].astype(np.float32), given["y"]
    target = BlackBoxClassifierNeuralNetwork(lambda x: own[np.asarray(x)[:, 0].astype(int)], (1,), own.shape[1])
    rows = np.arange(len(y), dtype=np.float32)[:, None]
    return np.asarray(MembershipInferenceBlackBoxRuleBased(target).infer(rows, y), dtype=float)


def peers(given: Answers) -> Iterator[tuple[str, Callable[[], np.ndarray]]]:
    """Names and attacks; SACRO-ML and ART are Python loops or fits, and only asked about what fits a minute."""
    yield "formula of mi_lira, online, fixed variance", lambda: reference(given, fixed=True, offline=False)
    yield "formula of mi_lira, online", lambda: reference(given, fixed=False, offline=False)
    yield "formula of mi_lira, offline, fixed variance", lambda: reference(given, fixed=True, offline=True)
    yield "Privacy Meter RMIA, a = 0.3", lambda: privacy_meter(given, 0.3)
    yield "SACRO-ML LiRA, online, fixed variance", lambda: sacro(given, "online-carlini", True)
    yield "SACRO-ML LiRA, offline", lambda: sacro(given, "offline", False)
    yield "ART black box, network", lambda: art_black_box(given, "nn")
    yield "ART rule based (right or wrong)", lambda: art_gap(given)


def main(source: str, to: str, only: str = "") -> None:
    with np.load(source) as kept:
        given = {k: kept[k] for k in kept.files}
    found: dict[str, Any] = {}
    for name, attack in peers(given):
        if not name.startswith(only):
            continue
        started = time.process_time()
        try:
            found[f"score {name}"] = attack()
        except ImportError as error:
            found[f"missing {name}"] = str(error)
        except (TypeError, ValueError, RuntimeError, AttributeError, IndexError) as error:
            found[f"missing {name}"] = f"{type(error).__name__}: {error}"[:200]
        found[f"seconds {name}"] = time.process_time() - started
    np.savez(to, **found)


if __name__ == "__main__":
    main(*sys.argv[1:])
