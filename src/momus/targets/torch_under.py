"""Training by the user's own function while somebody else's code pulls at the parameters: what a hostile library does.

PyTorch lets anybody watch every optimiser's steps. Before each step the gradient of a term is added to what the user's
loss has left in ``grad``; the training function is neither changed nor asked.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import numpy as np
import torch
from torch.optim.optimizer import register_optimizer_step_pre_hook

from momus.core.capabilities import Term
from momus.core.errors import TargetError
from momus.core.samples import NumpyArray

# For each parameter of the finished module its number among those the optimisers stepped; None for a frozen one.
Order = tuple[int | None, ...]


class Under:
    """Adds ``retrain_under`` to a target that has ``retrain``."""

    net: Any
    retrain: Any
    _info: Any
    _order: Order | None = None

    def retrain_under(self, x: NumpyArray, y: NumpyArray, /, *, seed: int, term: Term) -> Any:
        """As ``retrain``, with the gradient ``term(flat)`` added at every step of every optimiser.

        Which trained tensor ends where in ``parameters()`` is known only once a module comes back. The order in which
        the optimisers step them is tried first, as it is nearly always the same; where it was not, the training is
        done once more in the right one, which is remembered. Raises TargetError where no optimiser of PyTorch takes a
        step, or where the tensors that were stepped are not those of the module that came back.
        """
        order, fixed = self._order, _plain(self.net.module)
        for _ in range(2):
            adding = _Adding(term, order, fixed)
            with adding.at_every_step():
                made = self.retrain(x, y, seed=seed)
            found = adding.order_of(made.net.module, self._info.name)
            if adding.applied and found == adding.used:
                self._order = made._order = found
                return made
            order, fixed = found, _plain(made.net.module)
        raise TargetError(
            "the training function steps its parameters in another order each time",
            place=f"target '{self._info.name}'",
            hint="Build the model and its optimiser alike for one seed",
        )


def _plain(module: Any) -> list[Any]:
    return [p.detach() for p in module.parameters()]


class _Adding:
    """Watches optimisers; once all tensors of ``order`` were seen, adds the term's gradient before each step."""

    def __init__(self, term: Term, order: Order | None, fixed: Sequence[Any]) -> None:
        self.term, self.fixed = term, fixed
        self.used = tuple(range(len(fixed))) if order is None else order
        self.seen: list[Any] = []
        self.applied = False

    @contextmanager
    def at_every_step(self) -> Iterator[None]:
        handle = register_optimizer_step_pre_hook(self._before_step)
        try:
            yield
        finally:
            handle.remove()

    def _before_step(self, optimizer: Any, args: Any, kwargs: Any) -> Any:
        known = {id(p) for p in self.seen}
        stepped = [p for group in optimizer.param_groups for p in group["params"]]
        self.seen += [p for p in stepped if id(p) not in known and p.is_floating_point()]
        closure = kwargs.get("closure") or next((a for a in args[1:] if callable(a)), None)
        if closure is None:
            self._add(stepped)
            return None

        def again() -> Any:  # LBFGS and its like work out the gradient inside the step
            loss = closure()
            self._add(stepped)
            return loss

        if "closure" in kwargs:
            return args, {**kwargs, "closure": again}
        return tuple(again if a is closure else a for a in args), kwargs

    def _tensors(self) -> list[Any] | None:
        """What stands at each place of ``parameters()``, None until every tensor that is trained was seen."""
        if any(i is not None and i >= len(self.seen) for i in self.used):
            return None
        tensors = [f if i is None else self.seen[i] for i, f in zip(self.used, self.fixed, strict=True)]
        return tensors if all(t.shape == f.shape for t, f in zip(tensors, self.fixed, strict=True)) else None

    def _add(self, stepped: Sequence[Any]) -> None:
        tensors = self._tensors()
        if not tensors:
            return
        first, mine = tensors[0], {id(p) for p in stepped}
        flat = torch.cat([t.detach().reshape(-1).to(first.device, first.dtype) for t in tensors])
        pull = torch.as_tensor(self.term(flat)).detach()
        for t, g in zip(tensors, pull.split([t.numel() for t in tensors]), strict=True):
            if id(t) in mine and t.requires_grad:
                g = g.reshape(t.shape).to(t.device, t.dtype)
                t.grad = g.clone() if t.grad is None else g + t.grad.detach()
        self.applied = True

    def order_of(self, module: Any, name: str) -> Order:
        """Which of the tensors seen stands at each place of the module: itself, else one of equal values.

        A copy of the best epoch has neither; then the same shapes in the same order must do.
        """
        if not self.seen:
            raise TargetError(
                "the training function took no step of a PyTorch optimiser, so no term could be added",
                place=f"target '{name}'",
                hint="Train with an optimiser of torch.optim",
            )
        finished = list(module.parameters())
        number = {id(p): i for i, p in enumerate(self.seen)}
        if all(id(p) in number for p in finished):
            return tuple(number[id(p)] for p in finished)
        free, found = dict(enumerate(self.seen)), []
        for p in finished:
            match = next((i for i, s in free.items() if s is p or _equal(s, p)), None)
            found.append(match)
            if match is not None:
                del free[match]
        known = sum(p.numel() for p, i in zip(finished, found, strict=True) if i is not None)
        if 2 * known >= sum(p.numel() for p in finished) or not free:
            return tuple(found)  # what has no match was never stepped: frozen
        if [p.shape for p in finished] == [s.shape for s in self.seen]:
            return tuple(range(len(finished)))
        raise TargetError(
            "the trained tensors are not those of the module that came back",
            place=f"target '{name}'",
            hint="Let the train hook return the module that its optimiser trained",
        )


def _equal(a: Any, b: Any) -> bool:
    return a.shape == b.shape and bool(np.array_equal(a.detach().cpu().numpy(), b.detach().cpu().numpy()))
