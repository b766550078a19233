"""CycloneDX 1.6: models as machine-learning-model components with a model card, data sets as data components."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from momus.methods.provenance import digests
from momus.methods.provenance.lockfile import Locked

if TYPE_CHECKING:
    from momus.methods.provenance.boms import Contents

_TYPES = {"model": "machine-learning-model", "extractor": "machine-learning-model", "data": "data"}
_ALGORITHMS = {"md5": "MD5", "sha1": "SHA-1", "sha256": "SHA-256", "sha512": "SHA-512"}
_APPROACH = {"classifier": "supervised", "regressor": "supervised", "policy": "reinforcement-learning"}


def bill(of: Contents) -> dict[str, Any]:
    """The whole document."""
    system = {"type": "application", "bom-ref": "system", "name": of.system}
    if of.description:
        system["description"] = of.description
    files = [_component(of, f) for f in of.files]
    libraries = [_library(name, version) for name, version in of.libraries]
    refs = [c["bom-ref"] for c in (*files, *libraries)]
    tool = {"type": "application", "name": "momus", **({"version": of.version} if of.version else {})}
    return {
        "$schema": "http://cyclonedx.org/schema/bom-1.6.schema.json",
        "bomFormat": "CycloneDX",
        "specVersion": "1.6",
        "serialNumber": f"urn:uuid:{of.serial}",
        "version": 1,
        "metadata": {
            "timestamp": f"{of.made}T00:00:00Z",
            "tools": {"components": [tool]},
            "component": system,
        },
        "components": [*files, *libraries],
        "dependencies": [{"ref": "system", "dependsOn": refs}, *({"ref": r} for r in refs)],
        # What the card does not name is not in here, and the bill says so.
        "compositions": [{"aggregate": "incomplete_first_party_only", "assemblies": ["system"]}],
    }


def _component(of: Contents, entry: Locked) -> dict[str, Any]:
    kind = _TYPES.get(entry.kind, "file")
    made: dict[str, Any] = {"type": kind, "bom-ref": f"file:{entry.path}", "name": entry.path}
    if entry.publisher:
        made["publisher"] = entry.publisher
        made["supplier"] = {"name": entry.publisher}
    made["hashes"] = _hashes(entry)
    if entry.licence:
        made["licenses"] = _licences(entry)
    if entry.source and entry.source.lower() != "own":
        made["externalReferences"] = [{"type": "distribution", "url": entry.source, "hashes": _hashes(entry)}]
    if kind == "machine-learning-model" and entry.kind == "model" and (card := _model_card(of, entry)):
        made["modelCard"] = card
    if kind == "data":
        made["data"] = [{"type": "dataset", "name": entry.path}]
    made["properties"] = _properties(entry)
    if entry.licence and entry.licence_from not in ("", "card"):
        made["evidence"] = {"licenses": _licences(entry), "occurrences": [{"location": entry.licence_from}]}
    return made


def _hashes(entry: Locked) -> list[dict[str, str]]:
    found = {"SHA-256": entry.sha256}
    if entry.published and entry.agrees == "yes":  # a digest that the file does not have is no hash of it
        algorithm, digits = digests.published(entry.published)
        found[_ALGORITHMS[algorithm]] = digits
    return [{"alg": a, "content": c} for a, c in sorted(found.items())]


def _licences(entry: Locked) -> list[dict[str, Any]]:
    if " " in entry.licence:
        return [{"expression": entry.licence}]
    if entry.licence.startswith("LicenseRef-"):
        return [{"license": {"name": entry.licence.removeprefix("LicenseRef-")}}]
    return [{"license": {"id": entry.licence}}]


def _model_card(of: Contents, entry: Locked) -> dict[str, Any]:
    """Task, inputs, outputs and data sets of the target that loads the file: what the card says, and no more."""
    targets = [n.split(".")[1] for n in entry.named if n.startswith("targets.")]
    model = next((m for m in of.models if m.name in targets), None)
    if model is None:
        return {}
    parameters: dict[str, Any] = {"task": model.task}
    if model.task in _APPROACH:
        parameters = {"approach": {"type": _APPROACH[model.task]}, **parameters}
    known = {f.path for f in of.files}
    used = [path for _, path in sorted(model.data.items()) if path in known]
    if used:
        parameters["datasets"] = [{"ref": f"file:{path}"} for path in dict.fromkeys(used)]
    if model.inputs:
        parameters["inputs"] = [{"format": model.inputs}]
    if model.outputs:
        parameters["outputs"] = [{"format": model.outputs}]
    card: dict[str, Any] = {"modelParameters": parameters}
    if model.classes:
        card["properties"] = [{"name": "momus:class", "value": c} for c in model.classes]
    return card


def _properties(entry: Locked) -> list[dict[str, str]]:
    """What CycloneDX has no field for, under names of our own."""
    said = {
        "kind": entry.kind, "size": str(entry.size), "format": entry.format, "scan": entry.scan,
        "published": entry.published, "published_agrees": entry.agrees, "signature": entry.signature, "key": entry.key,
        "source": entry.source if entry.source.lower() == "own" else "", "locked": entry.locked,
    }  # fmt: skip
    return [{"name": f"momus:{k}", "value": v} for k, v in said.items() if v]


def _library(name: str, version: str) -> dict[str, Any]:
    purl = f"pkg:pypi/{name}@{version}"
    return {"type": "library", "bom-ref": purl, "name": name, "version": version, "purl": purl}
