"""compare: two assessments of a system, mode by mode."""

from __future__ import annotations

from momus.assess.assessment import Assessment
from momus.reports.compare import CompareView, compare_view


def compare(a: Assessment, b: Assessment) -> CompareView:
    """What changed from ``a`` to ``b``: verdicts, numbers beyond their intervals, what is newly or no longer tested."""
    return compare_view(a.view(), b.view())
