"""Reports to hold against each other: the sample with one thing changed, for tests of what compares them."""

from __future__ import annotations

from datetime import date
from functools import cache
from typing import Any

from momus.core.decisions import Waived
from momus.core.records import Interval, Severity, Status
from momus.reports.view import ReportView
from momus.testing.report_sample import sample_view

TODAY = date(2027, 3, 1)
CARD = """\
system: loan-approval  # the name
facts: {api.reach: public}
targets:
  - name: scorer
    adapter: sklearn
    path: model.joblib
  - {name: pilot, adapter: policy}
limits:
  membership.shadow: 0.05
waivers:
  - {mode: M04, reason: known, by: a.person, until: 2027-06-30}
"""


sample = cache(sample_view)  # records are frozen: one for all


def with_run(view: ReportView, **changes: Any) -> ReportView:
    """The view with other words about its run."""
    return view.model_copy(update={"run": view.run.model_copy(update=changes)})


def carded(text: str = CARD, path: str = "momus.yaml") -> ReportView:
    """The sample as if it had been measured under a card."""
    return with_run(sample(), card_text=text, card_path=path)


def row(view: ReportView, slug: str, **changes: Any) -> ReportView:
    """The view with one row changed."""
    modes = tuple(m.model_copy(update=changes) if m.slug == slug else m for m in view.modes)
    return view.model_copy(update={"modes": modes})


def measured(
    view: ReportView,
    slug: str,
    status: Status,
    value: float = 0.0,
    low: float | None = None,
    high: float | None = None,
    *,
    severity: Severity | None = None,
    limit: float | None = None,
    **more: Any,
) -> ReportView:
    """The view with another reading (and verdict) of the one finding that a row has."""
    m = view.mode(slug)
    assert m.headline is not None and m.headline.measurement is not None
    x = m.headline.measurement
    if low is not None and high is not None:
        x = x.model_copy(update={"value": value, "ci": Interval(low=low, high=high)})
    x = x.model_copy(update=more)
    changes: dict[str, Any] = {"status": status, "measurement": x}
    if limit is not None and m.headline.limit is not None:
        changes["limit"] = m.headline.limit.model_copy(update={"value": limit})
    f = m.headline.model_copy(update=changes)
    rated = tuple(r.model_copy(update={"severity": severity}) if severity else r for r in m.ratings)
    ratings = rated if status is Status.FAIL else ()
    return row(view, slug, headline=f, findings=(f,), status=status.value, ratings=ratings)


def waived(view: ReportView, slug: str, **more: Any) -> ReportView:
    """The view with a decision that accepts a row."""
    asked = {"id": "w", "system": view.run.system, "mode": slug, "reason": "a test system", "by": "A. Person"}
    return row(view, slug, waived=(Waived(**{**asked, "until": date(2027, 6, 30), **more}),))


def again(view: ReportView) -> ReportView:
    """The same system measured once more: another run, seed, machine and place of the card."""
    return with_run(view, id="20270301-other", seed=99, machine="elsewhere", card_path="sub/dir/momus.yaml")
