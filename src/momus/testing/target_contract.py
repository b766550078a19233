"""What every target adapter must keep, whatever its framework: abilities that exist, agree, and change nothing."""

from __future__ import annotations

import dataclasses
from typing import Any

import numpy as np
import pytest

from momus.core import capabilities as can
from momus.core.capabilities import to_numpy
from momus.core.samples import NumpyArray, Samples
from momus.methods.losses import Loss, loss_gradient

SLACK = 1e-4


def has(target: object, needs: type) -> bool:
    """True where the target's class offers every ability of the Protocol."""
    return not can.missing(target, needs)


def need(target: object, needs: type) -> None:
    if not has(target, needs):
        pytest.skip(f"{type(target).__name__} does not offer {needs.__name__}")


class TargetContract:
    """Subclass it, override the fixtures ``target`` and ``samples`` (8 to 200 rows, labelled), and the rest follows.

    ``slack`` is the relative difference allowed between numbers that should be equal; ``agreement`` the share of rows
    on which ``predict`` must be the most probable class (below 1 only for models that decide otherwise on purpose);
    ``smooth`` is False for models whose gradient jumps everywhere (quantised ones). ``foretold`` is the correlation
    that first-order foretellings of replaced symbols must have with the losses found: a replacement is a long step.
    """

    slack = SLACK
    agreement = 1.0
    smooth = True
    foretold = 0.5

    @pytest.fixture
    def target(self) -> Any:
        raise pytest.UsageError("a TargetContract must override the fixture 'target'")

    @pytest.fixture
    def samples(self) -> Samples:
        raise pytest.UsageError("a TargetContract must override the fixture 'samples'")

    @pytest.fixture
    def a(self, target: Any, samples: Samples) -> Any:
        """The samples in the target's canonical space."""
        return target.encode(samples.x)

    def test_it_tells_what_it_is(self, target: Any) -> None:
        info = target.info
        assert isinstance(target, can.Target)
        assert info.name
        assert len(info.digest) == 64
        int(info.digest, 16)
        assert info.task in ("classifier", "regressor", "generator")
        assert info.task != "classifier" or len(info.classes) >= 2
        assert info.modality != "image" or (info.low, info.high) == (0.0, 1.0)
        assert dataclasses.asdict(info)["name"] == info.name
        assert info.name in info.__rich__()
        assert info.name in repr(target)

    def test_it_predicts(self, target: Any, samples: Samples, a: Any) -> None:
        assert has(target, can.Generates if target.info.task == "generator" else can.Predicts)
        need(target, can.Predicts)
        out = to_numpy(target.predict(a))
        assert out.shape == (len(samples),)
        assert np.isfinite(out).all()
        if target.info.task == "classifier":
            assert out.dtype.kind == "i"
            assert out.min() >= 0
            assert out.max() < len(target.info.classes)

    def test_encode_gives_the_canonical_space(self, target: Any, samples: Samples, a: Any) -> None:
        n = to_numpy(a)
        assert len(n) == len(samples)
        if target.info.shape is not None:
            assert n.shape[1:] == target.info.shape
        if target.info.modality == "image":
            assert n.dtype == np.float32
            assert n.ndim == 4
            assert 0.0 <= n.min() <= n.max() <= 1.0
        if target.info.modality == "text":
            assert n.dtype == object
            assert all(type(t) is str for t in n)
        if target.info.modality == "audio":
            assert n.dtype == np.float32
            assert n.ndim == 2
        if target.info.modality == "table":
            assert n.dtype == np.float64
            np.testing.assert_array_equal(n, samples.x)

    def test_decode_undoes_encode(self, target: Any, samples: Samples, a: Any) -> None:
        back = target.decode(a)
        assert isinstance(back, np.ndarray)
        x = samples.x[..., None] if samples.x.ndim == 3 else samples.x
        if back.shape != x.shape:
            pytest.skip("the target resizes")
        if x.dtype.kind == "f":
            np.testing.assert_allclose(back, x, rtol=1e-6, atol=1e-6 * max(1.0, float(np.abs(x).max())))
        else:
            np.testing.assert_array_equal(back, x)

    def test_probabilities_are_probabilities(self, target: Any, a: Any) -> None:
        need(target, can.Probabilities)
        p = to_numpy(target.probabilities(a))
        assert p.shape == (len(a), len(target.info.classes))
        assert p.min() >= 0
        np.testing.assert_allclose(p.sum(axis=1), 1.0, atol=1e-5)

    def test_labels_are_the_most_probable_class(self, target: Any, a: Any) -> None:
        need(target, can.Probabilities)
        self._same_order(to_numpy(target.predict(a)), to_numpy(target.probabilities(a)))

    def test_labels_have_the_highest_score(self, target: Any, a: Any) -> None:
        need(target, can.Scores)
        s = to_numpy(target.scores(a))
        assert s.shape == (len(a), self._outputs(target))
        assert np.isfinite(s).all()
        if target.info.task == "regressor":
            self._close(s[:, 0], to_numpy(target.predict(a)))
        else:
            self._same_order(to_numpy(target.predict(a)), s)

    @staticmethod
    def _outputs(target: Any) -> int:
        """Width of scores and logits: a regressor has its value."""
        return 1 if target.info.task == "regressor" else len(target.info.classes)

    def _same_order(self, labels: NumpyArray, rows: NumpyArray) -> None:
        """``labels`` hold the greatest entry of their row, ties allowed."""
        own = np.take_along_axis(rows, labels[:, None], axis=1)[:, 0]
        share = float((own >= rows.max(axis=1) - 1e-9).mean())
        assert share >= self.agreement

    def test_batch_size_changes_nothing(self, target: Any, a: Any) -> None:
        ask = self._asking(target)
        whole = to_numpy(ask(a))
        alone = np.concatenate([to_numpy(ask(a[i : i + 1])) for i in range(min(len(a), 5))])
        self._close(alone, whole[: len(alone)])
        halves = np.concatenate([to_numpy(ask(a[: len(a) // 2])), to_numpy(ask(a[len(a) // 2 :]))])
        self._close(halves, whole)

    def test_many_rows_are_the_same_rows(self, target: Any, a: Any) -> None:
        """More rows than fit one internal batch."""
        n = to_numpy(a)
        times = max(2, -(-600 // len(n)))
        many = self._as(a, np.concatenate([n] * times))
        ask = target.generate if target.info.task == "generator" else target.predict
        self._close(to_numpy(ask(many))[-len(n) :], to_numpy(ask(a)))

    def test_asking_twice_gives_the_same(self, target: Any, a: Any) -> None:
        if target.info.randomised:
            pytest.skip("the target says it is randomised")
        ask = self._asking(target)
        self._close(to_numpy(ask(a)), to_numpy(ask(a)))

    def test_the_input_is_left_alone(self, target: Any, samples: Samples) -> None:
        x = samples.x.copy()
        a = target.encode(samples.x)
        before = to_numpy(a).copy()
        for ability in ("predict", "probabilities", "scores", "logits", "decode", "generate"):
            if callable(getattr(type(target), ability, None)):
                getattr(target, ability)(a)
        if has(target, can.Gradients):
            self._pulled(target, a, self._labels(samples))
        np.testing.assert_array_equal(to_numpy(a), before)
        np.testing.assert_array_equal(samples.x, x)

    def test_an_empty_batch_is_no_error(self, target: Any, a: Any) -> None:
        none = a[:0]
        for ability in ("predict", "generate", "symbols"):
            if callable(getattr(type(target), ability, None)):
                assert len(getattr(target, ability)(none)) == 0
        for ability in ("symbol_gradient", "sequence_gradient"):
            if callable(getattr(type(target), ability, None)):
                assert [len(part) for part in getattr(target, ability)(none, [])] == [0, 0]
        for ability in ("probabilities", "scores", "logits"):
            if callable(getattr(type(target), ability, None)):
                assert tuple(getattr(target, ability)(none).shape) == (0, self._outputs(target))
        if has(target, can.Gradients):
            logits, gradient = self._pulled(target, none, np.zeros(0, np.int64))
            assert len(logits) == 0
            assert gradient.shape == none.shape

    def test_answers_follow_the_library_of_the_input(self, target: Any, a: Any) -> None:
        n = to_numpy(a)
        if target.info.modality == "text":
            pytest.skip("texts have no library but NumPy")
        for ability in ("predict", "probabilities", "scores", "logits"):
            if not callable(getattr(type(target), ability, None)):
                continue
            from_native, from_numpy = getattr(target, ability)(a), getattr(target, ability)(n)
            assert type(from_native) is type(a)
            assert isinstance(from_numpy, np.ndarray)
            self._close(to_numpy(from_native), from_numpy)

    @pytest.mark.parametrize("loss", ["cross_entropy", "margin", "dlr"])
    def test_gradient_agrees_with_finite_differences(self, target: Any, samples: Samples, a: Any, loss: Loss) -> None:
        """Along random directions, central differences of the loss computed from the target's own logits."""
        need(target, can.Gradients)
        y = self._labels(samples)
        n = to_numpy(a).astype(np.float64)
        logits, gradient = self._pulled(target, a, y, loss)
        g = to_numpy(gradient).astype(np.float64)
        assert g.shape == n.shape
        assert np.isfinite(g).all()
        self._close(to_numpy(logits), to_numpy(target.logits(a)))
        if not self.smooth:
            return
        rng = np.random.default_rng(0)
        step = 1e-2 if target.info.modality == "image" else 1e-3 * max(1.0, float(np.abs(n).std()))
        slopes, expected = [], []
        for _ in range(8):
            d = np.asarray(rng.standard_normal(n.shape))
            d /= np.linalg.norm(d.reshape(len(d), -1), axis=1).reshape(-1, *[1] * (n.ndim - 1))
            up, down = (to_numpy(target.logits(self._as(a, n + s * step * d))).astype(np.float64) for s in (1, -1))
            high, low = (z[:, 0] if z.shape[1] == 1 else losses(z, y, loss) for z in (up, down))
            slopes.append((high - low) / (2 * step))
            expected.append((g * d).reshape(len(n), -1).sum(axis=1))
        slope, want = np.concatenate(slopes), np.concatenate(expected)
        if np.abs(want).max() < 1e-6:
            assert np.abs(slope).max() < 1e-3
            return
        assert np.corrcoef(slope, want)[0, 1] > 0.95
        assert 0.85 < float((slope @ want) / (want @ want)) < 1.15

    def test_retraining_gives_another_of_its_kind(self, target: Any, samples: Samples, a: Any) -> None:
        need(target, can.Trains)
        assert samples.y is not None
        first, again = (target.retrain(samples.x, samples.y, seed=3) for _ in range(2))
        assert first.info.task == target.info.task
        assert first.info.classes == target.info.classes
        assert first.info.digest != target.info.digest
        self._close(to_numpy(first.predict(first.encode(samples.x))), to_numpy(again.predict(again.encode(samples.x))))
        assert np.isfinite(to_numpy(target.predict(a))).all()

    def test_symbol_gradient_foretells_replacements(self, target: Any, samples: Samples, a: Any) -> None:
        """Losses after really replacing one symbol follow the first-order foretelling."""
        need(target, can.SymbolGradients)
        wanted = self._wanted(target, samples, a)
        texts = [i for i, parts in enumerate(target.symbols(a)) if parts][:6]
        letters = list(target.alphabet())
        some, want = a[texts], [wanted[i] for i in texts]
        before, slopes = target.symbol_gradient(some, want)
        foretold, found = [], []
        rng = np.random.default_rng(0)
        for text, parts, w, loss, slope in zip(some, target.symbols(some), want, before, slopes, strict=True):
            assert "".join(parts) == text
            assert slope.shape == (len(parts), len(letters))
            rows, cols = rng.integers(0, len(parts), 40), rng.integers(0, len(letters), 40)
            changed = ["".join([*parts[:i], letters[j], *parts[i + 1 :]]) for i, j in zip(rows, cols, strict=True)]
            after, _ = target.symbol_gradient(np.array(changed, dtype=object), [w] * len(changed))
            own = [letters.index(p) if p in letters else -1 for p in parts]
            assert all(abs(slope[i, j]) < 1e-6 for i, j in enumerate(own) if j >= 0)
            foretold += [slope[i, j] for i, j in zip(rows, cols, strict=True)]
            found += list(after - loss)
        assert np.corrcoef(foretold, found)[0, 1] > self.foretold

    def test_sequence_gradient_agrees_with_finite_differences(self, target: Any, samples: Samples, a: Any) -> None:
        need(target, can.SequenceGradients)
        some = a[:2]
        n = to_numpy(some).astype(np.float64)
        wanted = [str(w) for w in self._wanted(target, samples, a)[: len(n)]]
        losses_, gradient = target.sequence_gradient(some, wanted)
        g = to_numpy(gradient).astype(np.float64)
        assert to_numpy(losses_).shape == (len(n),)
        assert g.shape == n.shape
        for seed in range(4):
            d = np.random.default_rng(seed).standard_normal(n.shape) + 3 * np.sign(g) * (seed == 0)
            up, down = (
                to_numpy(target.sequence_gradient(self._as(some, n + s * 1e-3 * d), wanted)[0]) for s in (1, -1)
            )
            want = (g * d).sum(axis=1)
            np.testing.assert_allclose((up - down) / 2e-3, want, rtol=0.1, atol=0.02 * np.abs(want).max() + 1e-3)

    def _wanted(self, target: Any, samples: Samples, a: Any) -> list[Any]:
        """Classes as labelled, or what the target answers by itself."""
        if target.info.task == "generator":
            return [str(t) or "a" for t in target.generate(a)]
        return list(self._labels(samples))

    @staticmethod
    def _asking(target: Any) -> Any:
        """The most telling answer there is."""
        if target.info.task == "generator":
            return target.generate
        return target.scores if has(target, can.Scores) else target.predict

    @staticmethod
    def _pulled(target: Any, a: Any, y: NumpyArray, loss: Loss = "cross_entropy") -> tuple[Any, Any]:
        """Outputs and the gradient of the loss; of the value itself for a regressor."""
        if target.info.task == "regressor":
            pulled: tuple[Any, Any] = target.pullback(a, lambda out, _: out * 0 + 1)
            return pulled
        return loss_gradient(target, a, y, loss)

    def _labels(self, samples: Samples) -> NumpyArray:
        assert samples.y is not None
        return np.asarray(samples.y, dtype=np.int64)

    @staticmethod
    def _as(like: Any, n: NumpyArray) -> Any:
        """A NumPy array in the library, type and place of ``like``."""
        if isinstance(like, np.ndarray):
            return n.astype(like.dtype)
        return like.new_tensor(n)

    def _close(self, got: NumpyArray, want: NumpyArray) -> None:
        if want.dtype.kind in "OU":
            np.testing.assert_array_equal(got, want)
            return
        scale = max(1.0, float(np.abs(want).max())) if want.size else 1.0
        np.testing.assert_allclose(got, want, rtol=self.slack, atol=self.slack * scale)


def losses(z: NumpyArray, y: NumpyArray, name: str) -> NumpyArray:
    """Losses (n,) from logits in NumPy: what ``loss_gradient`` says it differentiates, written a second time."""
    own = np.take_along_axis(z, y[:, None], axis=1)[:, 0]
    if name == "cross_entropy":
        top = z.max(axis=1)
        return np.asarray(np.log(np.exp(z - top[:, None]).sum(axis=1)) + top - own)
    others = z.copy()
    np.put_along_axis(others, y[:, None], -np.inf, axis=1)
    margin = others.max(axis=1) - own
    if name == "margin" or z.shape[1] < 3:
        return np.asarray(margin)
    ranked = np.sort(z, axis=1)[:, ::-1]
    return np.asarray(margin / (ranked[:, 0] - ranked[:, 2] + 1e-12))
