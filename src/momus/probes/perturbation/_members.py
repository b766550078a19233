"""The attacks of perturbation.apgd, fab and cascade on one target, with their settings, budget and batch sizes."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from array_api_compat import array_namespace, device

from momus.core.capabilities import Array, Gradients, Slope
from momus.core.errors import ProbeError
from momus.core.probe import Trial
from momus.core.samples import NumpyArray
from momus.methods.apgd import apgd
from momus.methods.ascent import Found
from momus.methods.fab import Nearest, fab
from momus.methods.losses import Loss, TargetedLoss
from momus.methods.sound_search import sound_search
from momus.methods.square_search import square, table_search
from momus.probes.perturbation._inputs import Inputs, reserved, rows_within

LOSSES: dict[str, Loss | TargetedLoss] = {
    "ce": "cross_entropy",
    "dlr": "dlr",
    "margin": "margin",
    "targeted": "targeted_dlr",
}
SCHEDULE = 10_000  # the window sizes of Square are published for so many queries; fewer are a part of them


@dataclass(frozen=True)
class Members:
    """What the strong attacks share: the target, the inputs, and how often a query is allowed."""

    target: Gradients
    trial: Trial
    inputs: Inputs

    def scores(self, x: Array) -> Array:
        reserved(self.trial, int(self.inputs.right.sum()))(len(x))
        return self.target.logits(x)

    def pullback(self, x: Array, slope: Slope) -> tuple[Array, Array]:
        reserved(self.trial, int(self.inputs.right.sum()))(len(x))
        return self.target.pullback(x, slope)

    def runs(self, targets: int) -> int:
        """How many target classes there are to try, at most ``targets``; 1 for a target without classes."""
        return max(1, min(targets, self.inputs.outputs.shape[1] - 1)) if self.inputs.classes else 1

    def apgd(
        self, index: NumpyArray, rng: np.random.Generator, loss: str, *, steps: int, targets: int = 9, restarts: int = 1
    ) -> Found:
        """Auto-PGD on the inputs ``index``; a target without classes has one loss, whichever is asked for."""
        x, y = self.inputs.at(index)
        chosen = LOSSES[loss] if self.inputs.classes else "margin"
        runs = len(x) * restarts * (self.runs(targets) if chosen == "targeted_dlr" else 1)
        return apgd(
            self.pullback,
            self.scores,
            x,
            y,
            epsilon=self.inputs.epsilon,
            loss=chosen,
            targets=targets,
            steps=steps,
            norm=self.inputs.norm,
            restarts=restarts,
            domain=self.inputs.domain,
            rng=rng,
            rows=even(runs, rows_within(self.trial, x)),
            objective=self.inputs.objective,
            outputs=self._outputs(index),
        )

    def fab(
        self, index: NumpyArray, rng: np.random.Generator, *, steps: int, targets: int, restarts: int, stop: bool
    ) -> Nearest:
        x, y = self.inputs.at(index)
        return fab(
            self.pullback,
            self.scores,
            x,
            y,
            epsilon=self.inputs.epsilon,
            stop=stop,
            targets=targets,
            steps=steps,
            norm=self.inputs.norm,
            restarts=restarts,
            domain=self.inputs.domain,
            rng=rng,
            rows=even(len(x) * restarts * self.runs(targets), rows_within(self.trial, x)),
            objective=self.inputs.objective,
            outputs=self._outputs(index),
        )

    def square(self, index: NumpyArray, rng: np.random.Generator, queries: int) -> Found:
        """Square on pictures, its like with tones on sound and under the columns' rules on tables."""
        x, y = self.inputs.at(index)
        most = rows_within(self.trial, x)
        rows = even(len(x), most)
        if self.inputs.is_image:
            return square(
                self.scores,
                x,
                y,
                epsilon=self.inputs.epsilon,
                queries=queries,
                norm=self.inputs.norm,
                domain=self.inputs.domain,
                rng=rng,
                rows=rows,
                objective=self.inputs.objective,
                horizon=max(SCHEDULE, queries),
                ahead=most // 2,
            )
        search = sound_search if self.inputs.modality == "audio" else table_search
        return search(
            self.scores,
            x,
            y,
            epsilon=self.inputs.epsilon,
            queries=queries,
            norm=self.inputs.norm,
            domain=self.inputs.domain,
            rng=rng,
            rows=rows,
            objective=self.inputs.objective,
        )

    def _outputs(self, index: NumpyArray) -> Array:
        outputs = self.inputs.outputs
        return outputs[array_namespace(outputs).asarray(index, device=device(outputs))]


def check_loss(loss: str) -> None:
    """ProbeError for a loss nobody knows."""
    if loss not in LOSSES:
        raise ProbeError(f"no loss '{loss}'", place="option 'loss'", hint=f"Use {', '.join(LOSSES)}")


def even(total: int, rows: int) -> int:
    """Rows a call near ``rows`` that leave no small rest of ``total`` for the end, where each call has to wait.

    64 inputs in batches of 63 would cost as many calls as 126.
    """
    batches = max(1, round(total / max(rows, 1)))
    return max(1, -(-total // batches)) if total else max(1, rows)
