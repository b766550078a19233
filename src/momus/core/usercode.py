"""User code named on a card as ``file.py:name``, loaded from the card's folder under a private module name.

Loading runs the user's file, so only worker processes and the user's own notebook do it.
"""

from __future__ import annotations

import hashlib
import importlib
import importlib.util
import inspect
import sys
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from momus.core.errors import MomusError, TargetError


def split(address: str, error: type[MomusError] = TargetError) -> tuple[str, str]:
    """``model.py:build`` -> (``model.py``, ``build``). A dotted module works too: ``package.module:build``."""
    file, colon, name = address.rpartition(":")
    if not colon or not file or not name.isidentifier():
        raise error(
            f"'{address}' names no function", code="code/address", hint="Write file.py:function, as in model.py:build"
        )
    return file, name


def code_file(address: str | None, base: Path) -> Path | None:
    """The file behind an address, None for a module address or no address. Nothing is opened."""
    if not address or ".py:" not in address:
        return None
    return (base / split(address)[0]).resolve()


def load(address: str, base: Path, error: type[MomusError] = TargetError) -> Callable[..., Any]:
    """The function at ``address``. This runs the user's file; its folder is importable while it runs.

    Raises ``error`` for a missing file or name, or a file that fails to import, with the line where it failed.
    """
    file, name = split(address, error)
    module = _module(base / file, error) if file.endswith(".py") else _named(file, error)
    found = getattr(module, name, None)
    if found is None:
        known = ", ".join(n for n, v in vars(module).items() if callable(v) and not n.startswith("_"))[:200]
        raise error(f"no '{name}' in it", code="code/name", place=file, hint=f"It has: {known or 'nothing'}")
    if not callable(found):
        raise error(f"'{name}' is a {type(found).__name__}, not a function", code="code/name", place=file)
    return found  # type: ignore[no-any-return]


def made(
    address: str, base: Path, options: Mapping[str, Any], error: type[MomusError] = TargetError, *given: Any
) -> Any:
    """What the function at ``address`` returns for ``given`` and ``options``; what it raises becomes ``error``."""
    function = load(address, base, error)
    try:
        return function(*given, **options)
    except (MomusError, MemoryError):
        raise
    except Exception as raised:
        text = " ".join(str(raised).split())[:300]
        message = f"'{address}' raised {type(raised).__name__}: {text or 'no message'}"
        raise error(message, code="code/raised", place=where(raised, address)) from raised


def takes(function: Callable[..., Any]) -> int | None:
    """How many positional arguments without default a function has; None where Python cannot tell."""
    try:
        parameters = inspect.signature(function).parameters.values()
    except (TypeError, ValueError):
        return None
    kinds = (inspect.Parameter.POSITIONAL_ONLY, inspect.Parameter.POSITIONAL_OR_KEYWORD)
    return sum(p.kind in kinds and p.default is p.empty for p in parameters)


def keywords(function: Callable[..., Any]) -> set[str] | None:
    """Names a function takes as keywords; None where it takes any, or Python cannot tell."""
    try:
        parameters = inspect.signature(function).parameters.values()
    except (TypeError, ValueError):
        return None
    if any(p.kind is p.VAR_KEYWORD for p in parameters):
        return None
    return {p.name for p in parameters if p.kind in (p.POSITIONAL_OR_KEYWORD, p.KEYWORD_ONLY)}


def where(raised: BaseException, fallback: str) -> str:
    """file:line of the innermost frame that is the user's own code."""
    if isinstance(raised, SyntaxError) and raised.filename:
        return f"{raised.filename}:{raised.lineno}"
    trace, place = raised.__traceback__, fallback
    while trace is not None:
        name = trace.tb_frame.f_code.co_filename
        if name != __file__ and "importlib" not in name and "site-packages" not in name:
            place = f"{name}:{trace.tb_lineno}"
        trace = trace.tb_next
    return place


def _module(path: Path, error: type[MomusError]) -> Any:
    path = path.resolve()
    if not path.is_file():
        beside = ", ".join(sorted(p.name for p in path.parent.glob("*.py"))[:5]) if path.parent.is_dir() else ""
        hint = f"Beside it: {beside}" if beside else "Paths are meant from the card's folder"
        raise error("this file does not exist", code="code/missing-file", place=str(path), hint=hint)
    private = f"_momus_card_{hashlib.sha256(str(path).encode()).hexdigest()[:16]}"
    spec = importlib.util.spec_from_file_location(private, path)
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[private] = module  # dataclasses and pickling look their module up while it is being made
    sys.path.insert(0, str(path.parent))
    try:
        spec.loader.exec_module(module)
    except (Exception, SystemExit) as raised:  # a file that calls sys.exit() must not end the worker
        del sys.modules[private]
        text = " ".join(str(raised).split())[:300]
        message = f"the file raised {type(raised).__name__}: {text}"
        raise error(message, code="code/raised", place=where(raised, str(path))) from raised
    finally:
        sys.path.remove(str(path.parent))
    return module


def _named(dotted: str, error: type[MomusError]) -> Any:
    try:
        return importlib.import_module(dotted)
    except ImportError as raised:
        hint = "Write file.py:function for a file beside the card"
        raise error(f"the module cannot be imported: {raised}", code="code/import", place=dotted, hint=hint) from raised
