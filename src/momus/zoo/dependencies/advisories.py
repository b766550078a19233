"""Services with lock files, environments and an advisory dump for ``dependencies.advisories``, made from a seed."""

from __future__ import annotations

import json
import tempfile
import zipfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from momus.core import digest
from momus.core.capabilities import Packages, TargetInfo
from momus.zoo import Case

TODAY = "2026-11-01"
# Names that every real dump speaks of, and as many made-up ones as make it a whole one.
KNOWN = ("aiohttp", "ansible", "cryptography", "django", "flask", "jinja2", "lxml", "numpy", "pillow", "pyyaml",
         "requests", "tensorflow", "twisted", "urllib3", "werkzeug")  # fmt: skip


class Software:
    """A target that has packages: files in a temporary folder that goes when the target goes."""

    def __init__(
        self, name: str, files: Mapping[str, str], dump: Sequence[Mapping[str, Any]], *, form: str = "zip"
    ) -> None:
        self._folder = tempfile.TemporaryDirectory(prefix="momus-zoo-")
        base = Path(self._folder.name)
        for path, text in files.items():
            base.joinpath(path).parent.mkdir(parents=True, exist_ok=True)
            base.joinpath(path).write_text(text, "utf-8")
        locks = [base / p for p in files if "/" not in p and p.endswith((".txt", ".lock", "pylock.toml"))]
        sboms = [base / p for p in files if p.endswith(".cdx.json")]
        environment = base / "venv" if any(p.startswith("venv/") for p in files) else None
        code = [base / p for p in files if p.endswith(".py")]
        self._packages = Packages(tuple(locks), tuple(sboms), environment, tuple(code), write_dump(base, dump, form))
        digested = digest.of_value([dict(files), list(dump)])
        self._info = TargetInfo(name, "artifact", "files", digested, modality="file", output="none")

    @property
    def info(self) -> TargetInfo:
        return self._info

    def packages(self) -> Packages:
        return self._packages


def write_dump(base: Path, records: Sequence[Mapping[str, Any]], form: str) -> Path:
    """The records as OSV publishes them (a zip of JSON files), as JSON lines, or as a folder."""
    lines = [json.dumps(r) for r in records]
    if form == "lines":
        path = base / "osv.jsonl"
        path.write_text("\n".join(lines), "utf-8")
    elif form == "folder":
        path = base / "osv"
        path.mkdir()
        for record, line in zip(records, lines, strict=True):
            (path / f"{record['id']}.json").write_text(line, "utf-8")
    else:
        path = base / "all.zip"
        with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
            for record, line in zip(records, lines, strict=True):
                archive.writestr(f"{record['id']}.json", line)
    return path


def record(identity: str, package: str, *events: Mapping[str, str], **more: Any) -> dict[str, Any]:
    """One OSV record about one package, changed the day before :data:`TODAY`."""
    affected: dict[str, Any] = {"package": {"ecosystem": "PyPI", "name": package}}
    if events:
        affected["ranges"] = [{"type": "ECOSYSTEM", "events": list(events)}]
    affected |= {k: more.pop(k) for k in ("versions", "ecosystem_specific") if k in more}
    return {"id": identity, "modified": "2026-10-31T00:00:00Z", "published": "2026-10-01T00:00:00Z", **more,
            "affected": [affected]}  # fmt: skip


def whole(records: Sequence[Mapping[str, Any]], seed: int = 0) -> list[Mapping[str, Any]]:
    """The records among so many others that the dump counts as a whole one."""
    names = [*KNOWN, *(f"made-up-{seed}-{i}" for i in range(300))]
    others = [record(f"PYSEC-2000-{i}", n, {"introduced": "0"}, {"fixed": "0.0.1"}) for i, n in enumerate(names)]
    return [*records, *others]


def cases(seed: int = 0) -> tuple[Case, ...]:
    rng = np.random.default_rng([seed, 11])
    patch = int(rng.integers(2, 30))
    fix = f"1.{patch}.0"
    old, new = f"1.{patch - 1}.7", f"1.{patch}.{int(rng.integers(0, 9))}"
    bounded = ({"introduced": "1.0"}, {"fixed": fix})
    last = ({"introduced": "0"}, {"last_affected": old})
    picture = str(rng.choice(["Pillow", "opencv-python", "imageio"]))
    serve = f"import {'PIL' if picture == 'Pillow' else 'cv2' if 'cv' in picture else 'imageio'}\n"
    context = {"today": TODAY}
    vector = [{"type": "CVSS_V3", "score": "CVSS:3.1/AV:N/AC:L/PR:N/UI:N/S:U/C:N/I:N/A:H"}]
    pin = record("GHSA-aaaa-bbbb-cccc", picture, *bounded, severity=vector, aliases=["CVE-2026-1"])
    twin = record("PYSEC-2026-9", picture, *bounded, aliases=["CVE-2026-1"])
    withdrawn = record("PYSEC-2026-8", picture, {"introduced": "0"}, withdrawn="2026-10-02T00:00:00Z")

    def made(name: str, faulty: bool, files: Mapping[str, str], records: list[dict[str, Any]], **more: Any) -> Case:
        target = Software(name.replace(" ", "-"), files, whole(records, seed), form=more.pop("form", "zip"))
        return Case(name, faulty, target, context=context, **more)

    def environment(*versions: tuple[str, str]) -> dict[str, str]:
        site = "venv/lib/python3.11/site-packages"
        return {f"{site}/{n}-{v}.dist-info/METADATA": f"Metadata-Version: 2.1\nName: {n}\nVersion: {v}\n\n" for n, v in
                versions}  # fmt: skip

    poetry = '[[package]]\nname = "{}"\nversion = "{}"\n\n[metadata]\nlock-version = "2.0"\n'
    uv = 'version = 1\n[[package]]\nname = "own"\nversion = "1"\nsource = {{ virtual = "." }}\n'
    uv += '[[package]]\nname = "{}"\nversion = "{}"\nsource = {{ registry = "https://pypi.org/simple" }}\n'
    bill = json.dumps({"bomFormat": "CycloneDX", "components": [{"type": "library", "name": "numpy",
                       "purl": f"pkg:pypi/numpy@{old}"}]})  # fmt: skip
    requirements = f"# This file is autogenerated by pip-compile\nnumpy=={new}\n{picture}=={{}}  # reads pictures\n"
    return (
        made("an old decoder", True, {"requirements.txt": requirements.format(old), "serve.py": serve}, [pin, twin]),
        made("an old decoder, installed", True, environment((picture, old), ("six", "1.0")), [
            record("PYSEC-2026-7", picture.lower(), *last)], form="lines"),
        made("one among many that nobody knows", True, {"requirements.txt": f"{picture}=={old}\nx>=1\n-e .\n"}, [pin]),
        made("the fixed decoder", False, {"requirements.txt": requirements.format(fix), "serve.py": serve},
             [pin, twin, withdrawn]),
        made("a later one, installed", False, environment((picture, new), ("six", "1.0")), [pin]),
        made("a listed version in a lock", True, {"poetry.lock": poetry.format(picture, old)}, [
            record("PYSEC-2026-6", picture, versions=["0.1", old])], held_out=True, form="folder"),
        made("a rebuilt release in a bill", True, {"app.cdx.json": bill}, [
            record("PYSEC-2026-5", "numpy", *last)], held_out=True),
        made("a harmful package", True, {"requirements.txt": f"tensorfl0w=={new}\n"}, [
            record("MAL-2026-1", "tensorfl0w", {"introduced": "0"})], held_out=True),
        made("a fixed one in a lock", False, {"uv.lock": uv.format(picture, new)}, [pin], held_out=True),
        made("another package's advisory", False, {"requirements.txt": f"{picture}-extra=={old}\n# via x\n"}, [pin],
             held_out=True, form="lines"),
    )  # fmt: skip
