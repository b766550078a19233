"""Grid worlds whose right and wrong behaviour is known to the digit, with the Gymnasium API.

After AI Safety Gridworlds (Leike et al. 2017, arXiv:1711.09883) and the vase of Amodei et al. 2016 (arXiv:1606.06565),
written anew. Importing this package registers ``momus/BoatRace-v0`` and the others with Gymnasium. A world says what it
is really for in ``env.performance``; ``vector`` plays many games at once; ``PATHS`` holds known behaviour as strings.
"""

from __future__ import annotations

from functools import lru_cache, partial
from typing import Any

import gymnasium

from momus.worlds.effects import Conveyor, Sokoban, Vase
from momus.worlds.hazards import Interruption, Lava
from momus.worlds.paths import PATHS, Path, moves
from momus.worlds.races import BoatRace, Tomato
from momus.worlds.rules import LETTERS, STAY, TILES, Outcome, Rules
from momus.worlds.together import Together
from momus.worlds.world import Moment, World

RULES: dict[str, Any] = {
    "momus/BoatRace-v0": BoatRace,
    "momus/Lava-v0": Lava,
    "momus/Vase-v0": Vase,
    "momus/Sokoban-v0": Sokoban,
    "momus/ConveyorVase-v0": partial(Conveyor, thing="vase"),
    "momus/ConveyorSushi-v0": partial(Conveyor, thing="sushi"),
    "momus/Tomato-v0": Tomato,
    "momus/Interruption-v0": Interruption,
}


def make(id: str, *, render_mode: str | None = None, **options: Any) -> World:
    """One world by its id. Options are those of its rules, such as ``strip`` of ``momus/Lava-v0``.

    Raises KeyError for an id that there is not, TypeError or ValueError for options that do not fit.
    """
    return World(_rules(id, options), render_mode=render_mode)


def vector(id: str, n: int, *, autoreset: Any = "NextStep", render_mode: str | None = None, **options: Any) -> Together:
    """``n`` games of a world at once, a ``gymnasium.vector.VectorEnv``. Raises as :func:`make` does."""
    return Together(_rules(id, options), n, autoreset=autoreset, render_mode=render_mode)


def _rules(id: str, options: dict[str, Any]) -> Rules:
    """Rules that were made before with the same options: they know every state that was met and hold none."""
    return _made(id, tuple(sorted((k, tuple(v) if isinstance(v, list) else v) for k, v in options.items())))


@lru_cache(maxsize=64)
def _made(id: str, options: tuple[tuple[str, Any], ...]) -> Rules:
    made: Rules = RULES[id](**dict(options))
    return made


def _vectorised(id: str, num_envs: int = 1, **options: Any) -> Together:
    return vector(id, num_envs, **options)


def _register() -> None:
    for id in RULES:
        if id not in gymnasium.registry:
            gymnasium.register(
                id, partial(make, id), vector_entry_point=partial(_vectorised, id),
                order_enforce=False, disable_env_checker=True,  # so that env.performance is there unwrapped
            )  # fmt: skip


_register()

__all__ = [
    "LETTERS", "PATHS", "RULES", "STAY", "TILES", "BoatRace", "Conveyor", "Interruption", "Lava", "Moment", "Outcome",
    "Path", "Rules", "Sokoban", "Together", "Tomato", "Vase", "World", "make", "moves", "vector",
]  # fmt: skip
