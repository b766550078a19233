"""What one has to know about fitted estimators: classes, margins, seeds, column names, and a fresh copy to fit."""

from __future__ import annotations

import hashlib
import importlib
import uuid
from typing import Any, Literal

import numpy as np

from momus.core.errors import MissingExtra, TargetError
from momus.core.samples import NumpyArray, Samples
from momus.targets import answers

OUTLIERS = ("outlier", "inlier")  # what a detector's -1 and 1 are called


def last_step(model: Any) -> Any:
    """The estimator at the end of a pipeline, or the model itself."""
    while is_pipeline(model):
        model = model.steps[-1][1]
    return model


def is_pipeline(model: Any) -> bool:
    """True for named steps in a row, also another library's; ``steps`` may mean anything in somebody's estimator."""
    steps = getattr(model, "steps", None)
    return isinstance(steps, list) and bool(steps) and all(isinstance(s, tuple | list) and len(s) >= 2 for s in steps)


def check_fitted(model: Any, place: str) -> None:
    from sklearn.exceptions import NotFittedError
    from sklearn.utils.validation import check_is_fitted

    try:
        check_is_fitted(model)
    except NotFittedError as error:
        raise TargetError(f"the {type(model).__name__} is not fitted", place=place, hint="Call fit first") from error
    except TypeError:
        return  # not an estimator by scikit-learn's rules (no fit): its answers will tell


def task_of(model: Any, place: str) -> Literal["classifier", "regressor"]:
    from sklearn.base import is_classifier, is_regressor

    if is_classifier(model) or hasattr(last_step(model), "classes_") or detects_outliers(model):
        return "classifier"
    if is_regressor(model):
        return "regressor"
    raise TargetError(
        f"{type(model).__name__} is neither a classifier nor a regressor", place=place, hint="Say task= on the card"
    )


def detects_outliers(model: Any) -> bool:
    """True for scikit-learn's detectors of outliers, which say -1 (outlier) or 1 (inlier)."""
    from sklearn.base import is_outlier_detector

    final = last_step(model)
    return bool(is_outlier_detector(final)) if hasattr(final, "__sklearn_tags__") else False


def class_names(model: Any, own: tuple[Any, ...]) -> tuple[str, ...]:
    """Names of the classes where nobody gave any."""
    return OUTLIERS if own and detects_outliers(model) else tuple(str(c) for c in own)


def own_classes(model: Any, place: str) -> tuple[Any, ...]:
    """The estimator's class values in the order of its probability columns."""
    if detects_outliers(model):
        return (-1, 1)
    found = getattr(model, "classes_", None)
    if found is None:
        found = getattr(last_step(model), "classes_", None)
    if found is None:
        raise TargetError(f"{type(model).__name__} does not tell its classes (classes_)", place=place)
    if isinstance(found, list) or np.asarray(found).ndim != 1:
        raise TargetError("the model predicts several labels a row", place=place, hint="Give one output at a time")
    return tuple(np.asarray(found).tolist())


def match_classes(own: tuple[Any, ...], named: tuple[str, ...], place: str) -> tuple[Any, ...]:
    """The model's value for each named class: by text, else by position for 0..k-1."""
    if own == (-1, 1) and set(named) == set(OUTLIERS):
        return tuple(own[OUTLIERS.index(n)] for n in named)
    texts = {str(v): v for v in own}
    texts |= {str(int(v)): v for v in own if isinstance(v, float) and v == int(v)}
    if set(texts) <= set(named) or all(str(v) in named for v in own):
        return tuple(texts.get(n, n) for n in named)
    if own == tuple(range(len(own))) and len(own) <= len(named):
        return tuple(range(len(named)))
    raise TargetError(
        f"the model's classes {list(own)[:6]} do not match the card's {list(named)[:6]}",
        code="target/classes",
        place=place,
        hint="List under 'classes' the model's own labels, in the order you want",
    )


def width_of(model: Any) -> int | None:
    """Number of columns the model was fitted on, where it says so."""
    try:
        width = getattr(model, "n_features_in_", None)
    except AttributeError:
        return None
    return None if width is None else int(width)


def reads_text(model: Any) -> bool:
    """True for a pipeline that starts with a text vectoriser."""
    first = model.steps[0][1] if is_pipeline(model) else model
    return "feature_extraction.text" in type(first).__module__


def single_job(model: Any) -> None:
    """n_jobs to 1 everywhere: workers share the machine, and a number must not depend on how many cores there are."""
    if not hasattr(model, "get_params"):
        return
    final = last_step(model)
    greedy = type(final).__module__.startswith(("xgboost", "lightgbm"))  # None means every core there
    alone = (1,) if greedy else (1, None)  # scikit-learn warns where n_jobs is named for nothing
    jobs = {k: 1 for k, v in model.get_params(deep=True).items() if k.split("__")[-1] == "n_jobs" and v not in alone}
    if jobs:
        model.set_params(**jobs)
    if type(final).__module__.startswith("xgboost") and hasattr(final, "_Booster"):
        final.get_booster().set_param({"nthread": 1})


def fresh(model: Any, seed: int) -> Any:
    """An unfitted clone with every random_state (and CatBoost's random_seed) set from ``seed``."""
    from sklearn.base import clone

    made = clone(model)
    value = int(seed) % (2**31 - 1)
    names = [k for k in made.get_params(deep=True) if k.split("__")[-1] in ("random_state", "random_seed")]
    if names:
        made.set_params(**dict.fromkeys(names, value))
    for key, value_ in made.get_params(deep=True).items():
        if key.split("__")[-1] == "objective" and str(value_).startswith("multi:"):
            made.set_params(**{key: "binary:logistic"})  # XGBoost's default: fit makes it multi: again where needed
    single_job(made)
    return made


def recoded(y: NumpyArray, raw: tuple[Any, ...]) -> tuple[NumpyArray, tuple[Any, ...]]:
    """Class indices as the label values to fit on, and those values in class order.

    Models coded 0..k-1 get the classes that are present coded without holes (XGBoost insists on it).
    """
    y = np.asarray(y).astype(np.int64)
    if raw != tuple(range(len(raw))):
        return np.array(raw)[y], raw
    present, codes = np.unique(y, return_inverse=True)
    code_of = {int(c): i for i, c in enumerate(present)}
    return codes, tuple(code_of.get(i, f"absent {i}") for i in range(len(raw)))


def positions(model: Any, raw: tuple[Any, ...], classes: tuple[str, ...]) -> NumpyArray:
    """For each column of the model's probabilities the index of the class it belongs to."""
    if not raw:
        return np.arange(0)
    index = answers.label_index(classes, raw)
    found = [index(v) for v in own_classes(model, "retrained model")]
    return np.array([i for i in found if i is not None], dtype=np.int64)


def margin_method(model: Any) -> tuple[str, dict[str, Any]]:
    """Method and options that give unbounded scores; an empty name where there are none."""
    module = type(last_step(model)).__module__
    if module.startswith("xgboost"):
        return "predict", {"output_margin": True}
    if module.startswith("lightgbm"):
        return "predict", {"raw_score": True}
    return ("decision_function", {}) if hasattr(model, "decision_function") else ("", {})


def calibrated_apart(model: Any) -> bool:
    """True where probabilities do not rise with the decision function, column by column (SVC, one-against-one)."""
    final = last_step(model)
    name = type(final).__name__
    return name in ("SVC", "NuSVC") or not (
        type(final).__module__.startswith(("sklearn.linear_model", "sklearn.ensemble", "xgboost", "lightgbm"))
    )


def booster_of(model: Any) -> Any:
    """The booster inside XGBoost's or LightGBM's own estimator; None for others and for pipelines around them."""
    module = type(model).__module__
    if module.startswith("xgboost") and hasattr(model, "get_booster"):
        return model.get_booster()
    return getattr(model, "booster_", None) if module.startswith("lightgbm") else None


def identity(model: Any) -> str:
    """sha256 that is equal for equal models: over what joblib's hasher pickles, whatever the memory layout."""
    import joblib

    try:
        return hashlib.sha256(f"{type(model).__qualname__} {joblib.hash(model, 'sha1')}".encode()).hexdigest()
    except Exception:  # a pickler's hook may raise anything; two models that look alike need not be the same
        return hashlib.sha256(f"{model!r} {uuid.uuid4().hex}".encode()).hexdigest()


def look(target: Any, samples: Samples | None) -> tuple[str, ...]:
    """Ask the model once and say what is odd. Raises the TargetError that a broken model gives."""
    rows: NumpyArray | None = None
    if samples is not None and len(samples):
        rows = target.encode(samples.x[:32])
    elif target.space.modality != "text" and not target._names():
        rows = target.space.example(2, np.random.default_rng(0))
    if rows is None:
        return ()
    labels = target.predict(rows)
    if not hasattr(target, "probabilities"):
        return ()
    p = target.probabilities(rows)
    apart = int((p.argmax(axis=1) != labels).sum())
    ties = int(((p == p.max(axis=1, keepdims=True)).sum(axis=1) > 1).sum())
    if apart > ties:
        return (f"predict and the most probable class differ on {apart} of {len(rows)} rows",)
    return ()


def load(path: Any) -> Any:
    """The estimator in a file that the scan has let through: unpickled by joblib, or read by skops."""
    import joblib

    try:
        if str(path).lower().endswith(".skops"):
            return _skops(path)
        return joblib.load(path)
    except MissingExtra:
        raise
    except ModuleNotFoundError as error:
        raise TargetError(
            f"the file needs the module '{error.name}' to load", place=str(path), hint=f"Run: pip install {error.name}"
        ) from error
    except Exception as error:
        raise TargetError(
            f"the file could not be loaded ({type(error).__name__}: {' '.join(str(error).split())[:200]})",
            place=str(path),
            hint="Save it with joblib.dump under the installed scikit-learn",
        ) from error


def _skops(path: Any) -> Any:
    """Only types that skops itself trusts: those of scikit-learn, NumPy and SciPy."""
    try:
        skops = importlib.import_module("skops.io")
    except ModuleNotFoundError as error:
        raise MissingExtra.of("reading .skops files", "convert", "skops") from error
    return skops.load(path, trusted=[])
