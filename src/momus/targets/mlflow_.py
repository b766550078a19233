"""Models of an MLflow registry as files: fetched once for each version, pinned by digest, then opened like any other.

Nothing here loads a model. The MLmodel file is read as data; it says which file holds the model and in which flavour,
and the file goes the way of all files: the scan first, then the adapter of its kind.
"""

from __future__ import annotations

import fcntl
import json
import re
import shutil
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path, PurePosixPath
from typing import Any

from momus.card.mlflow import MlflowCard
from momus.card.schema import TargetCard
from momus.card.shorthand import REGISTERED
from momus.card.yaml_ import read_yaml
from momus.core import digest
from momus.core.cache import default_folder
from momus.core.errors import CardError, MomusError, TargetError
from momus.core.text import clean
from momus.methods.mlflow_rest import Absent, Tracking
from momus.targets.files import existing

MOST_FILES = 10_000
_GONE = "mlflow/unreachable"
_PROXIED = re.compile(r"mlflow-artifacts:/(?:/[^/]*/)?(.*)")
_HINT = "Write models:/name/3, models:/name@alias, models:/m-id or runs:/run-id/model"


@dataclass(frozen=True)
class Fetched:
    """A model's folder on this machine, and what is to be said of where it came from."""

    folder: Path
    said: str


def local(card: TargetCard, base: Path) -> tuple[TargetCard, str]:
    """The card of the model's own kind, its path a file on this machine, and a note on where it came from.

    Raises TargetError for what the registry does not have and for a flavour that is not opened.
    """
    found = _found(card, base)
    return _retold(card, found.folder), found.said


def whole(card: TargetCard, base: Path) -> TargetCard:
    """The card with all files of the model's folder, which is what a scan looks at."""
    return card.model_copy(update={"path": str(_found(card, base).folder)})


def _found(card: TargetCard, base: Path) -> Fetched:
    assert card.path is not None
    if card.path.startswith(REGISTERED):
        if card.mlflow is None:
            raise _wrong(card, "no tracking server is known", "Set MLFLOW_TRACKING_URI, or mlflow: {uri: https://…}")
        try:
            return fetch(card.path, card.mlflow, base)
        except Absent as error:
            raise _wrong(card, f"the registry does not have it: {error.message}", _HINT) from error
        except MomusError as error:
            hint = error.hint or ("Does the card name the host under network?" if error.code == _GONE else "")
            raise TargetError(error.message, code=error.code, place=error.place, hint=hint) from error
    return Fetched(existing(base / card.path), "")


def open_registered(card: TargetCard, base: Path, opener: Callable[[TargetCard], Any]) -> Any:
    """The target of a registered model, opened by ``opener`` as the files that it is."""
    told, said = local(card, base)
    target = opener(told)
    if said:
        target._info = replace(target.info, notes=(*target.info.notes, said))
    return target


def fetch(path: str, card: MlflowCard, base: Path = Path()) -> Fetched:
    """The model's files in the cache: those of a version are fetched once, and again where their list has changed."""
    with Tracking(card, base) as server:
        uri, said = _whereabouts(path, server)
        proxied = _PROXIED.fullmatch(uri)
        if proxied is None:
            raise TargetError(
                f"the model's files lie at {clean(uri, 100)}, which the tracking server does not hand out",
                code="mlflow/artifacts", place=path,
                hint="Start the server with --serve-artifacts (its default), or fetch the folder and name it as path",
            )  # fmt: skip
        root = proxied[1].strip("/")
        files = sorted(_files(server, root))
        if not any(name == "MLmodel" for name, _ in files):
            raise TargetError("there is no MLmodel file", code="mlflow/no-model", place=path, hint=_HINT)
        folder = _home() / digest.of_value([server.uri, root, files])[:32]
        _fill(folder, root, files, server)
    whole = digest.of_files(folder / name for name, _ in files)
    return Fetched(folder, f"{said}, digest {whole[:16]} of {len(files)} files")


def _home() -> Path:
    return default_folder().parent / "mlflow"


def _whereabouts(path: str, server: Tracking) -> tuple[str, str]:
    """(address of the model's folder, what it is called there)."""
    kind, _, rest = path.partition(":/")
    name, at, alias = rest.partition("@")
    if kind == "runs":
        run, _, inside = rest.strip("/").partition("/")
        return _of_run(run, inside, path, server)
    if at and name and alias:
        told = server.get("registered-models/alias", name=name, alias=alias).get("model_version") or {}
        return _version(name, str(told.get("version", "")), path, server)
    name, _, version = rest.strip("/").partition("/")
    if re.fullmatch(r"m-[0-9a-f]{8,}", name) and not version:
        return _logged(name, server), path
    if version == "latest":
        found = server.post("registered-models/get-latest-versions", name=name).get("model_versions") or []
        numbers = [int(v["version"]) for v in found if str(v.get("version", "")).isdigit()]
        if not numbers:
            raise Absent(f"'{clean(name, 80)}' has no version", place=server.place)
        version = str(max(numbers))
    if not name or not version.isdigit():
        raise TargetError("this names no model of a registry", code="mlflow/address", place=path, hint=_HINT)
    return _version(name, version, path, server)


def _version(name: str, version: str, path: str, server: Tracking) -> tuple[str, str]:
    told = server.get("model-versions/get", name=name, version=version).get("model_version") or {}
    state = str(told.get("status", "READY"))
    if state != "READY":
        raise TargetError(f"version {version} is {clean(state, 60)}", code="mlflow/not-ready", place=path)
    uri = server.get("model-versions/get-download-uri", name=name, version=version).get("artifact_uri", "")
    return str(uri), f"{path} is version {version}"


def _of_run(run: str, inside: str, path: str, server: Tracking) -> tuple[str, str]:
    """A folder of a run's artifacts, or the model of that name which the run made (MLflow 3)."""
    if not run or not inside:
        raise TargetError("this names no model of a run", code="mlflow/address", place=path, hint=_HINT)
    told = server.get("runs/get", run_id=run).get("run") or {}
    uri = f"{told.get('info', {}).get('artifact_uri', '')}/{inside}"
    plain = _PROXIED.fullmatch(uri)
    if plain and any(e.get("path") == "MLmodel" for e in server.listing(plain[1].strip("/"))):
        return uri, path
    for made in (told.get("outputs") or {}).get("model_outputs") or []:
        model = str(made.get("model_id", ""))
        info = (server.get(f"logged-models/{model}").get("model") or {}).get("info") or {}
        if info.get("name") == inside:
            return str(info.get("artifact_uri", "")), f"{path} is {model}"
    raise Absent(f"the run has no model '{clean(inside, 80)}'", place=server.place)


def _logged(model: str, server: Tracking) -> str:
    info = (server.get(f"logged-models/{model}").get("model") or {}).get("info") or {}
    return str(info.get("artifact_uri", ""))


def _files(server: Tracking, root: str) -> Iterator[tuple[str, int]]:
    """Every file below a folder: its path there and its size. TargetError for names that would lead out of it."""
    waiting, count = [""], 0
    while waiting:
        folder = waiting.pop()
        for entry in server.listing(f"{root}/{folder}".rstrip("/")):
            name = str(entry.get("path", ""))
            count += 1
            parts = PurePosixPath(name).parts
            if count > MOST_FILES or not parts or len(parts) != 1 or name != clean(name) or name in (".", "..", "/"):
                raise TargetError(
                    f"the list of the model's files is not usable at {clean(name, 80)!r}", code="mlflow/listing",
                    place=server.place,
                )  # fmt: skip
            inside = f"{folder}/{name}".lstrip("/")
            if entry.get("is_dir"):
                waiting.append(inside)
            else:
                yield inside, int(entry.get("file_size") or 0)


def _fill(folder: Path, root: str, files: list[tuple[str, int]], server: Tracking) -> None:
    """The files in the cache; whoever comes second waits, and a folder counts once its last file is there."""
    folder.parent.mkdir(parents=True, exist_ok=True)
    whole = folder.with_suffix(".whole")
    with open(folder.with_suffix(".lock"), "w") as stream:
        fcntl.flock(stream, fcntl.LOCK_EX)
        kept = json.loads(whole.read_text()) if whole.exists() else None
        if kept is not None and all((folder / n).is_file() and (folder / n).stat().st_size == s for n, s in files):
            return
        shutil.rmtree(folder, ignore_errors=True)
        for name, size in files:
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            got = server.download(f"{root}/{name}", folder / name)
            if got != size:
                raise TargetError(
                    f"{clean(name, 80)} came with {got} of {size} bytes", code="mlflow/cut-off", place=server.place,
                    hint="Try again",
                )  # fmt: skip
        whole.write_text(json.dumps([root, len(files)]))


def _retold(card: TargetCard, folder: Path) -> TargetCard:
    """The card as if it had named the model's own file."""
    flavours = _flavours(folder, card)
    tried = (reader(flavours[name], folder) for name, reader in _READ.items() if name in flavours)
    made = next((m for m in tried if m is not None), None)
    if made is None:
        known = ", ".join(clean(f, 40) for f in flavours if f != "python_function") or "python_function"
        raise _wrong(
            card,
            f"no file of its flavours ({known}) is opened here",
            "Log it as sklearn, onnx, xgboost, lightgbm or pytorch (pt2), or serve it and ask by adapter http",
        )
    adapter, path = made
    inner = path.resolve()
    if not inner.is_relative_to(folder.resolve()) or not inner.exists():
        raise _wrong(card, f"MLmodel names the file {clean(path.name, 80)}, which is not there", "Log the model again")
    return card.model_copy(update={"adapter": adapter, "path": str(inner)})


def _flavours(folder: Path, card: TargetCard) -> Mapping[str, Mapping[str, Any]]:
    try:
        found = read_yaml((folder / "MLmodel").read_text("utf-8"), "MLmodel").value
        flavours = found["flavors"] if isinstance(found, Mapping) else None
    except (OSError, ValueError, KeyError, CardError) as error:
        raise _wrong(card, f"its MLmodel file cannot be read ({type(error).__name__})", "Log the model again") from None
    if not isinstance(flavours, Mapping):
        raise _wrong(card, "its MLmodel file names no flavours", "Log the model again")
    return {str(k): v for k, v in flavours.items() if isinstance(v, Mapping)}


def _key(key: str, adapter: str) -> Callable[[Mapping[str, Any], Path], tuple[str, Path] | None]:
    return lambda told, folder: (adapter, folder / str(told[key])) if told.get(key) else None


def _pytorch(told: Mapping[str, Any], folder: Path) -> tuple[str, Path] | None:
    """An exported program: what MLflow pickles otherwise is a whole module, which only unpickling would open."""
    found = sorted((folder / str(told.get("model_data", "data"))).glob("*.pt2"))
    return ("torch", found[0]) if found else None


# In the order of choice: what cannot run code before what can.
_READ: dict[str, Callable[[Mapping[str, Any], Path], tuple[str, Path] | None]] = {
    "onnx": _key("data", "onnx"),
    "xgboost": _key("data", "sklearn"),
    "lightgbm": _key("data", "sklearn"),
    "sklearn": _key("pickled_model", "sklearn"),  # skops or a pickle
    "pytorch": _pytorch,
}


def _wrong(card: TargetCard, what: str, hint: str) -> TargetError:
    return TargetError(what, code="mlflow/model", place=f"target '{card.name}': {card.path}", hint=hint)
