"""What the serving code imports, by reading it: direct, through others, by a computed name, by a model file."""

from __future__ import annotations

from pathlib import Path

from momus.methods.advisories import Pin, reach
from momus.methods.advisories.imports import read_imports
from momus.methods.advisories.reach import distributions

PINS = [Pin("pillow", "1", requires=("defusedxml",)), Pin("defusedxml", "1", requires=("deep",)), Pin("deep", "1"),
        Pin("lxml", "1"), Pin("scikit-learn", "1")]  # fmt: skip


def written(folder: Path, **files: str) -> Path:
    for name, text in files.items():
        path = folder / (name.replace("__init__", "INIT").replace("_in_", "/").replace("INIT", "__init__") + ".py")
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    return folder


def test_direct_through_and_not_seen(tmp_path: Path) -> None:
    folder = written(tmp_path, serve="import os\nfrom PIL import Image\n\ndef f(b):\n    return Image.open(b)\n")
    found = reach([folder / "serve.py"], PINS)
    assert found.of("pillow") == "imported at serve.py:2"
    assert found.of("defusedxml") == "pulled in by pillow" == found.of("deep")
    assert found.of("lxml") == "not seen"
    assert found.uses(["PIL.Image.open"]) == "PIL.Image.open at serve.py:5"
    assert found.uses(["PIL.ImageFont", "PIL.Image.op"]) == ""
    assert found.uses(["PIL.Image"])


def test_the_programs_own_files_are_followed(tmp_path: Path) -> None:
    folder = written(
        tmp_path, pkg_in___init__="", pkg_in_a="from . import b\nfrom .c import x as y\n", other="import cv2",
        pkg_in_b="import lxml.etree as e\n", serve="from pkg import a\n",
        pkg_in_c="try:\n    import yaml\nexcept ImportError:\n    yaml = None\n",
    )  # fmt: skip
    seen = read_imports([folder / "serve.py"])
    assert set(seen.modules) == {"lxml", "yaml"}, "other.py is not reached"
    assert seen.used["lxml.etree"] == "b.py:1"
    assert set(read_imports([folder]).modules) == {"lxml", "yaml", "cv2"}


def test_names_chosen_as_it_runs(tmp_path: Path) -> None:
    literal = written(tmp_path / "a", s="import importlib\nimportlib.import_module('lxml.etree')\n__import__('PIL')\n")
    assert reach([literal], PINS).of("lxml") == "imported at s.py:2"
    assert reach([literal], PINS).of("scikit-learn") == "not seen"
    for text in ("import importlib\nimportlib.import_module(name)\n", "exec(code)\n", "def (\n", "x = " + "(" * 5000):
        odd = written(tmp_path / "b", s=text)
        assert reach([odd], PINS).of("lxml").startswith("not known"), text[:20]
    assert reach([], PINS).of("lxml") == "not known (no serving code was given)"
    assert reach([tmp_path / "none.py"], PINS).of("lxml").startswith("not known")
    (tmp_path / "c").mkdir()
    bare = written(tmp_path / "c", s="import os\n")
    assert reach([bare], [Pin("lxml", "1")]).of("lxml").startswith("not known"), "nothing says what requires what"


def test_model_files_and_differing_names() -> None:
    found = reach([], PINS, pickled={"sklearn.tree._classes.DecisionTreeClassifier": "m.pkl"})
    assert found.of("scikit-learn") == "imported at m.pkl"
    assert distributions("yaml", None, ()) == ("pyyaml",)
    assert distributions("cv2", None, ["opencv-python-headless"]) == ("opencv-python-headless",)
    assert distributions("google", {"google": ("protobuf",)}, ()) == ("protobuf",)
    assert distributions("json", None, ()) == ()
    assert distributions("typing_extensions", None, ()) == ("typing-extensions",)
