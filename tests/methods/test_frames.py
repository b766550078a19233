"""Films: bounded in size, in step, in order, and nothing where an environment draws nothing."""

from __future__ import annotations

import io
from typing import Any

import numpy as np
from PIL import Image

from momus.methods import frames


def reel(n: int, size: int = 40, noisy: bool = False) -> frames.Reel:
    rng = np.random.default_rng(0)
    shots = []
    for i in range(n):
        picture = np.full((size, size, 3), 240, np.uint8)
        picture[:, : 1 + i % size] = (200, 30, 40)
        if noisy:
            picture = rng.integers(0, 256, picture.shape).astype(np.uint8)
        shots.append(frames.Shot(picture, (("move", str(i)),)))
    return frames.Reel("one", tuple(shots))


def test_a_film_has_every_shot_side_by_side() -> None:
    film = frames.film([reel(12), reel(5)])
    assert film is not None
    seen = Image.open(io.BytesIO(film))
    assert seen.n_frames == 12 and seen.width > 2 * 200
    first, last = (np.asarray(_frame(seen, i)) for i in (0, 11))
    assert (first != last).any()


def _frame(film: Image.Image, i: int) -> Image.Image:
    film.seek(i)
    return film.convert("RGB")


def test_a_film_is_bounded() -> None:
    film = frames.film([reel(40, noisy=True)], most=400_000)
    assert film is not None and len(film) < 400_000
    assert 8 <= Image.open(io.BytesIO(film)).n_frames < 40


def test_nothing_to_show() -> None:
    assert frames.film([]) is None and frames.film([frames.Reel("none", ())]) is None

    class Mute:
        def render(self):
            return None

    class Words:
        def render(self):
            return "A..G"

    for env in (object(), Mute(), Words()):
        assert frames.rendered(env) is None


def test_frames_of_other_types_become_bytes() -> None:
    class Grey:
        def render(self):
            return [np.full((4, 6, 4), 0.5)]

    found = frames.rendered(Grey())
    assert found is not None and found.shape == (4, 6, 3) and found.dtype == np.uint8 and found.max() == 127


def test_a_storyboard_shows_the_first_moves_one_by_one_and_the_last() -> None:
    shown = frames.storyboard(reel(50), count=8)
    assert [p.caption for p in shown][:3] == ["move 0", "move 1", "move 2"] and shown[-1].caption == "move 49"
    assert len(frames.storyboard(reel(3))) == 3


def test_an_environment_that_can_draw_is_asked_to() -> None:
    import gymnasium

    env = frames.drawing_env(gymnasium.make("CliffWalking-v1"))
    assert env.render_mode == "rgb_array"
    env.close()


def test_a_wrapper_that_cannot_be_made_again_is_kept_and_its_world_draws() -> None:
    import gymnasium

    class Own(gymnasium.ObservationWrapper):  # takes no note of its arguments, so that no spec can rebuild it
        def observation(self, observation: Any) -> Any:
            return observation

    env = Own(gymnasium.make("CliffWalking-v1"))
    drawing = frames.drawing_env(env)
    assert drawing is env and env.unwrapped.render_mode == "rgb_array"
    drawing.reset(seed=0)
    shown = frames.rendered(drawing)
    assert shown is not None and shown.ndim == 3
    env.close()
