"""The head of a run: what it takes to repeat it."""

from __future__ import annotations

import os
import platform
import sys
from datetime import UTC, datetime
from importlib import metadata
from typing import TYPE_CHECKING

from momus.card import SystemCard
from momus.core import digest
from momus.core.records import Run

if TYPE_CHECKING:
    from momus.assess.run import Settings

_PACKAGES = (
    "numpy",
    "scipy",
    "scikit-learn",
    "torch",
    "onnxruntime",
    "xgboost-cpu",
    "xgboost",
    "lightgbm",
    "gymnasium",
)


def head_of(card: SystemCard, settings: Settings) -> Run:
    created = datetime.now(UTC)
    identity = digest.of_value([card.digest, settings.seed, created.isoformat(), os.getpid()])
    return Run(
        id=f"{created:%Y%m%d-%H%M%S}-{identity[:6]}",
        system=card.system,
        card_digest=card.digest,
        card_path=str(card.path or ""),
        card_text=card.text,
        seed=settings.seed,
        created=created,
        versions=_versions(),
        machine=f"{platform.system()} {platform.machine()}, {os.cpu_count()} cores, Python {platform.python_version()}",
        command=settings.command,
        settings={
            "only": list(settings.only),
            "budget": {
                "queries": settings.queries,
                "seconds": settings.seconds,
                "memory_mb": settings.memory_mb,
            },
            **({"reproduces": settings.reproduces} if settings.reproduces else {}),
            **({"minutes": settings.minutes} if settings.minutes else {}),
            "allow_unsafe": settings.allow_unsafe,
            "backend": settings.backend,
        },
    )


def _versions() -> dict[str, str]:
    from momus import __version__

    found = {"momus": __version__, "python": sys.version.split()[0]}
    for package in _PACKAGES:
        try:
            found[package] = metadata.version(package)
        except metadata.PackageNotFoundError:
            continue
    return found
