"""Builds the case: python examples/decoder-bug/prepare.py

Compiles the native decoder twice with the machine's C compiler, as it is and mended; fits a linear classifier on the
1,797 real handwritten digits that scikit-learn carries (UCI); writes honest pictures and crafted ones beside.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np

HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE))
FLAGS = ["-O1", "-g", "-fPIC", "-shared", "-w", "-U_FORTIFY_SOURCE"]


def compiler() -> str:
    found = os.environ.get("CC") or shutil.which("cc") or shutil.which("gcc") or shutil.which("clang")
    if not found:
        sys.exit("no C compiler: install gcc or clang (Debian: apt install gcc), or name one in CC")
    return found


def main() -> None:
    import tdi
    from sklearn.datasets import load_digits
    from sklearn.linear_model import LogisticRegression

    to = HERE / "build"
    for folder in (to, to / "honest", to / "crafted"):
        folder.mkdir(parents=True, exist_ok=True)
    cc = compiler()
    for name, flags in (("vulnerable", []), ("mended", ["-DMENDED"])):
        subprocess.run([cc, *FLAGS, *flags, "-o", str(to / f"{name}.so"), str(HERE / "decoder.c")], check=True)
        print(f"build/{name}.so")
    x, y = load_digits(return_X_y=True)
    train, test = np.arange(len(x)) < 1400, np.arange(len(x)) >= 1400
    model = LogisticRegression(C=0.01, max_iter=500).fit(x[train], y[train])
    weights = np.ascontiguousarray(model.coef_, dtype="<f4")  # row by row, as the decoder reads it
    np.savez(to / "model.npz", weights=weights, offsets=model.intercept_.astype("<f4"))
    print(f"build/model.npz, {model.score(x[test], y[test]):.3f} of 397 unseen digits right")
    for digit in range(10):
        picture = x[test][y[test] == digit][0].reshape(8, 8)
        (to / "honest" / f"{digit}.tdi").write_bytes(tdi.write(picture, b"scanned"))
    seven = x[test][y[test] == 7][0].reshape(8, 8)
    for wanted in range(10):
        (to / "crafted" / f"seven-as-{wanted}.tdi").write_bytes(tdi.crafted(seven, wanted))
    print("build/honest, build/crafted: ten files each")


if __name__ == "__main__":
    main()
