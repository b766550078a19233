"""A linear model that is fitted when it is opened: a second or two, the same weights every time."""

from __future__ import annotations

from typing import Any

from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler


def income() -> Any:
    """Logistic regression behind a scaler: who earns more than 50,000 dollars?"""
    from data import train

    samples = train()
    return make_pipeline(StandardScaler(), LogisticRegression(C=0.1, max_iter=500)).fit(samples.x, samples.y)
