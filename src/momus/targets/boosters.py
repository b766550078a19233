"""Native booster files: XGBoost (.json, .ubj) and LightGBM (text). Trees and numbers only; nothing in them can run."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from momus.core import digest
from momus.core.errors import MissingExtra, TargetError
from momus.core.samples import Column, NumpyArray, Samples
from momus.targets import matching
from momus.targets.callable_ import CallableTarget, callable_target
from momus.targets.spaces import raw_values

SUFFIXES = (".json", ".ubj", ".txt", ".lgb", ".model")


class Arranged:
    """Rows as probes see them, in the booster's order of columns and with its categories as categories."""

    def __init__(
        self,
        columns: Sequence[Column] = (),
        order: NumpyArray | None = None,
        names: Sequence[str] = (),
        wanted: Sequence[str] = (),
    ) -> None:
        self.columns = columns
        self.order = order
        self.names = names
        self.codes = raw_values(columns)
        self.held = [j for j, c in enumerate(columns) if c.name in wanted or ("*" in wanted and c.categories)]

    def __call__(self, x: NumpyArray) -> Any:
        if not self.held:
            return x if self.order is None else x[:, self.order]
        special = {j: matching.categorical(self.columns[j], x[:, j], self.codes[j], x[:, j]) for j in self.held}
        return matching.frame(x, special, self.order, self.names)


class XgboostMargins:
    """An XGBoost booster as a function: margins for classifiers, values for regressors. One thread."""

    def __init__(self, path: Path) -> None:
        import xgboost

        self.booster = xgboost.Booster()
        try:
            self.booster.load_model(str(path))
        except xgboost.core.XGBoostError as error:
            raise _unreadable(path, "XGBoost", error) from error
        self.booster.set_param({"nthread": 1})
        learner = json.loads(self.booster.save_config())["learner"]
        self.objective = str(learner["objective"]["name"])
        several = max(int(float(learner["learner_model_param"]["num_class"])), 0)
        self.k = several or (2 if self.objective.startswith(("binary:", "reg:logistic")) else 0)
        self.width = int(self.booster.num_features())
        self.names = tuple(self.booster.feature_names or ())
        self.arranged = Arranged()

    def __call__(self, x: NumpyArray) -> NumpyArray:
        kind = "margin" if self.k else "value"
        return self.booster.inplace_predict(self.arranged(x), predict_type=kind, validate_features=False)  # type: ignore[no-any-return]


class LightgbmMargins:
    """A LightGBM booster as a function: raw scores for classifiers, values for regressors. One thread."""

    def __init__(self, path: Path) -> None:
        import lightgbm

        try:
            self.booster = lightgbm.Booster(model_file=str(path))
        except lightgbm.basic.LightGBMError as error:
            raise _unreadable(path, "LightGBM", error) from error
        words = str(self.booster.dump_model(num_iteration=1).get("objective", "")).split()
        settings = dict(w.split(":", 1) for w in words[1:] if ":" in w)
        self.objective = words[0] if words else ""
        each = int(self.booster.num_model_per_iteration())
        self.k = each if each > 1 else 2 if self.objective in ("binary", "cross_entropy") else 0
        self.slope = float(settings.get("sigmoid", 1.0)) if self.objective == "binary" else 1.0
        self.width = int(self.booster.num_feature())
        self.names = tuple(self.booster.feature_name())
        self.arranged = Arranged()

    def __call__(self, x: NumpyArray) -> NumpyArray:
        if not self.k:
            return self.booster.predict(self.arranged(x), num_threads=1)  # type: ignore[no-any-return]
        return self.slope * self.booster.predict(self.arranged(x), raw_score=True, num_threads=1)  # type: ignore[no-any-return]


def booster_target(
    path: Path,
    *,
    name: str = "model",
    classes: Sequence[str] = (),
    columns: Sequence[Column] = (),
    samples: Samples | None = None,
    train: Any = None,
) -> CallableTarget:
    """A booster file as a target with scores and probabilities, or values. Raises TargetError for another file."""
    margins = _opened(path)
    if margins.k and classes and len(classes) != margins.k:
        raise TargetError(
            f"the model has {margins.k} classes, {len(classes)} are listed",
            code="target/classes",
            place=f"target '{name}'",
        )
    if margins.objective.startswith("rank"):
        raise TargetError(f"its objective is {margins.objective}: rankings are not supported", place=str(path))
    order, notes = matching.order_of(margins.names, columns, f"target '{name}'")
    if columns:
        held = matching.booster_categories(margins.booster)
        margins.arranged = Arranged(columns, order, margins.names, held)
    target = callable_target(
        margins,
        name=name,
        classes=tuple(classes) or tuple(str(i) for i in range(margins.k)),
        output="logits" if margins.k else "values",
        task="classifier" if margins.k else "regressor",
        columns=columns,
        samples=samples,
        train=train,
        shape=(margins.width if order is None else len(columns),),
        rows=8192,
        identity=digest.of_value([digest.of_file(path), None if order is None else order.tolist()]),
        files=(str(path),),
    )
    # texts that are categories for the booster reach it as such: only others are worth a word
    as_codes = () if not columns or margins.arranged.held else target.info.notes
    target._info = replace(target.info, adapter="sklearn", notes=(*notes, *as_codes))
    from momus.targets.trees_target import with_trees  # it builds on this module

    return with_trees(target)


def _opened(path: Path) -> XgboostMargins | LightgbmMargins:
    with open(path, "rb") as stream:
        head = stream.read(64).lstrip()
    form = XgboostMargins if head.startswith(b"{") else LightgbmMargins if head.startswith(b"tree") else None
    if form is None:
        raise TargetError(
            "neither an XGBoost (json, ubj) nor a LightGBM (text) model", place=str(path),
            hint="Save it with booster.save_model",
        )  # fmt: skip
    try:
        return form(path)
    except ModuleNotFoundError as error:
        raise MissingExtra(
            f"this model file needs the module '{error.name}', which is not installed",
            hint=f"Run: pip install {error.name}",
        ) from error


def _unreadable(path: Path, library: str, error: Exception) -> TargetError:
    return TargetError(f"{library} cannot read it: {' '.join(str(error).split())[:200]}", place=str(path))
