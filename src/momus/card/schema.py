"""The shape of a system card (momus.yaml): strict, frozen, one class a section."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import date
from pathlib import Path
from typing import Annotated, Any, Literal, NamedTuple

from pydantic import (
    AfterValidator,
    BeforeValidator,
    Field,
    FiniteFloat,
    JsonValue,
    PrivateAttr,
    model_validator,
)
from pydantic_core import PydanticCustomError

from momus.card.domain import TestsCard
from momus.card.facts import Facts
from momus.card.http import HttpCard
from momus.card.input import InputCard, ServiceCard
from momus.card.mlflow import MlflowCard
from momus.card.monitor import MonitorCard
from momus.card.recipe import RecipeCard
from momus.card.section import Positive, Section, Words
from momus.card.serving import DependenciesCard, ServeCard
from momus.card.shorthand import REGISTERED, data_section, one_or_many, split_code, target_defaults, text_, texts
from momus.card.supply import SupplyCard
from momus.card.world import WorldCard
from momus.taxonomy.rules import slug_of


def _distinct(names: tuple[str, ...]) -> tuple[str, ...]:
    twice = next((n for n in names if names.count(n) > 1), None)
    if twice is not None:
        raise PydanticCustomError("card/twice", "'{name}' stands twice in the list. Remove one", {"name": twice})
    return names


Texts = Annotated[tuple[str, ...], BeforeValidator(texts)]
Names = Annotated[Texts, AfterValidator(_distinct)]
Text = Annotated[str, BeforeValidator(text_)]
Adapter = Literal[
    "sklearn", "torch", "onnx", "callable", "object", "policy", "files", "served", "http", "huggingface", "mlflow"
]  # fmt: skip


def _mode(value: object) -> str:
    slug = slug_of(str(value))
    if slug is None:
        raise PydanticCustomError(
            "card/unknown-mode",
            "'{value}' is not one of the 17 modes. Write M01 to M17 or a name such as 'membership'",
            {"value": str(value)},
        )
    return slug


def _probe_name(value: object) -> str:
    mode, dot, technique = str(value).rpartition("/")[2].partition(".")
    if not dot or not technique or slug_of(mode) != mode:
        raise PydanticCustomError(
            "card/unknown-probe",
            "'{value}' is not a probe id. A probe is named mode.technique, as in membership.shadow",
            {"value": str(value)},
        )
    return str(value)


def _chosen(value: object) -> object:
    """Modes written as M04 become their slug; patterns such as ``membership.*`` stay."""
    words = one_or_many(value)
    return (
        tuple(slug_of(w) or w if isinstance(w, str) else w for w in words) if isinstance(words, list | tuple) else words
    )


Mode = Annotated[str, BeforeValidator(_mode)]
Chosen = Annotated[tuple[str, ...], BeforeValidator(_chosen)]
ProbeName = Annotated[str, BeforeValidator(_probe_name)]


class TargetCard(Section):
    """One model under test: which adapter opens it, from which files or code, and what it takes and returns.

    ``factory``, ``train``, ``goal`` and ``judge`` are addresses of user code, ``file.py:function``, run only in worker
    processes.
    """

    name: str = "model"
    adapter: Adapter
    task: Literal["classifier", "regressor", "generator", "policy", "artifact"] = "classifier"
    path: str | None = None
    files: Texts = ()
    factory: str | None = None
    digests: dict[str, Annotated[str, Field(pattern=r"^[0-9a-fA-F]{64}$")]] = Field(
        default_factory=dict, description="file name -> the sha256 that was approved"
    )
    classes: Names = ()
    input: InputCard = InputCard()
    output: Literal["logits", "probabilities", "labels", "values"] | None = None
    train: str | None = None
    env: dict[str, str] = Field(default_factory=dict)
    goal: str | None = None
    judge: str | None = Field(default=None, description="a function that says how bad each answer is: texts -> [0, 1]")
    data: dict[str, str] = Field(default_factory=dict, description="role -> name of a data set of this card")
    options: dict[str, JsonValue] = Field(default_factory=dict, description="keyword arguments of the factory")
    service: ServiceCard | None = Field(default=None, description="what callers of the served model see and pay")
    recipe: RecipeCard | None = Field(default=None, description="how a PyTorch module is trained, many at once")
    world: WorldCard | None = Field(default=None, description="what a tester may know and do in a policy's world")
    beside: Names = Field(default=(), description="other targets of this card that do the same task, for comparison")
    code: Texts = Field(default=(), description="training code that somebody else wrote: it is read, never run")
    serve: ServeCard | None = Field(default=None, description="the path from a caller's bytes to an answer")
    dependencies: DependenciesCard | None = Field(default=None, description="the software beneath the model")
    http: HttpCard | None = Field(default=None, description="a model that answers over HTTP, and how it may be asked")
    mlflow: MlflowCard | None = Field(default=None, description="the tracking server whose registry holds the model")

    @model_validator(mode="before")
    @classmethod
    def _defaults(cls, raw: Any) -> Any:
        return target_defaults(raw)

    @model_validator(mode="after")
    def _pinned(self) -> TargetCard:
        """A digest for a file that the target does not have would protect nothing, and nobody would notice."""
        files = [f for f in (self.path, *self.files) if f]
        folders = [f for f in files if not Path(f).suffix]  # may hold files of any name
        for name in self.digests:
            if not folders and not any(("/" + f).endswith("/" + name.removeprefix("./")) for f in files):
                raise PydanticCustomError(
                    "card/unknown-file", "digests names '{name}', which is no file of this target. Its files: {files}",
                    {"name": name, "files": ", ".join(files) or "none"},
                )  # fmt: skip
        return self

    @model_validator(mode="after")
    def _complete(self) -> TargetCard:
        need: dict[str, tuple[tuple[str, ...], str]] = {
            "sklearn": (("path", "factory"), "path: model.joblib"),
            "torch": (("path", "factory"), "factory: model.py:build, and path: weights.pt"),
            "onnx": (("path",), "path: model.onnx"),
            "callable": (("factory",), "factory: model.py:predict"),
            "object": (("factory",), "factory: model.py:build"),
            "policy": (("factory", "path"), "factory: policy.py:act"),
            "files": (("path", "files", "code", "dependencies"), "files: [model.pt]"),
            "served": (("serve",), "serve: {{answer: serve.py:answer}}"),
            "huggingface": (("path",), "path: folder/"),
            "mlflow": (("path",), "path: models:/name@champion"),
            "http": (("http",), "http: {{url: https://models.example.org, model: scorer}}"),
        }
        keys, example = need[self.adapter]
        if not any(getattr(self, key) for key in keys):
            raise PydanticCustomError(
                "card/missing-key", "target '{name}' with adapter {adapter} needs {keys}. For example {example}",
                {"name": self.name, "adapter": self.adapter, "keys": " or ".join(keys), "example": example},
            )  # fmt: skip
        builds = self.recipe is None or self.recipe.build or self.factory
        if self.recipe is not None and (self.adapter != "torch" or self.train or not builds):
            raise PydanticCustomError(
                "card/recipe", "target '{name}': a recipe stands in place of train, on a target with adapter torch, "
                "and needs build, or a factory to build with", {"name": self.name},
            )  # fmt: skip
        if self.adapter == "policy" and not self.env:
            raise PydanticCustomError(
                "card/missing-key", "target '{name}' is a policy and needs env. For example env: {{test: CartPole-v1}}",
                {"name": self.name},
            )  # fmt: skip
        return self


class ColumnCard(Section):
    """What one column of a table means.

    ``immutable`` columns are those an attacker cannot change; ``sensitive`` ones those nobody should learn.
    """

    kind: Literal["numeric", "integer", "ordinal", "categorical", "binary"] | None = None
    immutable: bool = False
    sensitive: bool = False
    low: FiniteFloat | None = None
    high: FiniteFloat | None = None
    categories: Names = ()
    one_hot: str | None = None


class DataCard(Section):
    """One data set: where it lies and how its columns are to be read. ``limit`` keeps the first so many rows.

    ``rules`` are statements that hold in every row of a table and that an attacker cannot break.
    """

    path: str | None = None
    format: Literal["csv", "tsv", "parquet", "npz", "npy", "images", "jsonl", "sound", "mesh"] | None = None
    label: Text | None = None
    columns: dict[str, ColumnCard] = Field(default_factory=dict)
    groups: Words = ()
    id: Text | None = None
    contributor: Text | None = None
    time: Text | None = None
    drop: Words = ()
    classes: Names = ()
    loader: str | None = None
    limit: Positive | None = None
    rules: Words = Field(default=(), description="what holds in every row, as in 'age < 18 implies licence == 0'")

    @model_validator(mode="after")
    def _complete(self) -> DataCard:
        if not self.path and not self.loader:
            raise PydanticCustomError("card/missing-key", "a data set needs path (a file) or loader (file.py:function)")
        return self


class BudgetCard(Section):
    """What one measurement may cost. A key left out means no bound of its own."""

    queries: Positive | None = None
    seconds: Annotated[FiniteFloat, Field(gt=0)] | None = None
    memory_mb: Positive | None = None


class Waiver(Section):
    """A decision not to test or not to act on a mode: who made it, why, and until when it holds."""

    mode: Mode
    reason: Annotated[str, Field(min_length=1)]
    by: Annotated[str, Field(min_length=1)]
    until: date

    def holds(self, today: date) -> bool:
        """True up to and including the last day."""
        return today <= self.until


class CardPath(NamedTuple):
    """A file the card names: at which key, as written, where it lies, and whether it leaves the card's folder."""

    keys: tuple[str | int, ...]
    text: str
    path: Path
    escapes: bool


class SystemCard(Section):
    """Everything Momus is told about one system. Made by :func:`momus.card.load_card` or :meth:`from_dict`."""

    system: Annotated[str, Field(min_length=1)]
    description: str = ""
    facts: Facts = Facts()
    targets: tuple[TargetCard, ...] = ()
    data: dict[str, DataCard] = Field(default_factory=dict)
    tests: TestsCard = TestsCard()
    probes: dict[ProbeName, dict[str, JsonValue]] = Field(default_factory=dict)
    select: Chosen = ()
    skip: Chosen = ()
    limits: dict[ProbeName, FiniteFloat] = Field(default_factory=dict)
    waivers: tuple[Waiver, ...] = ()
    budget: BudgetCard = BudgetCard()
    network: Words = Field(default=(), description="hosts that may be spoken to")
    supply: SupplyCard = SupplyCard()
    monitor: MonitorCard | None = Field(default=None, description="how the served model is watched in production")

    _source: Any = PrivateAttr(default=None)

    @model_validator(mode="before")
    @classmethod
    def _shorthand(cls, raw: Any) -> Any:
        return {**raw, "data": data_section(raw["data"])} if isinstance(raw, Mapping) and "data" in raw else raw

    @model_validator(mode="after")
    def _joined(self) -> SystemCard:
        names = [t.name for t in self.targets]
        twice = next((n for n in names if names.count(n) > 1), None)
        if twice is not None:
            raise PydanticCustomError("card/duplicate-name", "two targets are called '{name}'", {"name": twice})
        for target in self.targets:
            for name in target.beside:
                if name not in names or name == target.name:
                    raise PydanticCustomError(
                        "card/unknown-target", "target '{t}' stands beside '{name}', no other target of the card",
                        {"t": target.name, "name": name},
                    )  # fmt: skip
            for role, name in target.data.items():
                if name not in self.data:
                    raise PydanticCustomError(
                        "card/unknown-data",
                        "target '{t}' takes {role} from '{name}', which is no data set of this card",
                        {"t": target.name, "role": role, "name": name},
                    )
        return self

    @classmethod
    def from_dict(cls, raw: Mapping[str, Any], base: Path | str = ".") -> SystemCard:
        """A card from plain values, relative paths meant from ``base``. CardError lists every problem."""
        from momus.card.read import card_of_dict

        return card_of_dict(raw, Path(base))

    @property
    def path(self) -> Path | None:
        """The file the card was read from, None for one made from plain values."""
        path: Path | None = self._source.path
        return path

    @property
    def base(self) -> Path:
        """The folder that relative paths are meant from."""
        base: Path = self._source.base
        return base

    @property
    def text(self) -> str:
        """The card as written: environment variables by name, never by value."""
        text: str = self._source.text
        return text

    @property
    def digest(self) -> str:
        """sha256 over the content; comments, order of keys and values of environment variables do not count."""
        digest: str = self._source.digest
        return digest

    @property
    def provenance(self) -> bool:
        """Whether the card, or the lock beside it, says where files come from."""
        return bool(self.supply.files) or (self.base / self.supply.lock).is_file()

    def place(self, *keys: str | int) -> str:
        """``momus.yaml:4:11`` of a key, or of its nearest parent that is written down."""
        place: str = self._source.place(keys)
        return place

    def resolve(self, text: str) -> Path:
        """A path of the card as an absolute one."""
        return (self.base / text).resolve()

    def stored(self) -> Any:
        """The card's plain content with ``${NAME}`` in place of secrets: the form to keep and print."""
        return self._source.raw

    def paths(self) -> Iterator[CardPath]:
        """Every file the card names, code files included. Nothing is opened."""
        for place, function in self.tests.code():
            if named := split_code(function)[0]:
                yield self._path(("tests", *place), named)
        for i, target in enumerate(self.targets):
            at: tuple[str | int, ...] = ("targets", i)
            if target.path and not target.path.startswith(REGISTERED):
                yield self._path((*at, "path"), target.path)
            for key in ("files", "code"):
                for j, name in enumerate(getattr(target, key)):
                    yield self._path((*at, key, j), name)
            code = {"factory": target.factory, "train": target.train, "goal": target.goal, "judge": target.judge}
            code["recipe.build"] = None if target.recipe is None else target.recipe.build
            world = [] if target.world is None else [(f"world.{k}", v) for k, v in target.world.code()]
            if target.world is not None and target.world.judgements:
                yield self._path((*at, "world", "judgements"), target.world.judgements)
            served = [] if target.serve is None else [(f"serve.{k}", v) for k, v in target.serve.code()]
            for j, name in enumerate(() if target.serve is None else target.serve.examples):
                yield self._path((*at, "serve", "examples", j), name)
            for key, name in () if target.http is None else target.http.files():
                yield self._path((*at, "http", key), name)
            for place, name in () if target.dependencies is None else target.dependencies.paths():
                yield self._path((*at, "dependencies", *place), name)
            for key, address in [*code.items(), *world, *served, *((f"env.{k}", v) for k, v in target.env.items())]:
                file = split_code(address)[0] if address else None
                if file:
                    yield self._path((*at, *key.split(".", 1)), file)
        for place, name in self.supply.paths():
            yield self._path(("supply", *place), name)
        for role, data in self.data.items():
            if data.path:
                yield self._path(("data", role, "path"), data.path)
            file = split_code(data.loader)[0] if data.loader else None
            if file:
                yield self._path(("data", role, "loader"), file)

    def _path(self, keys: tuple[str | int, ...], text: str) -> CardPath:
        path = self.resolve(text)
        return CardPath(keys, text, path, not path.is_relative_to(self.base.resolve()))

    def waiver(self, mode: str, today: date | None = None) -> Waiver | None:
        """The waiver that holds for a mode on a day; an expired one does not count."""
        day = today or date.today()
        return next((w for w in self.waivers if w.mode == slug_of(mode) and w.holds(day)), None)

    def __repr__(self) -> str:
        known = len(self.facts)
        return f"SystemCard({self.system!r}, {len(self.targets)} targets, {len(self.data)} data sets, {known} facts)"

    __str__ = __repr__

    def __rich__(self) -> str:
        return f"{self!r}".replace("[", r"\[")
