"""What both reprogramming probes do before they learn: the task, the canvas, the examples in the model's own arrays."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal, cast, get_args

import numpy as np

from momus.core.capabilities import Array, Scores, to_numpy
from momus.core.errors import BudgetSpent, ProbeError
from momus.core.probe import Trial
from momus.core.samples import NumpyArray
from momus.methods import adversary_tasks as tasks
from momus.methods.reprogram import Canvas, Plan, Program

LEAST_FRAME = 2  # pixels of program on each side of the picture, at least


@dataclass(frozen=True)
class Setup:
    """Everything that is fixed before the first query. ``learn`` and ``held`` share no picture."""

    canvas: Canvas
    learn: tasks.Task
    held: tasks.Task
    x: Array
    outputs: int
    notes: tuple[str, ...] = ()

    @property
    def labels(self) -> int:
        return len(self.learn.classes)

    def natives(self, task: tasks.Task) -> Array:
        return self.canvas.native(tasks.in_channels(task.x, self.canvas.shape[0]))

    def asked(self, program: Program, task: tasks.Task) -> Array:
        """The task's pictures inside the program: rows for the model."""
        return self.canvas.embed(self.natives(task), self.canvas.native(self.canvas.frame(program.weights)))


@dataclass(frozen=True)
class NoRoom:
    """Why nothing could be embedded, and what would help."""

    reason: str


def plan_of(options: dict[str, Any]) -> Plan:
    """The plan, its options checked. ProbeError names the option that is out of range."""
    for name in ("steps", "batch", "per", "directions"):
        if options.get(name, 1) < 1:
            raise ProbeError(f"{name} must be at least 1, not {options[name]}", place=f"option '{name}'")
    if options["mapping"] not in ("first", "matched"):
        raise ProbeError(f"mapping '{options['mapping']}' is unknown", place="option 'mapping'", hint="first, matched")
    if not options["rate"] > 0:
        raise ProbeError(f"rate must be above 0, not {options['rate']}", place="option 'rate'")
    return Plan(**options)


def setup(
    target: Scores, trial: Trial, *, task: str, examples: int, held_out: int, side: int, cell: int
) -> Setup | NoRoom:
    """The task at the size that fits into the model's input, split into examples and held-out pictures.

    Raises ProbeError for options out of range, an unknown task, or a task of the user's with more labels than the model
    has outputs.
    """
    for name, value, least in (("examples", examples, 1), ("held_out", held_out, 1), ("side", side, 0)):
        if value < least:
            raise ProbeError(f"{name} must be at least {least}, not {value}", place=f"option '{name}'")
    chosen = _chosen(trial, task)
    shape = _shape(target, trial)
    height, width = shape[1:]
    room = min(height, width) - 2 * LEAST_FRAME
    least = tasks.LEAST[chosen]
    if room < least:
        return NoRoom(
            f"the model's input of {height} x {width} pixels has no room for a {least} x {least} picture and a frame; "
            "give smaller pictures of your own as data.task, or declare the mode not applicable"
        )
    if side > room:
        raise ProbeError(
            f"a picture of {side} pixels leaves no frame in {height} x {width}",
            place="option 'side'", hint=f"At most {room}",
        )  # fmt: skip
    side = side or max(least, min(room, min(height, width) // 2))
    outputs = _outputs(target, shape)
    if outputs < 2:
        return NoRoom("the model has one output or none that could be asked: two labels cannot be told apart by name")
    samples = trial.data.get("task")
    rng = trial.rng
    whole = tasks.make(chosen, examples + held_out, rng, side=side, outputs=outputs, samples=samples)
    if len(whole.classes) > outputs:
        raise ProbeError(
            f"the task has {len(whole.classes)} labels and the model {outputs} outputs", place="data.task",
            hint="Give a task with at most as many labels",
        )  # fmt: skip
    learn, held = whole.split(min(held_out, max(1, len(whole) // 3)))
    notes: tuple[str, ...] = ()
    if chosen != "own" and outputs < 10:
        notes = (f"the task was cut down to {outputs} labels, as many as the model has outputs",)
    canvas = Canvas(shape, side, cell or max(1, -(-max(height, width) // 2)), _like(target, shape))
    made = Setup(canvas, learn, held, canvas.like, outputs, notes)
    return Setup(canvas, learn, held, made.natives(learn), outputs, notes)


def _chosen(trial: Trial, task: str) -> tasks.Name:
    if task == "auto":
        return "own" if "task" in trial.data else "mixed"
    if task not in get_args(tasks.Name):
        raise ProbeError(f"task '{task}' is unknown", place="option 'task'", hint="auto, squares, mixed, digits or own")
    return cast(Literal["squares", "mixed", "digits", "own"], task)


def _shape(target: Scores, trial: Trial) -> tuple[int, int, int]:
    """(c, h, w) of the model's input, as it says itself or as its test pictures show."""
    shape = target.info.shape
    if shape is None and "test" in trial.data and len(trial.data["test"]):
        shape = tuple(int(s) for s in target.encode(trial.data["test"].x[:1]).shape[1:])
    if shape is None or len(shape) != 3:
        raise ProbeError(
            "the size of the model's pictures is not known", place="input.shape",
            hint="Say input.shape on the card, or give data.test",
        )  # fmt: skip
    return int(shape[0]), int(shape[1]), int(shape[2])


def _like(target: Scores, shape: tuple[int, int, int]) -> Array:
    return target.encode(np.zeros((1, *shape[1:], shape[0]), dtype=np.uint8))


def _outputs(target: Scores, shape: tuple[int, int, int]) -> int:
    """How many outputs the model has, from one question; 0 where the budget forbids it."""
    if target.info.classes:
        return len(target.info.classes)
    try:
        return int(target.scores(_like(target, shape)).shape[1])
    except BudgetSpent:
        return 0


def ask(target: Scores, rows: Array, at_once: int = 256) -> NumpyArray:
    """Scores of all rows, a few hundred at a time; as many rows as the budget has left where it ends."""
    made: list[NumpyArray] = []
    start = 0
    while start < len(rows) and at_once:
        try:
            made.append(to_numpy(target.scores(rows[start : start + at_once])))
            start += at_once
        except BudgetSpent:
            at_once //= 4  # fewer may still be allowed
    return np.concatenate(made) if made else np.zeros((0, 1))
