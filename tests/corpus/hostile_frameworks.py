"""Keras archives and HDF5, skops schemas, policies of Stable-Baselines3."""

# ruff: noqa: E501   a row a line reads better than a row in five

from __future__ import annotations

import base64
import io
import json
import marshal
import zlib
from typing import Any

from corpus.items import COMMAND, MARKER, Item, payload, table
from momus.zoo.supply_chain.corpus import Member, torch_zip, zipped

Config = dict[str, Any]


def items() -> list[Item]:
    """All of them; HDF5 only where h5py is installed."""
    return [*_keras(), *_hdf5(), *_skops(), *_policies()]


def lambda_function() -> Config:
    """A Lambda layer's function as Keras 3 writes it."""
    room: Config = {}
    exec(f"f = lambda x: (__import__('os').system({COMMAND!r}), x)[1]", room)
    code = base64.b64encode(marshal.dumps(room["f"].__code__)).decode()
    return {"class_name": "__lambda__", "config": {"code": code, "defaults": None, "closure": None}}


def layer(kind: str, config: Config, module: str | None = "keras.layers", registered: str | None = None) -> Config:
    """One layer's entry."""
    return {"module": module, "class_name": kind, "config": config, "registered_name": registered}


def sequential(*layers: Config) -> Config:
    """A model of two inputs and the given layers."""
    entry = layer("InputLayer", {"batch_shape": [None, 2], "dtype": "float32", "name": "i"})
    config = {"name": "s", "trainable": True, "layers": [entry, *layers], "build_input_shape": [None, 2]}
    return {"module": "keras", "class_name": "Sequential", "config": config, "registered_name": None}


def archive(config: Config, extra: dict[str, bytes] | None = None, **fields: Any) -> bytes:
    """A .keras file."""
    kept = {"metadata.json": b'{"keras_version": "3.15.1", "date_saved": "2026-01-01@00:00:00"}',
            "config.json": json.dumps(config).encode(), "model.weights.h5": _weights()}  # fmt: skip
    kept |= extra or {}
    return zipped([Member(n, d, **(fields if n == "config.json" else {})) for n, d in kept.items()])


def _weights() -> bytes:
    try:
        import h5py
    except ImportError:
        return b""
    out = io.BytesIO()
    with h5py.File(out, "w") as file:
        file.create_group("layers")
    return out.getvalue()


def _evil_layers() -> list[tuple[str, str, Config, str]]:
    named = {"name": "l", "trainable": True, "dtype": "float32"}
    dense = layer("Dense", {"name": "d", "units": 2, "activation": lambda_function()})
    call = {"module": "os", "class_name": "function", "config": "system", "registered_name": "function"}
    foreign = {"module": "subprocess", "class_name": "Popen", "config": {"args": COMMAND, "shell": True},
               "registered_name": None}  # fmt: skip
    wrapped = base64.b64encode(torch_zip(payload())).decode()
    vocabulary = {"name": "v", "vocabulary": "/etc/passwd", "max_tokens": None, "num_oov_indices": 1}
    nested = layer("TimeDistributed", {"name": "t", "layer": layer("Lambda", {**named, "function": lambda_function()})})
    output = {**named, "function": {"class_name": "function", "module": "builtins", "config": "relu"},
              "output_shape": lambda_function()}  # fmt: skip
    file = {"module": "keras.utils", "class_name": "function", "config": "get_file", "registered_name": "function"}
    return [
        ("Lambda layer", "Lambda", layer("Lambda", {**named, "function": lambda_function(), "arguments": {}}), "keras"),
        ("Lambda as an activation", "Lambda", dense, ""),
        ("Lambda inside a wrapper", "Lambda", nested, ""),
        ("Lambda's output shape", "Lambda", layer("Lambda", output), ""),
        ("activation from os", "function", layer("Activation", {"name": "a", "activation": call}), ""),
        ("layer from subprocess", "class", foreign, ""),
        ("class of a package", "custom object", layer("Evil", {"name": "e"}, None, "acme>Evil"), ""),
        ("class of a module", "custom object", layer("Evil", {"name": "e"}, "acme.layers", "Evil"), ""),
        ("download as an activation", "function", layer("Activation", {"name": "a", "activation": file}), ""),
        ("PyTorch module inside", "pickle in JSON",
         layer("TorchModuleWrapper", {**named, "module": wrapped, "output_shape": None}), "keras"),
        ("vocabulary from a file", "path", layer("StringLookup", vocabulary), ""),
        ("vocabulary from a URL", "path", layer("TextVectorization", {"name": "v", "vocabulary": "http://127.0.0.1/v"}), ""),
        ("TFSMLayer", "path", layer("TFSMLayer", {"name": "t", "filepath": "/srv/evil", "call_endpoint": "serve"}), ""),
    ]  # fmt: skip


def _keras() -> list[Item]:
    rows = [(f"Keras: {n}", t, f"k{i}.keras", archive(sequential(entry)), how)
            for i, (n, t, entry, how) in enumerate(_evil_layers())]  # fmt: skip
    clean = sequential(layer("Dense", {"name": "d", "units": 1}))
    compiled = clean | {"compile_config": {"optimizer": "adam", "loss": lambda_function()}}
    escaped = json.dumps(sequential(_evil_layers()[0][2])).replace("Lambda", "\\u004cambda").encode()
    twice = json.dumps(clean).encode()[:-1] + b', "config": ' + json.dumps(
        sequential(_evil_layers()[0][2])["config"]).encode() + b"}"  # fmt: skip
    rows += [
        ("Keras: Lambda as the loss", "Lambda", "loss.keras", archive(compiled), ""),
        ("Keras: Lambda with escapes", "spelling", "esc.keras", archive(clean, {"config.json": escaped}), "keras"),
        ("Keras: config given twice", "repeated key", "twice.keras", archive(clean, {"config.json": twice}), "keras"),
        (
            "Keras: pickle among the assets",
            "stowaway",
            "assets.keras",
            archive(clean, {"assets/t/v.pkl": payload()}),
            "",
        ),
        (
            "Keras: script among the assets",
            "stowaway",
            "script.keras",
            archive(clean, {"assets/x.py": b"import os"}),
            "",
        ),
        (
            "Keras: asset leaves its folder",
            "path",
            "path.keras",
            archive(clean, {"assets/../../x.pth": b"import os"}),
            "",
        ),
        ("Keras: weights are a pickle", "stowaway", "w.keras", archive(clean, {"model.weights.h5": payload()}), ""),
        ("Keras: config with a wrong checksum", "checksum", "crc.keras", archive(clean, None, crc=5), ""),
    ]
    return table("keras", rows)


def _hdf5() -> list[Item]:
    try:
        import h5py
        import numpy as np
    except ImportError:
        return []
    evil = _evil_layers()[0][2]
    old = {"class_name": "Lambda", "config": {"name": "l", "function": [lambda_function()["config"]["code"], None, None],
                                             "function_type": "lambda", "module": "m"}}  # fmt: skip
    custom = layer("Evil", {"name": "e"}, None, "acme>Evil")

    def file(*entries: Config, fill: Any = None) -> bytes:
        out = io.BytesIO()
        with h5py.File(out, "w") as kept:
            if entries:
                kept.attrs["model_config"] = json.dumps(sequential(*entries))
                kept.attrs["keras_version"], kept.attrs["backend"] = "2.15.0", "tensorflow"
            group = kept.create_group("model_weights")
            group.attrs["layer_names"] = [b"i", b"l"]
            for name in ("i", "l"):
                group.create_group(name).attrs["weight_names"] = np.array([], dtype="S1")
            group.attrs["keras_version"], group.attrs["backend"] = "2.15.0", "tensorflow"
            if fill:
                fill(kept)
        return out.getvalue()

    def link(kept: Any) -> None:
        kept["w"] = h5py.ExternalLink("/etc/passwd", "/")

    def outside(kept: Any) -> None:
        kept.create_dataset("w", (16,), "u1", external=[("/etc/passwd", 0, 16)])

    def stowaway(kept: Any) -> None:
        kept.create_dataset("w", data=np.frombuffer(payload(), "u1"))

    def pickled(kept: Any) -> None:
        kept.attrs["model"] = np.void(payload())

    return table("hdf5", [
        ("HDF5: Lambda layer", "Lambda", "a.h5", file(evil), "keras"),
        ("HDF5: Lambda of Keras 2", "Lambda", "b.h5", file(old), ""),
        ("HDF5: custom class", "custom object", "c.h5", file(custom), ""),
        ("HDF5: external link", "path", "d.h5", file(fill=link), ""),
        ("HDF5: numbers outside the file", "path", "e.h5", file(fill=outside), ""),
        ("HDF5: pickle as numbers", "stowaway", "f.h5", file(fill=stowaway), ""),
        ("HDF5: pickle as an attribute", "stowaway", "g.h5", file(fill=pickled), ""),
        ("HDF5 behind a user block", "prefix", "i.h5", payload().ljust(512, b"\0") + file(evil), "pickle"),
    ])  # fmt: skip


def node(module: str, name: str, loader: str, **rest: Any) -> Config:
    """One node of a skops schema."""
    number = zlib.crc32(repr((module, name, rest)).encode())  # skops keeps what it built by this number
    return {"__class__": name, "__module__": module, "__loader__": loader, "__id__": number, **rest}


def _skops() -> list[Item]:
    def plain(value: Any) -> Config:
        return node("builtins", "str", "JsonNode", content=json.dumps(value))

    def args(*values: Config) -> Config:
        return node("builtins", "tuple", "TupleNode", content=list(values))

    def file(schema: Config, extra: list[Member] | None = None) -> bytes:
        top = {**schema, "protocol": 2, "_skops_version": "0.16.0"}
        return zipped([Member("schema.json", json.dumps(top).encode()), *(extra or [])])

    system = node("posix", "system", "FunctionNode", content={"module_path": "posix", "function": "system"})
    made = node("posix", "system", "ConstructorFromReduceNode", content=args(plain(COMMAND)))
    handler = node("logging", "FileHandler", "ConstructorFromReduceNode", content=args(plain(MARKER)))
    called = node("operator", "call", "OperatorFuncNode", attrs=args(system, plain(COMMAND)))
    empty = node("builtins", "dict", "DictNode", content={}, key_types=node("builtins", "list", "ListNode", content=[]))
    partial = node("functools", "partial", "PartialNode", content={
        "func": system, "args": args(plain(COMMAND)), "kwds": empty, "namespace": empty})  # fmt: skip
    method = node("os", "x", "MethodNode", content={"func": "system", "obj": node("os", "_wrap_close", "ObjectNode")})
    thing = node("acme", "Evil", "ObjectNode", content=empty)
    lied = node("sklearn.linear_model", "LogisticRegression", "ConstructorFromReduceNode", content=args(made))
    unknown = node("sklearn.svm", "SVC", "ShellNode", content={})
    kind = node("posix", "system", "TypeNode")
    return table("skops", [
        ("skops: constructor", "reduce", "a.skops", file(made), "skops"),
        ("skops: constructor that writes", "reduce", "b.skops", file(handler), "skops"),
        ("skops: operator.call", "operator", "c.skops", file(called), "skops"),
        ("skops: partial of system", "partial", "d.skops", file(partial), ""),
        ("skops: function", "function", "e.skops", file(system), ""),
        ("skops: method", "method", "f.skops", file(method), ""),
        ("skops: own class", "custom object", "g.skops", file(thing), ""),
        ("skops: call inside an honest class", "reduce", "h.skops", file(lied), "skops"),
        ("skops: unknown node", "unknown", "i.skops", file(unknown), ""),
        ("skops: type", "type", "j.skops", file(kind), ""),
        ("skops: pickle beside the schema", "stowaway", "k.skops", file(empty, [Member("5.npy", payload())]), ""),
    ])  # fmt: skip


def _policies() -> list[Item]:
    raw = payload()
    plain = base64.b64encode(raw).decode()
    noisy = "".join(c + "!\\n" for c in plain)

    def policy(entry: str, extra: list[Member] | None = None, key: str = "policy_class") -> bytes:
        data = f'{{"{key}": {entry}, "n_steps": 8, "gamma": 0.99}}'.encode()
        return zipped([Member("data", data), Member("_stable_baselines3_version", b"2.9.2"),
                       Member("system_info.txt", b"- OS: Linux\n"), *(extra or [])])  # fmt: skip

    entry = f'{{":type:": "<class \'abc.ABCMeta\'>", ":serialized:": "{plain}"}}'
    tensors = Member("policy.pth", torch_zip(raw))
    return table("policy", [
        ("policy: class", "cloudpickle in JSON", "ppo.zip", policy(entry), "policy"),
        ("policy: schedule", "cloudpickle in JSON", "lr.zip", policy(entry, key="lr_schedule"), "policy"),
        ("policy: base64 with noise", "encoding", "noise.zip", policy(f'{{":serialized:": "{noisy}"}}'), "policy"),
        ("policy: key with escapes", "spelling", "esc.zip", policy(f'{{"\\u003aserialized:": "{plain}"}}'), "policy"),
        ("policy: no type beside it", "cloudpickle in JSON", "bare.zip", policy(f'{{":serialized:": "{plain}"}}'), "policy"),
        ("policy: key given twice", "repeated key", "twice.zip",
         policy(f'{{":serialized:": "gAROLg==", ":serialized:": "{plain}"}}'), "policy"),
        ("policy: weights that call", "nested", "pth.zip", policy('"MlpPolicy"', [tensors]), ""),
        ("policy: replay buffer beside", "nested", "buffer.zip", policy('"MlpPolicy"', [Member("replay.pkl", raw)]), ""),
        ("policy: deflated data", "deflate", "deflate.zip",
         zipped([Member("data", f'{{"p": {entry}}}'.encode(), deflate=True)]), "policy"),
    ])  # fmt: skip
