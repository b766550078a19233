"""CycloneDX and SPDX bills of materials (JSON) as pins, by their package URLs."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, unquote

from momus.methods.advisories.listing import Listing, Pin, exact, load, unread

_NOT_SOFTWARE = frozenset({"machine-learning-model", "data", "file", "cryptographic-asset"})
_DEPTH = 40


def read_sbom(path: Path) -> Listing:
    """The packages that a bill of materials names. Components without a package URL are *not known*. Never raises."""
    content, wrong = load(path, "json")
    if wrong:
        return unread(path, wrong)
    try:
        if not isinstance(content, dict):
            return unread(path, "neither CycloneDX nor SPDX")
        if content.get("bomFormat") == "CycloneDX":
            return Listing.of(_components(content.get("components") or [], path.name))
        if "spdxVersion" in content:
            return Listing.of(_spdx(content, path.name))
        if isinstance(content.get("@graph"), list):
            return Listing.of(_spdx3(content["@graph"], path.name))
    except (ValueError, TypeError, AttributeError, KeyError) as error:
        return unread(path, f"not as such a file is written ({type(error).__name__})")
    return unread(path, "neither CycloneDX nor SPDX")


def of_purl(purl: str, place: str) -> Pin:
    """``pkg:pypi/name@version?qualifiers#path`` as a pin; another ecosystem is not known."""
    body, _, _ = purl.partition("#")
    body, _, query = body.partition("?")
    kind, _, rest = body.removeprefix("pkg:").strip("/").partition("/")
    name, _, version = rest.rpartition("@") if "@" in rest else (rest, "", "")
    name = unquote(name)
    if not purl.startswith("pkg:") or not name:
        return Pin(purl[:80], place=place, why="not a package URL")
    if kind.lower() == "conda":
        pin = exact(name.rpartition("/")[2], unquote(version), place)
        return Pin(pin.name, pin.version, pin.place, pin.why, vouched=False)
    if kind.lower() != "pypi":
        return Pin(f"{kind}/{name}"[:80], unquote(version)[:60], place, f"no advisories for {kind[:20]} are read here")
    qualifiers = parse_qs(query)
    if "vcs_url" in qualifiers or "download_url" in qualifiers:
        return Pin(name, place=place, why="comes from an address, not from an index")
    return exact(name, unquote(version), place, index="".join(qualifiers.get("repository_url", [])))


def _components(rows: Any, file: str, depth: int = 0) -> Iterator[Pin]:
    if depth > _DEPTH:
        yield Pin(file, place=file, why="components are nested too deeply")
        return
    for row in rows:
        if row.get("purl"):
            yield of_purl(str(row["purl"]), file)
        elif row.get("type") not in _NOT_SOFTWARE:
            yield Pin(str(row.get("name", "?"))[:80], place=file, why="has no package URL")
        yield from _components(row.get("components") or [], file, depth + 1)


def _spdx(content: Any, file: str) -> Iterator[Pin]:
    described = set(content.get("documentDescribes") or [])
    for relation in content.get("relationships") or []:
        if relation.get("relationshipType") == "DESCRIBES":
            described.add(relation.get("relatedSpdxElement"))
    for row in content.get("packages") or []:
        purls = [r.get("referenceLocator") for r in row.get("externalRefs") or [] if r.get("referenceType") == "purl"]
        if purls:
            yield from (of_purl(str(p), file) for p in purls)
        elif row.get("SPDXID") not in described and row.get("primaryPackagePurpose") not in ("FILE", "DATA"):
            yield Pin(str(row.get("name", "?"))[:80], place=file, why="has no package URL")


def _spdx3(graph: Any, file: str) -> Iterator[Pin]:
    for row in graph:
        if row.get("type") != "software_Package":
            continue
        purl = row.get("software_packageUrl")
        why = "has no package URL"
        yield of_purl(str(purl), file) if purl else Pin(str(row.get("name", "?"))[:80], place=file, why=why)
