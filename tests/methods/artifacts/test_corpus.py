"""The corpus: bad files refused, nothing found in benign ones, the marked ones really fire, nothing is imported."""

from __future__ import annotations

import json
import subprocess
import sys
from collections import Counter
from pathlib import Path

import pytest

from momus.methods.artifacts import scan, scan_bytes
from momus.zoo.supply_chain import corpus_bad_files, corpus_bad_formats, corpus_bad_pickles, corpus_benign
from momus.zoo.supply_chain.corpus import MARKER, Artifact

BAD = (*corpus_bad_pickles.files(), *corpus_bad_files.files(0), *corpus_bad_formats.files())


def name(artifact: Artifact) -> str:
    return f"{artifact.group}: {artifact.name}"


def test_the_corpus_is_at_least_as_large_as_the_one_it_is_compared_with() -> None:
    groups = Counter(a.group for a in BAD if not a.held_out)
    assert groups["opcode tricks"] >= 15
    assert groups["gadget imports"] >= 13
    assert groups["resource bombs"] >= 3
    assert groups["renamed and compressed"] >= 11
    assert groups["torch and archives"] >= 15
    assert groups["other formats"] >= 20
    assert sum(a.held_out for a in BAD) >= 15
    assert len(corpus_benign.files(0)) >= 18
    assert len({name(a) for a in BAD}) == len(BAD)


@pytest.mark.parametrize("artifact", BAD, ids=name)
def test_bad_files_are_refused(artifact: Artifact, tmp_path: Path) -> None:
    path = tmp_path / artifact.file
    path.write_bytes(artifact.data)
    report = scan(path)
    assert not report.loadable
    assert report.marks, "a refusal says why"
    if artifact.name != "7z":
        assert report.verdict in ("dangerous", "suspicious")
    if artifact.loader:
        assert report.verdict == "dangerous", "what really fires is known to be dangerous"


@pytest.mark.parametrize("seed", [0, 7])
def test_benign_files_are_clean(seed: int) -> None:
    for artifact in corpus_benign.files(seed):
        report = scan_bytes(artifact.data)
        assert report.loadable, (artifact.name, report.marks)


def test_the_name_of_a_file_does_not_matter(tmp_path: Path) -> None:
    for file in ("a.pkl", "a.png", "a", "a.safetensors"):
        (tmp_path / file).write_bytes(BAD[0].data)
        assert scan(tmp_path / file).verdict == "dangerous"
        assert scan(tmp_path / file).format == "pickle"


LOADERS = {
    "pickle": "import pickle\ndef load(p): pickle.load(open(p, 'rb'))",
    "twice": "import pickle\ndef load(p):\n  f = open(p, 'rb'); pickle.load(f); pickle.load(f)",
    "joblib": "import joblib\ndef load(p): joblib.load(p)",
    "numpy": "import numpy\ndef load(p):\n  a = numpy.load(p, allow_pickle=True)\n"
    "  [a[k] for k in getattr(a, 'files', ())]",
    "torch": "import torch\ndef load(p): torch.load(p, weights_only=False)",
}
# Runs in a child without network and with small limits: sockets are refused by an audit hook.
CHILD = """
import json, os, resource, sys, warnings
warnings.simplefilter("ignore")
resource.setrlimit(resource.RLIMIT_FSIZE, (1 << 20, 1 << 20))
resource.setrlimit(resource.RLIMIT_CPU, (120, 120))
def refuse(event, arguments):
    if event.startswith("socket."):
        raise RuntimeError(event)
{loader}
sys.addaudithook(refuse)
for folder, file in json.loads(sys.argv[1]):
    os.chdir(folder)
    try:
        load(file)
    except BaseException:
        continue
"""


@pytest.mark.parametrize("loader", sorted(LOADERS))
def test_files_said_to_fire_do_fire_in_a_locked_child(loader: str, tmp_path: Path) -> None:
    if loader == "torch":
        pytest.importorskip("torch")
    planned = []
    for i, artifact in enumerate(a for a in BAD if a.loader == loader and a.name != "torch storage bytes"):
        folder = tmp_path / str(i)
        folder.mkdir()
        (folder / artifact.file).write_bytes(artifact.data)
        planned.append((artifact.name, str(folder), artifact.file))
    assert planned
    command = [sys.executable, "-I", "-c", CHILD.replace("{loader}", LOADERS[loader])]
    subprocess.run([*command, json.dumps([p[1:] for p in planned])], timeout=200, check=False, capture_output=True)
    silent = [title for title, folder, _ in planned if not Path(folder, MARKER).exists()]
    assert silent == []


WATCHER = """
import importlib, json, pickletools, pkgutil, random, sys
from momus.methods import artifacts
from momus.methods.artifacts import scan_bytes
for m in pkgutil.iter_modules(artifacts.__path__, artifacts.__name__ + "."):
    importlib.import_module(m.name)  # readers are imported when a file needs them: here they all are there before
from momus.zoo.supply_chain import corpus_bad_files, corpus_bad_formats, corpus_bad_pickles
files = (*corpus_bad_pickles.files(), *corpus_bad_files.files(0, large=False), *corpus_bad_formats.files())
files = [a.data for a in files]
files = [f for f in files if len(f) < 50_000]
import encodings.utf_8_sig, encodings.utf_16, encodings.utf_32, encodings.cp1252, encodings.unicode_escape
import jinja2.debug
for f in files:
    scan_bytes(f)   # the scanner's own modules are loaded now
seen, watching = [], True
FORBIDDEN = ("import", "exec", "compile", "marshal.loads", "os.system", "os.posix_spawn", "subprocess.Popen",
             "pickle.find_class", "open", "socket.connect", "ctypes.dlopen", "os.remove", "os.rename")
def watch(event, arguments):
    if watching and event in FORBIDDEN:
        seen.append(f"{event} {arguments!r}"[:200])
sys.addaudithook(watch)
before = set(sys.modules)
rng = random.Random(0)
for f in files:
    scan_bytes(f)
    for _ in range(3):
        g = bytearray(f)
        for _ in range(rng.randrange(1, 5)):
            g[rng.randrange(len(g))] = rng.randrange(256)
        scan_bytes(bytes(g))
watching = False
print(json.dumps({"seen": seen, "modules": sorted(set(sys.modules) - before)}))
"""


def test_nothing_is_imported_opened_or_run_while_scanning() -> None:
    done = subprocess.run([sys.executable, "-c", WATCHER], timeout=200, check=True, capture_output=True, text=True)
    told = json.loads(done.stdout.splitlines()[-1])
    # ast.literal_eval, which reads NPY headers, compiles to a syntax tree and runs nothing
    assert [e for e in told["seen"] if not e.startswith("compile")] == [], told["seen"][:5]
    assert told["modules"] == []
