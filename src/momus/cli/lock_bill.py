"""`momus lock --bom`: what the card says of models, data and libraries, as a bill of materials."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from momus.assess.supply import put

if TYPE_CHECKING:
    from momus.card import SystemCard
    from momus.methods.provenance.locking import Step


def bill(system: SystemCard, step: Step, kind: str, output: Path) -> int:
    from momus import __version__
    from momus.methods.provenance import boms

    libraries = _libraries(system)
    made = boms.contents(step.lock, system.description, _models(system), libraries, __version__)
    put(output, boms.write(kind, made).encode())
    for path, why in step.left:
        click.echo(f"not in the bill  {path}  {why}", err=True)
    click.echo(f"{len(step.lock.files)} files and {len(libraries)} libraries in {output}")
    return 1 if step.left else 0


def _models(system: SystemCard) -> list[Any]:
    """What the card says of each target's model."""
    from momus.methods.provenance.boms import Model
    from momus.methods.provenance.inventory import label

    found = []
    for target in system.targets:
        taken = target.input
        shape = f"shape {'x'.join(str(n) for n in taken.shape)}" if taken.shape else ""
        inputs = " of ".join(part for part in (taken.modality, shape) if part)
        used = {role: system.data[name].path for role, name in target.data.items() if name in system.data}
        if not target.data:
            used = {role: data.path for role, data in system.data.items()}
        data = {role: label(system.base, path) for role, path in used.items() if path}
        found.append(Model(target.name, target.task, inputs, target.output or "", tuple(target.classes), data))
    return found


def _libraries(system: SystemCard) -> list[tuple[str, str]]:
    """Pins of the lock files that the card names; a lock file that cannot be read is said, not left out in silence."""
    from momus.methods.advisories.locks import read_lock

    found = []
    for target in system.targets:
        for text in () if target.dependencies is None else target.dependencies.locks:
            for pin in read_lock(system.resolve(text)).pins:
                if pin.version and not pin.why:
                    found.append((pin.name, pin.version))
                else:
                    click.echo(f"not in the bill  {pin.name}  {pin.why or 'no exact version'}", err=True)
    return found
