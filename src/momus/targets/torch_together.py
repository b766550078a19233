"""Modules that come with a recipe can be trained again, one alone or many together."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import cache
from typing import Any

import numpy as np
import torch

from momus.core import digest
from momus.core.capabilities import TargetInfo
from momus.core.errors import TargetError
from momus.core.samples import NumpyArray
from momus.targets import answers
from momus.targets.spaces import Space
from momus.targets.torch_net import Net, Reading
from momus.targets.torch_recipe import Recipe, train


@dataclass(frozen=True)
class ByRecipe:
    """A train hook: (x as read, y, seed) -> a net around a fresh module, trained by ``recipe``.

    ``net`` says how the target's module is fed, ``again`` makes such a net around another one, and ``reading`` says
    what a fresh module returns.
    """

    recipe: Recipe
    net: Net
    again: Callable[[Any], Net]
    reading: Callable[[Any], Reading]

    def __call__(self, x: NumpyArray, y: NumpyArray, seed: int) -> Net:
        return self.together(x, y, np.ones((1, len(x)), dtype=bool), [seed])[0]

    def together(self, x: NumpyArray, y: NumpyArray, inside: NumpyArray, seeds: Sequence[int]) -> list[Net]:
        """One net for each row of ``inside``."""
        canonical = torch.from_numpy(self.net.where.encode(x)).to(self.net.device)
        with torch.no_grad():
            fed = torch.cat([self.net.feed(a, whole=self.net.whole) for a in canonical.split(4096)])
        kind = torch.float64 if self.net.reading == "values" else torch.int64
        labels = torch.as_tensor(np.asarray(y)).to(self.net.device, kind)
        rows = [np.flatnonzero(mask) for mask in np.asarray(inside, dtype=bool)]
        with answers.asking(self.net.name, x, "was trained by its recipe"):
            modules = train(self.recipe, fed, labels, rows, seeds, self.reading)
        return [self.again(m) for m in modules]


class Together:
    """Adds ``retrain_together`` to a class that has ``retrain``."""

    space: Space
    _info: TargetInfo
    _hook: Any

    def retrain_together(
        self, x: NumpyArray, y: NumpyArray, inside: NumpyArray, /, *, seeds: Sequence[int]
    ) -> Sequence[Any]:
        """A target for each row of ``inside`` (m, n) bool, fitted on ``x[inside[i]]`` with ``seeds[i]``.

        Up to rounding what ``retrain`` makes of the same rows and seed; dropout draws other masks.
        """
        inside = np.asarray(inside, dtype=bool)
        if inside.shape != (len(seeds), len(x)):
            raise TargetError(f"inside has shape {inside.shape}, expected ({len(seeds)}, {len(x)})")
        made = []
        for net, mask, seed in zip(self._hook.together(x, y, inside, seeds), inside, seeds, strict=True):
            name = digest.of_value([self._info.digest, digest.of_array(np.asarray(x)[mask], np.asarray(y)[mask]), seed])
            info = replace(self._info, name=f"{self._info.name} (retrained)", digest=name, notes=(), files=())
            made.append(type(self)(net, info, self.space, self._hook))  # type: ignore[call-arg]
        return made


@cache
def together_of(form: type) -> type:
    """The same kind of target, with ``retrain_together``."""
    return type(f"{form.__name__}Together", (Together, form), {"__doc__": f"{form.__name__}, several at once."})
