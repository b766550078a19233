"""Lock files, bills of materials and environments: exact pins are found, and everything else is not known."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from momus.methods.advisories import Listing, read_environment, read_lock, read_sbom
from momus.methods.advisories.sboms import of_purl


def held(listing: Listing) -> dict[str, str]:
    return {p.name: p.version for p in listing.pins if not p.why}


def lost(listing: Listing) -> set[str]:
    return {p.name for p in listing.pins if p.why}


def test_requirements(tmp_path: Path) -> None:
    (tmp_path / "more").mkdir()
    (tmp_path / "more" / "b.txt").write_text("six==1.16.0\n-r ../a.txt\n")
    (tmp_path / "held.txt").write_text("urllib3==1.26.4\nnever==1\n")
    (tmp_path / "a.txt").write_text(
        "# a comment\n"
        "Jinja2==2.10 --hash=sha256:ab \\\n    --hash=sha256:cd\n"
        "Pillow[xmp] == 8.0.0 ; python_version > '3'  # why\n"
        "urllib3>=1\nnumpy\nscipy==1.*\n"
        "-r more/b.txt\n-c held.txt\n--no-index\n"
        "-e ./own\nmine @ git+https://example.org/x\nhttps://example.org/y.whl\n./local\n"
        "what is this\n${SECRET}==1\n--made-up-option x\n-r ../outside.txt\nodd===1.0-weird\n"
    )
    found = read_lock(tmp_path / "a.txt")
    assert held(found) == {
        "jinja2": "2.10",
        "pillow": "8.0.0",
        "urllib3": "1.26.4",
        "six": "1.16.0",
        "odd": "1.0-weird",
    }
    assert {"numpy", "scipy", "mine", "./own", "./local", "outside.txt", "what is this"} <= lost(found)
    assert any("made-up" in n for n in lost(found)) and any("SECRET" in n for n in lost(found))
    assert "never" not in held(found) | dict.fromkeys(lost(found), "")
    assert {p.place for p in found.pins if p.name == "jinja2"} == {"a.txt:2"}


def test_places_outside_an_environment_are_not_known(tmp_path: Path) -> None:
    site = tmp_path / "lib" / "python3.12" / "site-packages"
    (site / "six-1.dist-info").mkdir(parents=True)
    (site / "six-1.dist-info" / "METADATA").write_text("Name: six\nVersion: 1\n")
    (tmp_path / "pyvenv.cfg").write_text("home = /usr/bin\ninclude-system-site-packages = false\n")
    (site / "hook.pth").write_text("import os; os.system('x')\n# a comment\n")
    for name in ("__editable__.six-1.0.pth", "_editable_impl_six.pth", "_six.pth", "six.pth"):
        (site / name).write_text("/src/six\n")
    assert lost(read_environment(tmp_path)) == set()
    (site / "more.pth").write_text("/opt/packages\n")
    assert lost(read_environment(tmp_path)) == {"more.pth"}
    (tmp_path / "pyvenv.cfg").write_text("include-system-site-packages = TRUE\n")
    assert lost(read_environment(tmp_path)) == {"more.pth", "pyvenv.cfg"}


def test_nothing_outside_the_folder_is_read(tmp_path: Path) -> None:
    (tmp_path / "secret.txt").write_text("numpy==1\n")
    (tmp_path / "app").mkdir()
    (tmp_path / "app" / "link.txt").symlink_to(tmp_path / "secret.txt")
    for name in ("../secret.txt", "link.txt", str(tmp_path / "secret.txt")):
        (tmp_path / "app" / "r.txt").write_text(f"six==1\n-r {name}\n")
        found = read_lock(tmp_path / "app" / "r.txt")
        assert held(found) == {"six": "1"} and len(lost(found)) == 1, name
    (tmp_path / "app" / "r.txt").write_text("-r r.txt\nsix==1\n")
    assert held(read_lock(tmp_path / "app" / "r.txt")) == {"six": "1"}


def test_a_dotted_key_of_a_hundred_thousand_parts(tmp_path: Path) -> None:
    (tmp_path / "poetry.lock").write_text("a" + ".a" * 200_000 + "=1\n")
    assert lost(read_lock(tmp_path / "poetry.lock")) == {"poetry.lock"}


def test_an_index_of_ones_own_is_remembered(tmp_path: Path) -> None:
    (tmp_path / "r.txt").write_text("--extra-index-url https://simple.example/x\nnumpy==1\n")
    assert [p.index for p in read_lock(tmp_path / "r.txt").pins] == ["simple.example"]
    (tmp_path / "r.txt").write_text("-i https://pypi.org/simple\nnumpy==1\n")
    assert [p.index for p in read_lock(tmp_path / "r.txt").pins] == [""]


LOCKS = {
    "poetry.lock": (
        '[[package]]\nname="Foo_X"\nversion="1.2"\n[package.dependencies]\nbar=">=1"\n'
        '[[package]]\nname="g"\nversion="1"\n[package.source]\ntype="git"\nurl="x"\n'
    ),
    "uv.lock": (
        'version=1\n[[package]]\nname="app"\nversion="0"\nsource={editable="."}\n'
        '[[package]]\nname="foo-x"\nversion="1.2"\nsource={registry="https://pypi.org/simple"}\n'
        'dependencies=[{name="bar"}]\n[[package]]\nname="g"\nversion="1"\nsource={git="x"}\n'
    ),
    "pdm.lock": (
        '[metadata]\nlock_version="4"\n[[package]]\nname="foo.x"\nversion="1.2"\ndependencies=["bar>=1; x"]\n'
        '[[package]]\nname="g"\nversion="1"\ngit="x"\n'
    ),
    "Pipfile.lock": json.dumps({"_meta": {}, "default": {"Foo-X": {"version": "==1.2"}, "g": {"git": "x"}}}),
    "pylock.toml": (
        'lock-version="1.0"\n[[packages]]\nname="foo-x"\nversion="1.2"\ndependencies=[{name="bar"}]\n'
        '[[packages]]\nname="g"\n[packages.vcs]\ntype="git"\n'
    ),
    "conda-lock.yml": (
        "package:\n- {name: foo-x, version: '1.2', manager: pip, dependencies: {bar: '>=1'}}\n"
        "- {name: g, version: '', manager: conda}\n"
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", LOCKS)
def test_locks(tmp_path: Path, name: str) -> None:
    (tmp_path / name).write_text(LOCKS[name])
    found = read_lock(tmp_path / name)
    assert held(found) == {"foo-x": "1.2"}
    assert lost(found) == {"g"}
    if name != "Pipfile.lock":
        assert next(p for p in found.pins if p.name == "foo-x").requires == ("bar",)


def test_conda_packages_are_not_vouched_for(tmp_path: Path) -> None:
    (tmp_path / "environment.yaml").write_text(
        "dependencies:\n  - python=3.11.4\n  - conda-forge::numpy=1.26.4=py311_0\n  - scipy>=1\n  - zlib=1.2\n"
        "  - pip:\n    - jinja2==2.10\n    - -e .\n"
    )
    found = read_lock(tmp_path / "environment.yaml")
    assert held(found) == {"python": "3.11.4", "numpy": "1.26.4", "jinja2": "2.10"}
    assert {p.name: p.vouched for p in found.pins if not p.why} == {"python": False, "numpy": False, "jinja2": True}
    assert {"scipy", "zlib"} <= lost(found) and len(lost(found)) == 3
    (tmp_path / "conda-spec.txt").write_text("@EXPLICIT\nhttps://x.example/linux-64/numpy-base-1.2.3-py_0.conda#ab\n")
    assert held(read_lock(tmp_path / "conda-spec.txt")) == {"numpy-base": "1.2.3"}


@pytest.mark.parametrize(
    "name", ["package-lock.json", "poetry.lock", "Pipfile.lock", "environment.yml", "x.txt", "a.cdx"]
)
@pytest.mark.parametrize("content", [None, b"", b"\xff\xfe", b"{", b"[1]", b"- a: &x [1]\n- *x", b"[" * 100_000])
def test_what_cannot_be_read_is_not_known(tmp_path: Path, name: str, content: bytes | None) -> None:
    if content is not None:
        (tmp_path / name).write_bytes(content)
    empty = name == "x.txt" and content == b""
    found = read_lock(tmp_path / name)
    assert not held(found)
    assert bool(found.pins) is not empty
    assert all(p.why for p in read_sbom(tmp_path / name).pins) and read_sbom(tmp_path / name).pins


def test_bills_of_materials(tmp_path: Path) -> None:
    path = tmp_path / "x.json"
    parts = [
        {"type": "library", "name": "jinja2", "purl": "pkg:pypi/Jinja2@2.10?x=1#y", "components": [
            {"type": "library", "name": "six", "purl": "pkg:pypi/six@1.16.0"}]},
        {"type": "library", "name": "left-pad", "purl": "pkg:npm/left-pad@1.0"},
        {"type": "library", "name": "nameless"},
        {"type": "machine-learning-model", "name": "weights"},
        {"type": "library", "name": "v", "purl": "pkg:pypi/v@1?vcs_url=git"},
    ]  # fmt: skip
    path.write_text(json.dumps({"bomFormat": "CycloneDX", "components": parts}))
    assert held(read_sbom(path)) == {"jinja2": "2.10", "six": "1.16.0"}
    assert lost(read_sbom(path)) == {"npm/left-pad", "nameless", "v"}
    purl = [{"referenceType": "purl", "referenceLocator": "pkg:pypi/jinja2@2.10"}]
    packages = [{"SPDXID": "a", "name": "app"}, {"SPDXID": "b", "externalRefs": purl}, {"SPDXID": "c", "name": "other"}]
    path.write_text(json.dumps({"spdxVersion": "SPDX-2.3", "documentDescribes": ["a"], "packages": packages}))
    assert (held(read_sbom(path)), lost(read_sbom(path))) == ({"jinja2": "2.10"}, {"other"})
    graph = [{"type": "software_Package", "software_packageUrl": "pkg:pypi/jinja2@2.10"}, {"type": "x"}]
    path.write_text(json.dumps({"@graph": graph}))
    assert held(read_sbom(path)) == {"jinja2": "2.10"}
    assert of_purl("pkg:conda/numpy@1.2.3", "x").vouched is False


def test_environment(tmp_path: Path) -> None:
    site = tmp_path / "lib" / "python3.12" / "site-packages"

    def installed(name: str, version: str, **more: str) -> None:
        folder = site / f"{name}-{version}.dist-info"
        folder.mkdir(parents=True)
        (folder / "METADATA").write_text(
            f"Name: {name}\nVersion: {version}\nRequires-Dist: six>=1\nRequires-Dist: rare; extra == 'x'\n\nName: lie\n"
        )
        for file, text in more.items():
            (folder / file.replace("_json", ".json").replace("_txt", ".txt")).write_text(text)

    installed("Pillow", "8.0.0", RECORD="PIL/Image.py,,\npillow.libs/x.so,,\n../../bin/x,,\n")
    installed("six", "1.16", top_level_txt="six\n")
    installed("mine", "1", direct_url_json='{"url": "file:///x", "dir_info": {"editable": true}}')
    installed("fetched", "1", direct_url_json='{"url": "https://x", "vcs_info": {}}')
    (site / "bad-1.dist-info").mkdir()
    (site / "old.egg-info").write_text("Name: old\nVersion: 3\n")
    (site / "linked.egg-link").write_text("/x")
    (tmp_path / "conda-meta").mkdir()
    (tmp_path / "conda-meta" / "openssl-1.1.1-h1.json").write_text("{}")
    (tmp_path / "conda-meta" / "six-1.16-py_0.json").write_text("{}")
    found = read_environment(tmp_path)
    assert held(found) == {"pillow": "8.0.0", "six": "1.16", "old": "3", "openssl": "1.1.1"}
    assert lost(found) == {"mine", "fetched", "bad-1", "linked"}
    assert found.modules["PIL"] == ("pillow",) and found.modules["six"] == ("six",) and "pillow" not in found.modules
    assert next(p for p in found.pins if p.name == "pillow").requires == ("six",)
    assert held(read_environment(site)) == {"pillow": "8.0.0", "six": "1.16", "old": "3"}
    assert lost(read_environment(tmp_path / "nothing")) == {"nothing"}


@settings(max_examples=150, deadline=None)
@given(st.text(max_size=200))
def test_no_line_breaks_it(tmp_path_factory: pytest.TempPathFactory, text: str) -> None:
    folder = tmp_path_factory.mktemp("x")
    for name in ("r.txt", "poetry.lock", "environment.yml"):
        (folder / name).write_text(text, "utf-8", errors="replace")
        for pin in read_lock(folder / name).pins:
            assert pin.why or pin.version
