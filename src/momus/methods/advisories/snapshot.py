"""A dated snapshot of advisories for machine learning's decoders and frameworks, for cards that give no dump.

``python -m momus.methods.advisories.snapshot DUMP OUT`` makes it from an OSV dump: identifiers, versions, severity
vectors and dates only, no sentences. See NOTICE for the source of the shipped one.
"""

from __future__ import annotations

import gzip
import io
import sys
from importlib import resources
from pathlib import Path
from typing import Any

from momus.methods.advisories.dump import Dump, Extract, dump_of, extract
from momus.methods.advisories.listing import normal

PACKAGES = (
    "aiohttp", "cryptography", "fastapi", "flask", "gradio", "h5py", "httpx", "huggingface-hub", "imageio", "jinja2",
    "joblib", "keras", "librosa", "lightgbm", "lxml", "markdown", "matplotlib", "mlflow", "nltk", "notebook", "numba",
    "numpy", "onnx", "onnxruntime", "opencv-contrib-python", "opencv-contrib-python-headless", "opencv-python",
    "opencv-python-headless", "openpyxl", "orjson", "pandas", "paddlepaddle", "pillow", "pillow-simd", "protobuf",
    "pyarrow", "pydantic", "pyyaml", "ray", "requests", "safetensors", "scikit-image", "scikit-learn", "scipy", "skops",
    "soundfile", "starlette", "streamlit", "tensorflow", "tensorflow-cpu", "tensorflow-gpu", "tornado", "torch",
    "torchvision", "transformers", "twisted", "ujson", "urllib3", "uvicorn", "werkzeug", "xgboost",
)  # fmt: skip
_KEPT = ("id", "aliases", "withdrawn", "published", "severity")
_FILE = "snapshot.json.gz"


def load(*, today: str = "") -> Dump:
    """The shipped snapshot. It speaks of its own packages only."""
    data = resources.files("momus.methods.advisories").joinpath(_FILE).read_bytes()
    return dump_of(Extract.of(gzip.decompress(data).decode()), today=today)


def make(dump: Path) -> bytes:
    """The snapshot of a dump, the same bytes for the same dump."""
    taken = extract(dump, {normal(p) for p in PACKAGES}, seconds=3600)
    if taken.why or taken.unread:
        raise ValueError(taken.why or f"{taken.unread} records could not be read")
    taken.records = sorted((_bare(r) for r in taken.records), key=lambda r: str(r["id"]))
    taken.modified = {max(taken.modified): 1}
    taken.names, taken.always, taken.covers = len(PACKAGES), 0, sorted(PACKAGES)
    out = io.BytesIO()
    with gzip.GzipFile(fileobj=out, mode="wb", mtime=0, filename="") as packed:
        packed.write(taken.text().encode())
    return out.getvalue()


def _bare(record: Any) -> dict[str, Any]:
    affected = []
    for row in record["affected"]:
        ranges = [r for r in row.get("ranges") or [] if r.get("type") in ("ECOSYSTEM", "SEMVER")]
        bare: dict[str, Any] = {"package": {"name": row["package"]["name"], "ecosystem": "PyPI"}, "ranges": ranges}
        if not ranges:
            bare["versions"] = row.get("versions") or []
        imports = (row.get("ecosystem_specific") or {}).get("imports")
        if imports:
            bare["ecosystem_specific"] = {"imports": imports}
        affected.append(bare)
    kept = {k: record[k] for k in _KEPT if record.get(k)}
    level = (record.get("database_specific") or {}).get("severity")
    return {**kept, **({"database_specific": {"severity": level}} if level else {}), "affected": affected}


if __name__ == "__main__":
    Path(sys.argv[2]).write_bytes(make(Path(sys.argv[1])))
