"""Checkpoints are read without unpickling, to the bits that PyTorch reads; what is no plain tensor is refused."""

from __future__ import annotations

import json
import zipfile
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from momus.core.errors import DataError
from momus.methods.conversion import compare_tensors, read_checkpoint, read_safetensors, write_safetensors
from momus.methods.conversion.plain_arrays import as_tensors, read_arrays, write_npz
from momus.methods.conversion.safetensors_file import Tensor
from momus.methods.conversion.values import read_values

torch = pytest.importorskip("torch")


def state() -> dict[str, Any]:
    generator = torch.Generator().manual_seed(3)
    tied = torch.randn(6, 4, generator=generator)
    kinds = (torch.float64, torch.float16, torch.bfloat16, torch.int64, torch.int8, torch.uint8, torch.bool)
    return {
        "tied": tied,
        "again": tied,
        "part": tied[1:3],
        "turned": tied.t(),
        "every.other": tied[:, ::2],
        "empty": torch.zeros(0, 3),
        "number": torch.tensor(7.5),
        "weight": torch.nn.Parameter(torch.randn(3, 3, generator=generator)),
        "deep": {"optimizer": {0: {"step": torch.tensor(3)}}, "rows": [torch.ones(2), torch.zeros(2)]},
        "epoch": 12,
        "betas": [0.9, 0.999],
        **{f"kind.{k}": torch.arange(5).to(k) for k in kinds},
    }


@pytest.mark.parametrize("zipped", [True, False])
def test_every_tensor_comes_out_to_the_bit(zipped: bool, tmp_path: Path) -> None:
    path, made = tmp_path / "m.pt", state()
    torch.save(made, path, _use_new_zipfile_serialization=zipped)
    held = read_checkpoint(path)
    write_safetensors(tmp_path / "m.safetensors", held.tensors, held.metadata)
    again, told = read_safetensors(tmp_path / "m.safetensors")
    assert compare_tensors(held.tensors, again)["equal"]
    assert ["tied", "again"] in json.loads(told["shared"])
    assert json.loads(told["aside"]) == {"epoch": 12, "betas": [0.9, 0.999]}
    safetensors = pytest.importorskip("safetensors.torch")
    flat = {**{k: v for k, v in made.items() if isinstance(v, torch.Tensor)}, "deep.rows.0": torch.ones(2),
            "deep.rows.1": torch.zeros(2), "deep.optimizer.0.step": torch.tensor(3)}  # fmt: skip
    theirs = safetensors.load_file(tmp_path / "m.safetensors")
    assert set(theirs) == set(flat)
    for name, tensor in flat.items():
        assert theirs[name].dtype == tensor.dtype
        assert theirs[name].shape == tensor.shape
        assert torch.equal(theirs[name], tensor.detach())


@pytest.mark.parametrize("zipped", [True, False])
def test_numbers_that_are_to_be_read_otherwise_than_they_lie_are_refused(zipped: bool, tmp_path: Path) -> None:
    """The imaginary part of a conjugate lies there with the other sign."""
    turned = torch.ones(3, dtype=torch.complex64).conj().imag
    assert turned.is_neg()
    torch.save({"a": turned}, tmp_path / "m.pt", _use_new_zipfile_serialization=zipped)
    with pytest.raises(DataError, match="negated or conjugated"):
        read_checkpoint(tmp_path / "m.pt")


def test_a_name_that_safetensors_keeps_for_itself_is_refused(tmp_path: Path) -> None:
    torch.save({"__metadata__": torch.ones(2)}, tmp_path / "m.pt")
    with pytest.raises(DataError, match="keeps for itself"):
        read_checkpoint(tmp_path / "m.pt")


def test_a_small_file_does_not_become_a_huge_one(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("momus.methods.conversion.checkpoint._MOST", 1 << 20)
    few = torch.ones(1)
    torch.save({f"w{i}": few.expand(1 << 16) for i in range(9)}, tmp_path / "m.pt")
    with pytest.raises(DataError, match="repeat few numbers"):
        read_checkpoint(tmp_path / "m.pt")


def test_a_damaged_member_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "m.pt"
    torch.save({"a": torch.full((64,), 1.5)}, path)
    data = bytearray(path.read_bytes())
    data[data.index(torch.full((64,), 1.5).numpy().tobytes())] ^= 1
    path.write_bytes(data)
    with pytest.raises(DataError, match="damaged"):
        read_checkpoint(path)


def test_one_changed_bit_is_a_difference() -> None:
    a = {"w": Tensor("F32", (2,), np.array([1, 2], "<f4").tobytes())}
    b = {"w": Tensor("F32", (2,), np.array([1, np.nextafter(np.float32(2), 3, dtype="f4")], "<f4").tobytes())}
    told = compare_tensors(a, b)
    assert not told["equal"]
    assert 0 < told["greatest_difference"] < 1e-6
    assert told["differing"] == ["w"]
    assert not compare_tensors(a, {})["equal"]
    assert not compare_tensors(a, {"w": Tensor("I32", (2,), a["w"].data)})["equal"]


def test_what_is_no_plain_tensor_is_refused(tmp_path: Path) -> None:
    bad = {
        "module": torch.nn.Linear(2, 2),
        "sparse": {"w": torch.eye(3).to_sparse()},
        "complex": {"w": torch.zeros(2, dtype=torch.complex64)},
        "no dictionary": torch.ones(3),
        "no tensors": {"a": 1},
        "twice": {"a.b": torch.ones(1), "a": {"b": torch.ones(1)}},
        "two keys": {0: torch.ones(1), "0": torch.ones(1)},
        "repeated": {"w": torch.ones(1).expand(1 << 25)},
        "object": {"w": torch.ones(1), "x": {1, 2}},
    }
    for name, value in bad.items():
        torch.save(value, tmp_path / name)
        with pytest.raises(DataError, match="convert/unsupported"):
            read_checkpoint(tmp_path / name)


def test_lies_about_storages_are_refused(tmp_path: Path) -> None:
    torch.save({"w": torch.ones(64)}, tmp_path / "m.pt")
    with zipfile.ZipFile(tmp_path / "m.pt") as source:
        members = {n: source.read(n) for n in source.namelist()}

    def written(**changes: bytes) -> Path:
        path = tmp_path / "x.pt"
        with zipfile.ZipFile(path, "w") as out:
            for n, raw in members.items():
                out.writestr(n, next((v for k, v in changes.items() if n.endswith(k.replace("__", "/"))), raw))
        return path

    assert read_checkpoint(written()).tensors["w"].shape == (64,)
    pickled = next(v for k, v in members.items() if k.endswith("data.pkl"))
    for changes in (
        {"data__0": b"\0" * 8},
        {"byteorder": b"big"},
        {"pkl": pickled.replace(b"K@", b"K\x41", 1)},
        {"pkl": pickled[:-20]},
        {"pkl": b"\x80\x02cos\nsystem\nX\x01\x00\x00\x00x\x85R."},
    ):
        with pytest.raises(DataError):
            read_checkpoint(written(**changes))


@pytest.mark.parametrize(
    "data", [b"", b".", b"]", b"(.", b"\x80\x04K\x01K\x02.", b"e.", b"}K\x01s.", b"cos\nsystem\n)R."]
)
def test_broken_pickles_are_refused(data: bytes) -> None:
    with pytest.raises(DataError):
        read_values(data)


def test_arrays_to_npz_and_safetensors(tmp_path: Path) -> None:
    arrays = {"a": np.arange(6.0).reshape(2, 3).T, "b": np.array([1, 2], ">i4"), "c": np.array(True)}
    write_npz(tmp_path / "a.npz", arrays)
    again = read_arrays(tmp_path / "a.npz")
    assert all(np.array_equal(again[k], v) and again[k].dtype == v.dtype for k, v in arrays.items())
    write_safetensors(tmp_path / "a.safetensors", as_tensors(arrays), {})
    read, _ = read_safetensors(tmp_path / "a.safetensors")
    assert np.frombuffer(read["b"].data, "<i4").tolist() == [1, 2]
    np.save(tmp_path / "o.npy", np.array([{}], dtype=object), allow_pickle=True)
    with pytest.raises(DataError):
        read_arrays(tmp_path / "o.npy")
    with pytest.raises(DataError, match="does not have"):
        as_tensors({"t": np.array(["x"])})


def test_safetensors_that_lie_are_refused(tmp_path: Path) -> None:
    path = tmp_path / "x.safetensors"
    write_safetensors(path, {"w": Tensor("F32", (2,), b"\0" * 8), "v": Tensor("U8", (1,), b"x")}, {})
    good = path.read_bytes()
    for bad in (
        good[:-1],
        good + b"x",
        good.replace(b"[0,8]", b"[1,8]"),
        good.replace(b'"F32"', b'"F64"'),
        b"\xff" * 9,
        b"",
    ):
        path.write_bytes(bad)
        with pytest.raises(DataError):
            read_safetensors(path)
