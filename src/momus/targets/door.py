"""One door to all adapters from Python: ``Target.from_sklearn(model)`` and its siblings."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from momus.core.errors import MissingExtra, TargetError


class Target:
    """Constructors of targets. Each returns an adapter with exactly the abilities that the model has.

    A framework is imported only when its constructor is called; MissingExtra names the extra that is missing.
    """

    def __new__(cls, *_: Any, **__: Any) -> Target:
        raise TypeError("Target is a door, not a class to make: use Target.from_sklearn(model) or one of its siblings")

    @staticmethod
    def from_sklearn(model: Any, **settings: Any) -> Any:
        """A fitted estimator or pipeline (XGBoost, LightGBM too): see :func:`momus.targets.sklearn_.sklearn_target`."""
        from momus.targets.sklearn_ import sklearn_target

        return sklearn_target(model, **settings)

    @staticmethod
    def from_torch(module: Any, **settings: Any) -> Any:
        """A PyTorch module: see :func:`momus.targets.torch_open.torch_target`."""
        try:
            from momus.targets.torch_open import torch_target
        except ModuleNotFoundError as error:
            raise _extra("PyTorch targets", "torch", error) from error
        return torch_target(module, **settings)

    @staticmethod
    def from_onnx(path: str | Path, **settings: Any) -> Any:
        """An ONNX file: see :func:`momus.targets.onnx_.onnx_target`."""
        try:
            from momus.targets.onnx_ import onnx_target
        except ModuleNotFoundError as error:
            raise _extra("ONNX targets", "onnx", error) from error
        return onnx_target(path, **settings)

    @staticmethod
    def from_callable(function: Callable[..., Any], **settings: Any) -> Any:
        """Any Python function from rows to answers: see :func:`momus.targets.callable_.callable_target`."""
        from momus.targets.callable_ import callable_target

        return callable_target(function, **settings)

    @staticmethod
    def from_object(model: Any, **settings: Any) -> Any:
        """An object whose methods are its abilities: see :func:`momus.targets.object_.object_target`."""
        from momus.targets.object_ import object_target

        return object_target(model, **settings)

    @staticmethod
    def from_policy(act: Any, env: Mapping[str, Any], **settings: Any) -> Any:
        """A policy and its environments: see :func:`momus.targets.policy.policy_target`."""
        from momus.targets.policy import policy_target

        return policy_target(act, env, **settings)

    @staticmethod
    def from_served(answer: Callable[[bytes], Any], **settings: Any) -> Any:
        """A service's own path from bytes to an answer: see :func:`momus.targets.served.served_target`."""
        from momus.targets.served import served_target

        return served_target(answer, **settings)

    @staticmethod
    def from_http(card: Any, **settings: Any) -> Any:
        """A model that answers over HTTP: see :func:`momus.targets.http_.http_target`.

        ``card`` is a card's section ``http`` as a mapping, or the address of a server of protocol v2 with ``model``.
        """
        from pydantic import ValidationError

        from momus.card.http import HttpCard
        from momus.targets.http_ import http_target

        if isinstance(card, str):
            named = {k: settings.pop(k) for k in HttpCard.model_fields.keys() & settings.keys() - {"output", "input"}}
            card = {"url": card, **named}
        try:
            section = card if isinstance(card, HttpCard) else HttpCard.model_validate(card)
        except ValidationError as error:
            first = error.errors()[0]
            where = ".".join(map(str, first["loc"])) or "http"
            raise TargetError(str(first["msg"]), code="target/http-card", place=where) from None
        return http_target(section, **settings)

    @staticmethod
    def from_huggingface(folder: str | Path, **settings: Any) -> Any:
        """A folder that ``save_pretrained`` wrote: see :func:`momus.targets.pipeline.pipeline_target`."""
        from momus.targets.pipeline import pipeline_target

        return pipeline_target(folder, **settings)

    @staticmethod
    def from_files(paths: Sequence[str | Path] | str | Path, **settings: Any) -> Any:
        """Artifact files that are looked at and never loaded: see :func:`momus.targets.files.files_target`."""
        from momus.targets.files import files_target

        return files_target(paths, **settings)


def _extra(feature: str, extra: str, error: ModuleNotFoundError) -> ModuleNotFoundError | MissingExtra:
    if error.name and error.name.split(".")[0] != "momus":
        return MissingExtra.of(feature, extra, error.name)
    return error
