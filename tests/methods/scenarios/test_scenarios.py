from __future__ import annotations

import numpy as np
import pytest
from PIL import Image
from scipy import ndimage
from skimage import data

from momus.core.samples import Column, ColumnKind, Samples
from momus.methods.scenarios import KNOWN, Stock, cloth, make, photographs, plain


def _stock(side: int = 48, channels: int = 3) -> Stock:
    rng = np.random.default_rng(0)
    test = Samples(rng.integers(0, 256, (9, side, side, channels), dtype=np.uint8), np.arange(9) % 3)
    photos = [
        np.asarray(Image.fromarray(getattr(data, k)()).resize((96, 96))) for k in ("astronaut", "chelsea", "coffee")
    ]
    disc = (np.hypot(*(np.mgrid[:32, :32] - 15.5)) < 15).astype(np.uint8) * 255
    red = np.stack([np.full((32, 32), 220), np.full((32, 32), 20), np.full((32, 32), 30), disc], axis=-1)
    return Stock(test, Samples(np.stack([red, red]).astype(np.uint8), np.array([1, 2])), Samples(np.stack(photos)))


def _red(x: np.ndarray) -> np.ndarray:
    a = x.astype(int)
    return np.asarray((a[..., 0] > 90) & (a[..., 1] < 70) & (a[..., 2] < 80))


@pytest.mark.parametrize("known", KNOWN.values(), ids=lambda k: f"{k.modality}-{k.name}")
def test_every_maker_gives_rows_like_the_test_rows_and_leaves_those_alone(known) -> None:  # type: ignore[no-untyped-def]
    rng = np.random.default_rng(1)
    test = {
        "image": _stock().test,
        "table": Samples(rng.normal(size=(20, 4)), np.zeros(20)),
        "text": Samples(np.array(["some words here", ""] * 5, dtype=object), np.zeros(10)),
        "audio": Samples(rng.normal(0, 0.1, (6, 400)).astype(np.float32), np.zeros(6), rate=8000),
    }[known.modality]
    before = test.x.copy()
    for stock in (Stock(test), _stock()) if known.modality == "image" else (Stock(test),):
        made = make(known, stock, 7, np.random.default_rng(2), {})
        again = make(known, stock, 7, np.random.default_rng(2), {})
        assert made.x.shape == (7, *test.x.shape[1:]) and made.x.dtype == test.x.dtype
        assert len(made.kind) == 7 and np.array_equal(made.x, again.x)
        assert (made.y is not None and len(made.y) == 7) or known.expect == "abstain"
    assert np.array_equal(before, test.x)


@pytest.mark.parametrize(("channels", "kind"), [(1, np.uint8), (3, np.float32), (4, np.uint8)])
def test_pictures_come_in_the_channels_and_type_of_the_test_rows(channels: int, kind: type) -> None:
    stock = _stock(24, 3)
    x = np.zeros((3, 24, 30, channels), kind)
    other = Stock(Samples(x, np.zeros(3)), stock.objects, stock.backgrounds)
    for maker in (photographs.upright, cloth.on_a_shirt, photographs.occluded):
        made = maker(other, 2, np.random.default_rng(0)).x
        assert made.shape == (2, 24, 30, channels) and made.dtype == kind
        assert made.max() > (100 if kind == np.uint8 else 0.4)


def test_a_fallen_sign_is_turned_and_an_upright_one_is_not() -> None:
    stock = _stock(64)
    assert stock.objects is not None
    two = stock.objects.x.copy()
    two[:, :16, :, :3] = [20, 30, 230]  # blue above, red below
    marked = Stock(stock.test, Samples(two, np.array([1, 2])), Samples(np.full((1, 80, 80, 3), 90, np.uint8)))

    def lean(picture: np.ndarray) -> float:
        a = picture.astype(int)
        red, blue = (np.argwhere(a[..., i] - a[..., j] > 50).mean(axis=0) for i, j in ((0, 2), (2, 0)))
        down, right = red - blue
        return abs(float(np.degrees(np.arctan2(right, down))))

    upright = photographs.upright(marked, 12, np.random.default_rng(3))
    fallen = photographs.fallen_over(marked, 12, np.random.default_rng(3))
    assert max(lean(p) for p in upright.x) < 20 < 40 < min(lean(p) for p in fallen.x)
    assert set(np.unique(fallen.y)) == {1, 2}


def test_a_quarter_is_hidden_where_a_quarter_was_asked_for() -> None:
    flat = np.full((60, 60, 3), [0.9, 0.1, 0.1], np.float32)
    for kind in photographs.OCCLUDERS:
        for share in (0.1, 0.25, 0.5):
            covered = photographs.cover(flat, (30, 30, 40), kind, share, np.random.default_rng(4))
            hidden = np.abs(covered - flat).max(axis=-1)[10:50, 10:50] > 0.1
            assert hidden.mean() == pytest.approx(share, abs=0.12), kind


def test_a_shirt_shows_the_print_on_cloth_that_folds() -> None:
    stock = _stock(96)
    rng = np.random.default_rng(5)
    smooth = cloth.on_a_shirt(stock, 6, rng, folds=0.0).x
    folded = cloth.on_a_shirt(stock, 6, np.random.default_rng(5), folds=1.0).x
    assert 0.02 < _red(folded).mean() < 0.3
    assert np.abs(folded.astype(int) - smooth).mean() > 4


def test_broken_cameras() -> None:
    made = photographs.sensor_off(_stock(), 10, np.random.default_rng(6))
    of = {k: made.x[i] for i, k in enumerate(made.kind)}
    assert (of["black"] == 0).all() and (of["white"] == 255).all() and of["noise"].std() > 60
    assert (of["one line for all"] == of["one line for all"][:1]).all()
    assert photographs.blank(_stock(), 5, np.random.default_rng(7)).x.std(axis=(1, 2)).max() == 0


def test_rows_out_of_place() -> None:
    rng = np.random.default_rng(8)
    columns = (Column("age"), Column("kind", ColumnKind.CATEGORICAL, categories=("a", "b")))
    test = Samples(np.column_stack([rng.uniform(18, 90, 30), rng.integers(0, 2, 30)]), columns=columns)
    far = plain.out_of_range(Stock(test), 20, rng, times=2)
    assert ((far.x[:, 0] > 200) | (far.x[:, 0] < -90)).all() and set(np.unique(far.x[:, 1])) <= {0, 1}
    assert (plain.sentinel(Stock(test), 5, rng).x[:, 0] == -999).all()
    assert np.isnan(plain.blank_rows(Stock(test), 3, rng, missing=True).x).all()
    with pytest.raises(ValueError, match="no number"):
        plain.sentinel(Stock(Samples(test.x[:, 1:], columns=columns[1:])), 3, rng)


def test_gibberish_keeps_the_lengths() -> None:
    test = Samples(np.array(["ab cde", "fgh i"], dtype=object))
    for text in plain.gibberish(Stock(test), 6, np.random.default_rng(9)).x:
        assert sorted(len(w) for w in text.split()) in ([2, 3], [1, 3])


def test_a_share_that_is_none_is_refused() -> None:
    with pytest.raises(ValueError, match="share"):
        photographs.occluded(_stock(), 2, np.random.default_rng(0), share=1.5)


def test_what_lies_on_the_ground_darkens_it() -> None:
    stock = _stock(64)
    white = Stock(stock.test, stock.objects, Samples(np.full((1, 80, 80, 3), 200, np.uint8)))
    bare, dark = (
        photographs.scene(white, 0, np.random.default_rng(2), size=0.5, rotation=90, tilt=45, low=True, shadow=s)
        for s in (1e-9, 0.6)  # a shadow of nothing, so that both draw alike
    )
    ground = bare.min(axis=-1) > 0.5
    assert (dark[ground].mean(axis=-1) < bare[ground].mean(axis=-1) - 0.1).mean() > 0.02
    inside = ndimage.binary_erosion(~ground, iterations=4)
    assert inside.any() and np.abs(dark - bare)[inside].mean() < 0.02
