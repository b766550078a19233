"""A module together with how it is fed and how its output is read: the hot loop of every gradient attack."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Literal

import torch

from momus.core.capabilities import Slope
from momus.targets import answers
from momus.targets.spaces import Space

Reading = Literal["logits", "probabilities", "labels", "values"]
Tensor = Any  # torch is not type-checked here


@dataclass(frozen=True)
class Net:
    """``module`` in evaluation mode with its parameters frozen, on ``device`` in ``dtype``.

    ``reading`` says what it returns; ``k`` how many classes (0 for values); ``rows`` how many rows go through at a
    time; ``fixed`` the batch size the module insists on, where it does. ``trained`` names the parameters that were not
    frozen when the module came in; empty where all were.
    """

    name: str
    module: Any
    where: Space
    device: Any
    dtype: Any
    reading: Reading = "logits"
    k: int = 0
    rows: int = 256
    fixed: int | None = None
    whole: bool = False
    affine: tuple[Tensor, Tensor] | None = None
    trained: tuple[str, ...] = ()

    def feed(self, a: Tensor, *, whole: bool) -> Tensor:
        """Canonical tensor to the module's input, differentiable unless ``whole`` rounds to uint8."""
        if a.dtype != self.dtype:
            a = a.to(self.dtype)
        if self.affine is not None:
            a = torch.addcmul(self.affine[1], a, self.affine[0])
        layout = self.where.layout
        if self.where.modality == "image":
            if layout == "hw":
                a = a[:, 0]
            elif layout in ("hwc", "flat_hwc"):
                a = a.permute(0, 2, 3, 1)
            if layout in ("flat", "flat_hwc"):
                a = a.reshape(len(a), -1)
        return a.round().clamp(0, 255).to(torch.uint8) if whole else a

    def raw(self, a: Tensor, *, whole: bool) -> Tensor:
        """The module's answer to one batch, its rows checked. ``a`` is canonical."""
        n = len(a)
        fed = self.feed(a, whole=whole)
        if self.fixed is not None and n < self.fixed:
            fed = torch.cat([fed, fed[-1:].expand(self.fixed - n, *fed.shape[1:])])
        with answers.asking(self.name, fed):
            out = self.module(fed)
        out = _tensor_of(self.name, fed, out)
        if out.ndim == 0 or (out.ndim == 1 and n == 1 and len(out) == self.k > 1):
            out = out.reshape(1, -1)  # a module that squeezes a batch of one
        if self.fixed is not None and n < self.fixed:
            out = out[:n]
        if len(out) != n:
            raise answers.bad_answer(self.name, fed, f"the model returned shape {tuple(out.shape)} for {n} rows")
        return out

    def forward(self, a: Tensor, *, whole: bool | None = None) -> Tensor:
        """Logits (n, k) of one batch, whatever the module returns; values (n, 1) of a regressor."""
        out = self.raw(a, whole=self.whole if whole is None else whole)
        if out.ndim == 2 and out.shape[1] == 1:
            out = out[:, 0]
        if self.reading == "values":
            if out.ndim != 1:
                raise answers.bad_answer(
                    self.name, a, f"the model returned shape {tuple(out.shape)}, expected one value"
                )
            self._finite(a, out)
            return out[:, None]
        if out.ndim == 1 and self.k == 2:
            one = out if self.reading == "logits" else torch.logit(out, eps=answers.TINY)
            out = torch.stack([torch.zeros_like(one), one], dim=1)
        elif out.ndim != 2 or out.shape[1] != self.k:
            raise answers.bad_answer(
                self.name, a, f"the model returned shape {tuple(out.shape)}, expected ({len(a)}, {self.k})",
                "Check the card's classes",
            )  # fmt: skip
        elif self.reading == "probabilities":
            out = out.clamp_min(answers.TINY).log()
        self._finite(a, out)
        return out

    def chunks(self, a: Tensor) -> Iterator[Tensor]:
        size = self.fixed or self.rows
        return iter((a,) if len(a) <= size else a.split(size))

    def logits(self, a: Tensor) -> Tensor:
        if not len(a):
            return a.new_zeros((0, 1 if self.reading == "values" else self.k))
        return _joined([self.forward(part) for part in self.chunks(a)])

    def decisions(self, a: Tensor) -> Tensor:
        """Class indices or values (n,)."""
        if self.reading in ("logits", "probabilities"):
            return self.logits(a).argmax(dim=1)
        if not len(a):
            return torch.zeros(0, dtype=torch.int64 if self.reading == "labels" else a.dtype)
        out = _joined([self.raw(part, whole=self.whole) for part in self.chunks(a)])
        if out.ndim == 2 and out.shape[1] == 1:
            out = out[:, 0]
        if out.ndim != 1:
            raise answers.bad_answer(self.name, a, f"the model returned shape {tuple(out.shape)}, expected ({len(a)},)")
        self._finite(a, out)
        if self.reading == "labels":
            out = out.to(torch.int64)
            if not 0 <= int(out.min()) <= int(out.max()) < self.k:
                raise answers.bad_answer(self.name, a, f"the model returned label {int(out.max())} of {self.k} classes")
        return out

    def pullback(self, a: Tensor, slope: Slope) -> tuple[Tensor, Tensor]:
        if not len(a):
            return a.new_zeros((0, 1 if self.reading == "values" else self.k)), torch.zeros_like(a)
        outputs, gradients = [], []
        start = 0
        for part in self.chunks(a):
            leaf = part.detach().requires_grad_(True)
            with torch.enable_grad():
                z = self.forward(leaf, whole=False)
            if not z.requires_grad:
                raise answers.bad_answer(self.name, a, "the output does not depend on the input by a gradient")
            with torch.no_grad():
                weights = slope(z.detach(), slice(start, start + len(part)))
            (g,) = torch.autograd.grad(z, leaf, grad_outputs=weights.to(z.dtype))
            outputs.append(z.detach())
            gradients.append(g)
            start += len(part)
        gradient = _joined(gradients).contiguous()  # channels-last modules hand back channels-last strides
        if not torch.isfinite(gradient.sum()) and not torch.isfinite(gradient).all():
            raise answers.bad_answer(self.name, a, "the gradient is NaN or infinite", "Look for sqrt(0), log(0) or 0/0")
        return _joined(outputs), gradient

    def _finite(self, a: Tensor, out: Tensor) -> None:
        if not out.is_floating_point() or torch.isfinite(out.detach().sum()):
            return
        bad = ~torch.isfinite(out.detach()).reshape(len(out), -1).all(dim=1)
        if bad.any():
            raise answers.bad_answer(
                self.name, a, f"the model returned NaN or infinity for {int(bad.sum())} rows, "
                f"first row {int(bad.int().argmax())} of its batch",
            )  # fmt: skip


def _joined(parts: list[Tensor]) -> Tensor:
    return parts[0] if len(parts) == 1 else torch.cat(parts)


def _tensor_of(name: str, fed: Tensor, out: Any) -> Tensor:
    """The tensor in a module's answer: itself, or the ``logits`` of a named output."""
    if isinstance(out, torch.Tensor):
        return out
    held = out.get("logits") if isinstance(out, dict) else getattr(out, "logits", None)
    if isinstance(held, torch.Tensor):
        return held
    raise answers.bad_answer(
        name, fed, f"the model returned a {type(out).__name__}, not a tensor", "Wrap it so that it returns the logits"
    )
