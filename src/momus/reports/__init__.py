"""What a person sees: one ReportView, built once, and a renderer for each surface.

``terminal``, ``html``, ``json_`` and ``markdown`` each offer ``render(view, out)``. Import the renderer you want:
none of them is loaded here, so that ``import momus.reports`` needs neither rich nor Jinja2.
"""

from __future__ import annotations

from momus.reports.compare import CompareView, compare_view
from momus.reports.view import ModeView, ReportView, build_view
from momus.reports.write import write

__all__ = ["CompareView", "ModeView", "ReportView", "build_view", "compare_view", "write"]
