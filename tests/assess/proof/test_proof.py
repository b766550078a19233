"""Proof by loading: natural loaders, verdicts that are never milder, honest files, and what happens without a lock."""

from __future__ import annotations

import importlib
import pickle
from pathlib import Path

import numpy as np
import pytest

from momus.assess.proof import Act, Proof, Try, proof_as_plain, prove
from momus.assess.proof.loaders import LOADERS, natural
from momus.core import landlock, seccomp
from momus.core.errors import MomusError
from momus.zoo.supply_chain import corpus_bad_files, corpus_bad_formats, corpus_bad_pickles, corpus_benign
from momus.zoo.supply_chain.corpus import MARKER, Artifact

locked = pytest.mark.skipif(
    seccomp.machine() is None or landlock.version() < 3, reason="this machine has no Landlock 3 or no filter"
)
FIRING = {a.name: a for a in (*corpus_bad_pickles.files(), *corpus_bad_files.files(0), *corpus_bad_formats.files())}
SOME = [a for a in FIRING.values() if a.loader in ("pickle", "joblib", "numpy")][::3]
ACT = Act("ran a command", "id", "interpreter")


def _proof(*acts: Act, outcome: str = "loaded", error: str = "") -> Proof:
    return Proof((Try("pickle", outcome, error, acts),))


@pytest.mark.parametrize("static", ["nothing found", "not understood", "suspicious", "dangerous"])
def test_a_verdict_is_never_milder_for_a_file_that_did_nothing(static: str) -> None:
    assert _proof().verdict(static) == static
    assert Proof(()).verdict(static) == static
    assert _proof(ACT).verdict(static) == "dangerous"


def test_a_file_that_exhausts_its_child_is_at_least_suspicious() -> None:
    for outcome, error in (("too slow", ""), ("too large", ""), ("killed", ""), ("failed", "MemoryError: ")):
        proof = _proof(outcome=outcome, error=error)
        assert [proof.verdict(v) for v in ("nothing found", "not understood", "suspicious", "dangerous")] == [
            "suspicious", "suspicious", "suspicious", "dangerous",
        ]  # fmt: skip
    assert _proof(outcome="failed", error="ValueError: no").verdict("nothing found") == "nothing found"


@pytest.mark.parametrize(
    ("form", "suffix", "first"),
    [
        ("pickle", ".pkl", "pickle"),
        ("pickle", ".pt", "torch"),
        ("torch zip", "", "torch"),
        ("zlib: joblib", ".z", "joblib"),
        ("npz", ".npz", "numpy"),
        ("skops", ".skops", "skops"),
        ("keras", ".keras", "keras"),
        ("hdf5", ".h5", "keras h5"),
        ("stable-baselines3 policy", ".zip", "stable-baselines3"),
        ("onnx", ".onnx", "onnxruntime"),
        ("unknown", ".bin", "torch"),
        ("text", ".yaml", "yaml"),
        ("TorchScript", ".pt", "torch"),
    ],
)
def test_a_file_meets_the_loaders_that_its_users_would_call(form: str, suffix: str, first: str) -> None:
    found = natural(form, suffix)
    assert found[0] == first
    assert set(found) <= set(LOADERS)


@pytest.mark.parametrize("form", ["gguf", "lightgbm text", "xgboost json", "json", "text", "empty", "png"])
def test_formats_that_run_nothing_are_not_loaded(form: str) -> None:
    assert natural(form, "") == ()


@locked
@pytest.mark.parametrize(
    "name",
    [
        "forest, zlib", "npz", "random generator",
        *(pytest.param(n, marks=pytest.mark.soak) for n in ("text pipeline", "table", "neighbours")),
    ],
)  # fmt: skip
def test_honest_files_do_nothing(name: str, tmp_path: Path) -> None:
    artifact = next(a for a in corpus_benign.files(3) if a.name == name)
    path = tmp_path / artifact.file
    path.write_bytes(artifact.data)
    proof = prove(path, "pickle", loaders=natural("npz" if name == "npz" else "joblib", "")[:1])
    assert [t.outcome for t in proof.tries] == ["loaded"]
    assert not proof.acted, proof.tries


@locked
@pytest.mark.parametrize(
    "artifact", [pytest.param(a, id=a.name, marks=[pytest.mark.soak] * ("torch" in a.name)) for a in SOME]
)
def test_what_fires_under_its_loader_is_seen_and_does_not_fire(artifact: Artifact, tmp_path: Path) -> None:
    path = tmp_path / artifact.file
    path.write_bytes(artifact.data)
    proof = prove(path, "pickle", loaders=[artifact.loader], seconds=8)
    assert proof.acted, proof.tries
    assert not (tmp_path / MARKER).exists()
    assert not Path(MARKER).exists()


@locked
def test_a_torch_file_runs_with_the_old_loader_and_not_with_weights_only(tmp_path: Path) -> None:
    artifact = next(a for a in FIRING.values() if a.loader == "torch" and a.file.endswith(".pt"))
    path = tmp_path / artifact.file
    path.write_bytes(artifact.data)
    old, new = prove(path, "torch zip", loaders=["torch", "torch weights only"]).tries
    assert (bool(old.acts), bool(new.acts)) == (True, False)
    assert new.outcome == "failed"


def _boots(monkeypatch: pytest.MonkeyPatch, code: str) -> None:
    """The child runs this before its own code."""
    module = importlib.import_module("momus.assess.proof.prove")
    monkeypatch.setattr(module, "_BOOT", module._BOOT.replace("child.main()", f"{code}; child.main()"))


@locked
def test_a_child_that_cannot_be_locked_loads_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "file.pkl"
    path.write_bytes(FIRING["REDUCE"].data if "REDUCE" in FIRING else pickle.dumps(1))
    _boots(monkeypatch, "from momus.core import landlock; landlock.version = lambda: 0")
    with pytest.raises(MomusError, match="no Landlock") as caught:
        prove(path, "pickle", loaders=["pickle"])
    assert caught.value.code == "prove/no-lock"


@locked
def test_a_loader_that_is_not_installed_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    _boots(
        monkeypatch,
        "from momus.assess.proof import loaders; loaders.LOADERS['dill'] = loaders.Loader(print, ('momus_not_there',))",
    )
    path = tmp_path / "file.pkl"
    path.write_bytes(pickle.dumps(1))
    proof = prove(path, "pickle", loaders=["dill", "pickle"])
    assert proof.missing == ("dill (momus_not_there is not installed)",)
    assert [t.loader for t in proof.tries] == ["pickle"]


@locked
def test_the_proof_is_plain_values(tmp_path: Path) -> None:
    path = tmp_path / "a.npy"
    np.save(path, np.arange(3))
    plain = proof_as_plain(prove(path, "npy", loaders=["numpy"]), "nothing found")
    assert plain["verdict"] == "nothing found"
    assert plain["tries"][0]["loader"] == "numpy"
    assert plain["tries"][0]["layers"]["system calls"] == "on: watched"


@locked
def test_only_well_known_packages_are_imported_at_a_files_word(tmp_path: Path) -> None:
    """Else naming a module would be a way to run code before the lock."""
    path = tmp_path / "file.pkl"
    path.write_bytes(pickle.dumps(1))
    found = prove(path, "pickle", names=["this.x", "joblib.x"], loaders=["pickle"]).tries[0]
    assert (found.outcome, found.printed) == ("loaded", "")
