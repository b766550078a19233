"""Bills of materials: valid by the official schema, the same bytes twice, no place of this machine."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest

from momus.methods.provenance import Lock, Locked, boms

MODEL = Locked(
    "w/a.safetensors", "model", "a" * 64, 30, format="safetensors", scan="nothing found", publisher="ACME",
    source="https://zoo.example/acme/a", licence="Apache-2.0", licence_from="w/README.md", published="sha1:" + "b" * 40,
    agrees="yes", signature="valid", key="c" * 64, named=("targets.net.path", "supply.files"), locked="2026-02-03",
)  # fmt: skip
LOCK = Lock.of(
    "a system",
    [
        MODEL,
        Locked("data/train.csv", "data", "d" * 64, 5, named=("data.train.path",), locked="2026-02-01"),
        Locked("tok.json", "tokenizer", "e" * 64, 6, licence="LicenseRef-openrail", licence_from="tok/README.md"),
        Locked("serve.py", "code", "f" * 64, 7, licence="MIT OR Apache-2.0", licence_from="card", source="own"),
        replace(
            MODEL, path="/home/somebody/secret/b.bin", source="file:///home/somebody/b.bin", agrees="no", licence=""
        ),
        replace(MODEL, path="../other/c.bin", source="/mnt/share/c.bin", licence="CC-BY-NC-4.0"),
    ],
)
NET = boms.Model("net", "classifier", "image of shape 3x32x32", "logits", ("cat", "dog"), {"train": "data/train.csv"})
OF = boms.contents(LOCK, "what it does", [NET], [("numpy", "2.0.1"), ("my_pkg", "1.0+local")], "0.1")


def bill(kind: str) -> dict:  # type: ignore[type-arg]
    made: dict = json.loads(boms.write(kind, OF))  # type: ignore[type-arg]
    return made


@pytest.mark.parametrize("kind", ["cyclonedx", "spdx"])
def test_same_bytes_no_places_and_every_file(kind: str) -> None:
    text = boms.write(kind, OF)
    assert boms.write(kind, OF) == text
    for place in ("/home", "somebody", "/mnt", ".."):
        assert place not in text
    for entry in LOCK.files:
        assert entry.sha256 in text
    other = boms.contents(Lock.of("a system", LOCK.files[1:]), "what it does")
    assert other.serial != OF.serial


def test_cyclonedx_says_what_a_model_is() -> None:
    made = bill("cyclonedx")
    parts = {c["name"]: c for c in made["components"]}
    assert (made["bomFormat"], made["specVersion"]) == ("CycloneDX", "1.6")
    model = parts["w/a.safetensors"]
    assert model["type"] == "machine-learning-model"
    assert {h["alg"]: h["content"] for h in model["hashes"]} == {"SHA-256": "a" * 64, "SHA-1": "b" * 40}
    parameters = model["modelCard"]["modelParameters"]
    assert parameters["task"] == "classifier"
    assert parameters["datasets"] == [{"ref": "file:data/train.csv"}]
    assert model["licenses"] == [{"license": {"id": "Apache-2.0"}}]
    assert parts["data/train.csv"]["type"] == "data"
    assert parts["tok.json"]["licenses"] == [{"license": {"name": "openrail"}}]
    assert parts["serve.py"]["licenses"] == [{"expression": "MIT OR Apache-2.0"}]
    wrong = next(c for n, c in parts.items() if n.endswith("b.bin"))
    assert [h["alg"] for h in wrong["hashes"]] == ["SHA-256"]  # a digest it does not have is no hash of it
    assert parts["numpy"]["purl"] == "pkg:pypi/numpy@2.0.1"
    refs = [c["bom-ref"] for c in made["components"]]
    assert len(set(refs)) == len(refs)
    assert set(made["dependencies"][0]["dependsOn"]) == set(refs)


def test_cyclonedx_by_the_official_schema() -> None:
    pytest.importorskip("cyclonedx")
    from cyclonedx.exception import MissingOptionalDependencyException
    from cyclonedx.schema import SchemaVersion
    from cyclonedx.validation.json import JsonStrictValidator

    try:
        wrong = JsonStrictValidator(SchemaVersion.V1_6).validate_str(boms.write("cyclonedx", OF))
    except MissingOptionalDependencyException:
        pytest.skip("cyclonedx-python-lib is here without its schema validator")
    assert wrong is None
    broken = boms.write("cyclonedx", OF).replace('"SHA-256"', '"SHA-0"')
    assert JsonStrictValidator(SchemaVersion.V1_6).validate_str(broken) is not None


def test_spdx_is_put_together_as_the_standard_asks() -> None:
    made = bill("spdx")
    ids = [p["SPDXID"] for p in made["packages"]]
    assert len(set(ids)) == len(ids)
    assert (made["spdxVersion"], made["dataLicense"], made["SPDXID"]) == ("SPDX-2.3", "CC0-1.0", "SPDXRef-DOCUMENT")
    known = {"SPDXRef-DOCUMENT", *ids}
    assert all({r["spdxElementId"], r["relatedSpdxElement"]} <= known for r in made["relationships"])
    assert [r for r in made["relationships"] if r["relationshipType"] == "DESCRIBES"]
    by_name = {p["name"]: p for p in made["packages"]}
    assert by_name["w/a.safetensors"]["downloadLocation"] == "https://zoo.example/acme/a"
    assert {c["algorithm"] for c in by_name["w/a.safetensors"]["checksums"]} == {"SHA1", "SHA256"}
    assert made["hasExtractedLicensingInfos"][0]["licenseId"] == "LicenseRef-openrail"
    assert all(i.replace("SPDXRef-", "").replace("-", "").replace(".", "").isalnum() for i in ids)
