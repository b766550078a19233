"""SPDX 2.3 as JSON: the system as a package that contains the files, libraries as packages it depends on."""

from __future__ import annotations

import hashlib
import re
from typing import TYPE_CHECKING, Any

from momus.methods.provenance import digests
from momus.methods.provenance.lockfile import Locked

if TYPE_CHECKING:
    from momus.methods.provenance.boms import Contents

_ALGORITHMS = {"md5": "MD5", "sha1": "SHA1", "sha256": "SHA256", "sha512": "SHA512"}
_SYSTEM = "SPDXRef-System"


def bill(of: Contents) -> dict[str, Any]:
    """The whole document. SPDX asks for a SHA-1 of every file; one that nobody computed is not made up.

    Files are therefore packages of one file each, for which SHA-256 is enough.
    """
    files = [_package(f) for f in of.files]
    libraries = [_library(n, v) for n, v in of.libraries]
    relations = [_relation("SPDXRef-DOCUMENT", "DESCRIBES", _SYSTEM)]
    relations += [_relation(_SYSTEM, "CONTAINS", p["SPDXID"]) for p in files]
    relations += [_relation(_SYSTEM, "DEPENDS_ON", p["SPDXID"]) for p in libraries]
    tool = f"Tool: momus-{of.version}" if of.version else "Tool: momus"
    named = sorted({f.licence for f in of.files})
    return {
        "spdxVersion": "SPDX-2.3",
        "dataLicense": "CC0-1.0",
        "SPDXID": "SPDXRef-DOCUMENT",
        "name": of.system,
        "documentNamespace": f"urn:uuid:{of.serial}",
        "creationInfo": {"created": f"{of.made}T00:00:00Z", "creators": [tool]},
        "packages": [_system(of), *files, *libraries],
        "relationships": relations,
        **_extracted([name for text in named for name in re.findall(r"LicenseRef-[A-Za-z0-9.-]+", text)]),
    }


def _extracted(names: list[str]) -> dict[str, Any]:
    found = [
        {"licenseId": n, "name": n.removeprefix("LicenseRef-"), "extractedText": "The text was not part of the files."}
        for n in dict.fromkeys(names)
    ]
    return {"hasExtractedLicensingInfos": found} if found else {}


def _system(of: Contents) -> dict[str, Any]:
    made = {
        "SPDXID": _SYSTEM, "name": of.system, "downloadLocation": "NOASSERTION", "filesAnalyzed": False,
        "primaryPackagePurpose": "APPLICATION", "licenseConcluded": "NOASSERTION", "licenseDeclared": "NOASSERTION",
        "copyrightText": "NOASSERTION",
    }  # fmt: skip
    return {**made, "description": of.description} if of.description else made


def _package(entry: Locked) -> dict[str, Any]:
    outside = entry.source and entry.source.lower() != "own"
    place = entry.source if outside and re.fullmatch(r"[a-z][a-z0-9+.-]*://\S+", entry.source) else "NOASSERTION"
    made: dict[str, Any] = {
        "SPDXID": f"SPDXRef-File-{hashlib.sha256(entry.path.encode()).hexdigest()[:16]}",
        "name": entry.path,
        "packageFileName": entry.path,
        "downloadLocation": place,
        "filesAnalyzed": False,
        "primaryPackagePurpose": "SOURCE" if entry.kind == "code" else "FILE",
        "checksums": _checksums(entry),
        "licenseConcluded": "NOASSERTION",
        "licenseDeclared": entry.licence or "NOASSERTION",
        "copyrightText": "NOASSERTION",
        "comment": _comment(entry),
    }
    if entry.publisher:
        made["supplier"] = f"Organization: {entry.publisher}"
    return made


def _checksums(entry: Locked) -> list[dict[str, str]]:
    found = {"SHA256": entry.sha256}
    if entry.published and entry.agrees == "yes":
        algorithm, digits = digests.published(entry.published)
        found[_ALGORITHMS[algorithm]] = digits
    return [{"algorithm": a, "checksumValue": v} for a, v in sorted(found.items())]


def _comment(entry: Locked) -> str:
    said = {"kind": entry.kind, "size": str(entry.size), "format": entry.format, "scan": entry.scan,
            "signature": entry.signature, "key": entry.key, "source": entry.source}  # fmt: skip
    return "; ".join(f"{k}: {v}" for k, v in said.items() if v)


def _relation(of: str, kind: str, to: str) -> dict[str, str]:
    return {"spdxElementId": of, "relationshipType": kind, "relatedSpdxElement": to}


def _library(name: str, version: str) -> dict[str, Any]:
    ident = re.sub(r"[^A-Za-z0-9.-]", "-", f"{name}-{version}")
    purl = f"pkg:pypi/{name}@{version}"
    return {
        "SPDXID": f"SPDXRef-Library-{ident}",
        "name": name,
        "versionInfo": version,
        "downloadLocation": "NOASSERTION",
        "filesAnalyzed": False,
        "primaryPackagePurpose": "LIBRARY",
        "licenseConcluded": "NOASSERTION",
        "licenseDeclared": "NOASSERTION",
        "copyrightText": "NOASSERTION",
        "externalRefs": [{"referenceCategory": "PACKAGE-MANAGER", "referenceType": "purl", "referenceLocator": purl}],
    }
