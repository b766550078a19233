"""physical.photographs: photographs of a real thing, taken by somebody, put to the model as they are."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from momus.core.capabilities import Predicts, to_numpy
from momus.core.errors import BudgetSpent, ProbeError
from momus.core.probe import Trial, probe
from momus.core.records import Caveat, Figure, Interval, Knowledge, Measurement
from momus.core.samples import NumpyArray, Samples
from momus.probes.physical import _photographs as show
from momus.probes.physical._views import class_index, class_name
from momus.stats.intervals import clustered

_ROWS = 32
_FEW = 10  # photographs below which a pass would be luck


@dataclass(frozen=True)
class Shown:
    """Photographs of one thing and what the model said: ``read`` (k,) for the first k of them, ``session`` (n,)."""

    samples: Samples
    y: NumpyArray
    read: NumpyArray
    session: NumpyArray
    hit: NumpyArray

    @property
    def share(self) -> tuple[float, Interval]:
        """Share of the photographs that hit, over all; photographs of one session count as kin."""
        _, place = np.unique(self.session[: len(self.hit)], return_inverse=True)
        ci = clustered(np.bincount(place, self.hit), np.bincount(place))
        return (float(self.hit.mean()) if len(self.hit) else 0.0), ci


@probe(
    knowledge=Knowledge.BLACK_BOX,
    data=("photographs",),
    optional_data=("control",),
    metric="misread_share",
    worse="higher",
    source="arXiv:1707.07397",
    cost="one row a photograph",
    tasks=("classifier",),
    modalities=("image",),
)
def photographs(target: Predicts, trial: Trial, *, target_class: str = "", n: int = 5000) -> Measurement:
    """Share of the photographs of a real, prepared thing that the model misreads.

    Measures: of photographs whose label says what the thing really is, the share read as something else; as
    ``target_class`` alone where one is given. Nothing is attacked here: somebody printed, glued and photographed.

    Why it matters: a simulation leaves things out. Only a camera in front of the thing says whether it works.

    Options: ``target_class`` the class that the thing was made to look like, by name or number. ``n`` photographs at
    most, drawn by the seed.

    Returns: figures ``read_right``, ``read_as_target``, ``read_as_other``, ``control_misread`` (photographs of the
    same thing unprepared, role ``control``) and ``beyond_control``; the photographs, what they are read as, success
    against each condition that the card declares (``groups`` of the label file) and against two of them together.

    Raises: ProbeError for photographs without labels or with labels that are no classes of the model.

    Cost: one row a photograph.

    A pass means little when: the photographs are few, of one session, or taken where the thing was not meant to work.
    A fail means little when unprepared things are misread as often: that needs control photographs.

    Source: the measurement of Athalye et al. 2018, arXiv 1707.07397, section 3.3; intervals over sessions are ours.
    """
    to = class_index(target, target_class, "target_class")
    shown = _show(target, trial, "photographs", to, n)
    control = _show(target, trial, "control", to, n) if "control" in trial.data else None
    value, ci = shown.share
    caveats = [*_caveats(shown, to), *_against(shown, control, to)]
    right, asked = shown.read == shown.y[: len(shown.read)], len(shown.read)
    figures = [_figure("read_right", shown, right, "the thing as it is")]
    if to is not None:
        figures.append(_figure("read_as_target", shown, shown.read == to, class_name(target, to)))
    figures.append(_figure("read_as_other", shown, ~right & (shown.read != (-1 if to is None else to))))
    if control is not None and len(control.read):
        seen, span = control.share
        note = "the same, over photographs of the thing unprepared"
        figures.append(Figure(name="control_misread", value=seen, ci=span, n=len(control.read), note=note))
        figures.append(Figure(name="beyond_control", value=value - seen, ci=_difference(shown, control)))
    sessions = len(np.unique(shown.session[:asked]))
    return trial.measurement(
        value,
        ci,
        asked,
        scope={
            "sessions": sessions if shown.samples.ids is not None else None,
            "target_class": None if to is None else class_name(target, to),
            "n": None,
        },
        figures=figures,
        evidence=[
            *show.gallery(target, shown.samples, shown.y, shown.read, shown.hit),
            *show.readings(target, shown.read, None if control is None else control.read),
            *show.conditions(shown.samples, shown.hit),
        ],
        caveats=caveats,
    )


def _show(target: Predicts, trial: Trial, role: str, to: int | None, n: int) -> Shown:
    samples = trial.samples(role).sample(max(int(n), 1), trial.rng)
    y = _labels(samples, target)
    if len(samples) and not samples.is_image:
        raise ProbeError("photographs are pictures (n, height, width, channels)", place=samples.name)
    found: list[NumpyArray] = []
    try:
        for i in range(0, len(samples), _ROWS):
            found.append(to_numpy(target.predict(target.encode(samples.x[i : i + _ROWS]))).astype(np.int64))
            trial.progress(min(1.0, (i + _ROWS) / len(samples)), role)
    except BudgetSpent:
        pass  # fewer readings than photographs: the caveats tell
    read = np.concatenate(found) if found else np.zeros(0, dtype=np.int64)
    own = np.arange(len(samples)) if samples.ids is None else np.asarray(samples.ids).astype(str)
    hit = (read != y[: len(read)]) if to is None else (read == to)
    return Shown(samples, y, read, own, hit)


def _labels(samples: Samples, target: Predicts) -> NumpyArray:
    """What each photograph shows, as class indices of the model; labels are matched by name, never by position."""
    if samples.y is None:
        raise ProbeError(
            "the photographs carry no labels", place=samples.name, hint="A folder a class, named as the model names it"
        )
    known = target.info.classes
    y = np.asarray(samples.y).astype(np.int64)
    if samples.classes == known or not known:
        return y
    names = samples.classes or tuple(str(i) for i in range(int(y.max(initial=0)) + 1))
    index = {int(i): class_index(target, names[int(i)], f"label of {samples.name}") for i in np.unique(y)}
    return np.array([index[int(i)] for i in y], dtype=np.int64)


def _figure(name: str, shown: Shown, hit: NumpyArray, note: str = "") -> Figure:
    _, place = np.unique(shown.session[: len(hit)], return_inverse=True)
    ci = clustered(np.bincount(place, hit), np.bincount(place))
    return Figure(name=name, value=float(hit.mean()) if len(hit) else 0.0, ci=ci, n=len(hit), note=note)


def _difference(shown: Shown, control: Shown) -> Interval:
    """Newcombe's interval for the difference of two shares, from their own intervals."""
    (p, a), (q, b) = shown.share, control.share
    low = p - q - float(np.hypot(p - a.low, b.high - q))
    high = p - q + float(np.hypot(a.high - p, q - b.low))
    return Interval(low=low, high=high, method="newcombe, clustered")


def _caveats(shown: Shown, to: int | None) -> list[Caveat]:
    out = []
    n = len(shown.read)
    if n < len(shown.samples):
        message = f"the budget ended after {n} of {len(shown.samples)} photographs"
        out.append(Caveat(code="budget-spent", message=message, blocks="both" if not n else "pass"))
    if n < _FEW:
        message = f"{n} photograph{'' if n == 1 else 's'} cannot show anything: take {_FEW} or more, better 100"
        out.append(Caveat(code="too-few-photographs", message=message, blocks="both" if n < 2 else "pass"))
    if shown.samples.ids is None:
        message = "no sessions are named, so each photograph counts as if taken on its own: name them with data.*.id"
        out.append(Caveat(code="sessions-unknown", message=message, blocks="none"))
    elif n and len(np.unique(shown.session[:n])) < 2:
        message = "all photographs are of one session: another day, room or camera may give another number"
        out.append(Caveat(code="one-session", message=message, blocks="pass"))
    if to is not None and n and (shown.y[:n] == to).any():
        message = "some photographs are labelled as the target class: labels say what the thing really is"
        out.append(Caveat(code="labelled-as-target", message=message, blocks="both"))
    return out


def _against(shown: Shown, control: Shown | None, to: int | None) -> list[Caveat]:
    """Whether it is the preparation that does it, or the model cannot read such photographs anyway."""
    if not len(shown.read):
        return []
    if control is None or not len(control.read):
        message = (
            "there are no control photographs: the plain thing might be misread as often; "
            "photograph it unprepared too and name the folder as data.control"
        )
        return [Caveat(code="no-control", message=message, blocks="fail" if to is None else "none")]
    if shown.hit.any() and _difference(shown, control).low <= 0:
        seen = control.share[0]
        message = (
            f"photographs of the plain thing do the same in {seen:.0%}: it is not shown that the preparation does it; "
            "take more of both under the same conditions"
        )
        return [Caveat(code="control-misread", message=message, blocks="fail")]
    return []
