"""The light core stays light, and nothing anywhere asks for torchvision."""

from __future__ import annotations

import re
from importlib import metadata
from pathlib import Path

import pytest
from packaging.requirements import Requirement

ROOT = Path(__file__).resolve().parents[2]


def closure(package: str) -> set[str]:
    """Names of all packages that ``package`` brings along, without extras, for this Python and system."""
    found: set[str] = set()
    waiting = [package]
    while waiting:
        for text in metadata.requires(waiting.pop()) or []:
            requirement = Requirement(text)
            name = re.sub(r"[-_.]+", "-", requirement.name).lower()
            if (requirement.marker is None or requirement.marker.evaluate({"extra": ""})) and name not in found:
                found.add(name)
                waiting.append(name)
    return found


def test_the_core_brings_at_most_32_packages_and_no_framework() -> None:
    brought = closure("momus")
    assert len(brought) <= 32, sorted(brought)
    assert not brought & {"torch", "tensorflow", "jax", "pandas", "onnxruntime"}


@pytest.mark.parametrize("file", ["pyproject.toml", "constraints.txt", "examples/requirements.txt"])
def test_torchvision_is_never_asked_for(file: str) -> None:
    asked = [line for line in (ROOT / file).read_text("utf-8").splitlines() if not line.lstrip().startswith("#")]
    assert not any("torchvision" in line for line in asked)


def test_torch_is_pinned() -> None:
    assert "torch==2.13.0" in (ROOT / "constraints.txt").read_text("utf-8").splitlines()


def test_the_licence_is_apache() -> None:
    assert metadata.metadata("momus")["License-Expression"] == "Apache-2.0"
    assert "Apache License" in (ROOT / "LICENSE").read_text("utf-8")
