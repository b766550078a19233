"""User code named on a card as ``file.py:name``, loaded from the card's folder under a private module name."""

from __future__ import annotations

import hashlib
import importlib
import importlib.util
import inspect
import sys
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from momus.core.errors import TargetError


def split(address: str) -> tuple[str, str]:
    """``model.py:build`` -> (``model.py``, ``build``). A dotted module works too: ``package.module:build``."""
    file, colon, name = address.rpartition(":")
    if not colon or not file or not name.isidentifier():
        raise TargetError(
            f"'{address}' names no function",
            code="target/factory",
            hint="Write file.py:function, for example model.py:build",
        )
    return file, name


def code_file(address: str | None, base: Path) -> Path | None:
    """The file behind an address, None for a module address or no address."""
    if not address or ".py:" not in address:
        return None
    return (base / split(address)[0]).resolve()


def load(address: str, base: Path) -> Callable[..., Any]:
    """The function at ``address``. This runs the user's file: only workers call it.

    The file's own folder is importable while it runs. Raises TargetError for a missing file or name, or a file that
    fails to import, with the line where it failed.
    """
    file, name = split(address)
    module = _module(base / file) if file.endswith(".py") else _named(file)
    found = getattr(module, name, None)
    if found is None:
        known = ", ".join(n for n, v in vars(module).items() if callable(v) and not n.startswith("_"))[:200]
        raise TargetError(f"no '{name}' in it", code="target/factory", place=file, hint=f"It has: {known or 'nothing'}")
    if not callable(found):
        raise TargetError(f"'{name}' is a {type(found).__name__}, not a function", code="target/factory", place=file)
    return found  # type: ignore[no-any-return]


def made(address: str, base: Path, options: Mapping[str, Any]) -> Any:
    """What the factory at ``address`` returns for ``options``; its exceptions become TargetError."""
    function = load(address, base)
    try:
        return function(**options)
    except Exception as error:
        text = " ".join(str(error).split())[:300]
        raise TargetError(
            f"the factory raised {type(error).__name__}: {text}", code="target/factory", place=_where(error, address)
        ) from error


def takes(function: Callable[..., Any]) -> int | None:
    """How many positional arguments without default a function has; None where Python cannot tell."""
    try:
        parameters = inspect.signature(function).parameters.values()
    except (TypeError, ValueError):
        return None
    kinds = (inspect.Parameter.POSITIONAL_ONLY, inspect.Parameter.POSITIONAL_OR_KEYWORD)
    return sum(p.kind in kinds and p.default is p.empty for p in parameters)


def _module(path: Path) -> Any:
    path = path.resolve()
    if not path.is_file():
        beside = ", ".join(sorted(p.name for p in path.parent.glob("*.py"))[:5]) if path.parent.is_dir() else ""
        raise TargetError(
            "this file does not exist", code="target/missing-file", place=str(path),
            hint=f"Beside it: {beside}" if beside else "Paths are meant from the card's folder",
        )  # fmt: skip
    private = f"_momus_card_{hashlib.sha256(str(path).encode()).hexdigest()[:16]}"
    spec = importlib.util.spec_from_file_location(private, path)
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[private] = module  # dataclasses and pickling look their module up while it is being made
    sys.path.insert(0, str(path.parent))
    try:
        spec.loader.exec_module(module)
    except Exception as error:
        del sys.modules[private]
        text = " ".join(str(error).split())[:300]
        raise TargetError(
            f"the file raised {type(error).__name__}: {text}", code="target/factory", place=_where(error, str(path))
        ) from error
    finally:
        sys.path.remove(str(path.parent))
    return module


def _named(dotted: str) -> Any:
    try:
        return importlib.import_module(dotted)
    except ImportError as error:
        raise TargetError(
            f"the module cannot be imported: {error}", code="target/factory", place=dotted,
            hint="Write file.py:function for a file beside the card",
        ) from error  # fmt: skip


def _where(error: BaseException, fallback: str) -> str:
    """file:line of the innermost frame that is the user's own code."""
    if isinstance(error, SyntaxError) and error.filename:
        return f"{error.filename}:{error.lineno}"
    trace, place = error.__traceback__, fallback
    while trace is not None:
        name = trace.tb_frame.f_code.co_filename
        if name != __file__ and "importlib" not in name and "site-packages" not in name:
            place = f"{name}:{trace.tb_lineno}"
        trace = trace.tb_next
    return place
