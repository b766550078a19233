"""Momus beside nlpaug, audiomentations and tab_err: damage to texts, clips and tables at like strength, one thread.

    python -m venv kinds && kinds/bin/pip install nlpaug==1.1.11 audiomentations==0.43.1 tab-err==0.2.1
    KINDS_PEERS=kinds/bin/python python benchmarks/bench_corruption_kinds.py

The peers need packages that would change Momus' own environment, so they run in a process of the interpreter that
``KINDS_PEERS`` names; without it Momus stands beside a plain loop over words, clips and cells. Time is CPU time without
imports. ``accuracy`` is that of one and the same model on what each of them made.
"""

from __future__ import annotations

import os
import pickle
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from momus.methods.corrupt import sounds, tables, texts
from momus.methods.text_edits import pieces
from momus.zoo.corruption import sound as zoo_sound
from momus.zoo.corruption import text as zoo_text

NumpyArray = np.ndarray[Any, Any]
RATE = 16000
MAIL = Path(__file__).resolve().parent.parent / "examples" / ".data" / "mail"
# Corruption -> the severity that the peer's setting is like.
LIKE = {
    "text": {"keyboard": 3, "ocr": 3, "omission": 3, "transposition": 3},
    "sound": {"white_noise": 5, "quantisation": 4, "level": 4, "pitch": 4},
    "table": {"missing_random": 4, "unit_scale": 4},
}
PEER = {"text": "nlpaug", "sound": "audiomentations", "table": "tab_err"}

NOTES = """
Like strength is one slip in a fifth of the words, 0 dB, 5 bits, -45 dB, 4 semitones, a fifth of the cells; the peers'
OCR table and keyboard are their own, tab_err multiplies by 1000 where Momus draws from three factors, and pitch goes up
there and up or down here. Peers run with a fixed seed, text by text and clip by clip as they are made to. nlpaug
also puts spaces around marks. Pitch is slower here: the peer calls a library in C++.
"""


def mails(n: int = 1200) -> tuple[NumpyArray, NumpyArray, str]:
    """Bodies of mails, 600 characters each, spam or not; letters of the zoo where the mails are not fetched."""
    files = sorted(MAIL.rglob("*.txt"))
    if len(files) < n:
        made = zoo_text.letters(0, telling=4, n=n)
        return made.x, np.asarray(made.y), "letters"
    picked = [files[i] for i in np.random.default_rng(0).permutation(len(files))[:n]]
    bodies = [f.read_text("utf-8", errors="replace").partition("\n\n")[2][:600] or "empty" for f in picked]
    return np.array(bodies, dtype=object), np.array([int("spam" in f.parent.name) for f in picked]), "mails"


def table_rows(n: int = 4000, d: int = 24) -> tuple[NumpyArray, NumpyArray]:
    rng = np.random.default_rng(0)
    truth = rng.normal(size=n)
    return 5 + truth[:, None] * rng.uniform(0.3, 1, d) + rng.normal(size=(n, d)), (truth > 0).astype(int)


def work() -> tuple[dict[str, Any], dict[str, Callable[[Any], float]], str]:
    """What is damaged, and for each kind the accuracy of its model on a damaged copy."""
    from sklearn.ensemble import HistGradientBoostingClassifier
    from sklearn.feature_extraction.text import TfidfVectorizer
    from sklearn.linear_model import LogisticRegression
    from sklearn.pipeline import make_pipeline

    x, y, source = mails()
    reader = make_pipeline(TfidfVectorizer(min_df=2), LogisticRegression(C=10, class_weight="balanced"))
    reader.fit(list(x[400:]), y[400:])
    notes = zoo_sound.notes(0, seconds=1.0, n=200, rate=RATE, faint=0.03, told=False)
    rows, label = table_rows()
    forest = HistGradientBoostingClassifier(max_iter=60).fit(rows[2000:], label[2000:])
    jobs = {"text": x[:400].tolist(), "sound": notes.x, "table": rows[:2000], "rate": RATE}
    accuracy = {
        "text": lambda made: float(np.mean(reader.predict(list(made)) == y[:400])),
        "sound": lambda made: float(np.mean(_whistle(np.asarray(made)) == np.asarray(notes.y))),
        "table": lambda made: float(np.mean(forest.predict(made) == label[:2000])),
    }
    return jobs, accuracy, source


def _whistle(x: NumpyArray) -> NumpyArray:
    low, high = (zoo_sound.band(x, *edges, rate=RATE) for edges in ((3050, 3150), (3550, 3650)))
    return np.asarray(high > low).astype(int)


def ours(kind: str, name: str, severity: int, x: Any, facts: Any) -> Any:
    if kind == "text":
        return texts.corrupt(x, name, severity, 0)
    if kind == "sound":
        return sounds.corrupt(x, name, severity, 0, RATE)
    return tables.corrupt(x, name, severity, 0, facts)


def peers(jobs: dict[str, Any]) -> dict[str, Any]:
    """Answers of the other interpreter; none where ``KINDS_PEERS`` is not set."""
    interpreter = os.environ.get("KINDS_PEERS")
    if not interpreter:
        return {}
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "work.pkl"
        file.write_bytes(pickle.dumps(jobs))
        script = Path(__file__).with_name("corruption_kinds_peers.py")
        alone = {**os.environ, "OMP_NUM_THREADS": "1", "PYTHONPATH": ""}
        subprocess.run([interpreter, str(script), str(file)], check=True, env=alone, capture_output=True)
        found: dict[str, Any] = pickle.loads(file.with_suffix(".out").read_bytes())
        return found


def loop(kind: str, name: str, x: Any) -> Any:
    """The plain way: one draw at a time, as most people write it; None for what nobody writes in a line."""
    import random

    draw = random.Random(0)
    if kind == "text" and name == "omission":
        out = []
        for t in x:
            made = []
            for w in t.split(" "):
                i = draw.randrange(len(w)) if len(w) > 1 and draw.random() < 0.2 else -1
                made.append(w if i < 0 else w[:i] + w[i + 1 :])
            out.append(" ".join(made))
        return out
    if kind == "sound" and name == "white_noise":
        rng = np.random.default_rng(0)
        return np.stack([c + rng.standard_normal(len(c)) * np.sqrt((c**2).mean()) for c in x])
    if kind == "table" and name == "missing_random":
        middle = np.median(x, axis=0)
        return np.array([[middle[j] if draw.random() < 0.2 else v for j, v in enumerate(row)] for row in x])
    return None


def rows() -> list[dict[str, Any]]:
    """One row a corruption: seconds, ratio, how much was touched, and one model's accuracy on both."""
    jobs, accuracy, source = work()
    answers = peers(jobs)
    facts = tables.table_facts(jobs["table"])
    units = {"text": source, "sound": "clips", "table": "rows"}
    out = []
    for kind, names in LIKE.items():
        clean = accuracy[kind](jobs[kind])
        for name, severity in names.items():
            ours(kind, name, severity, jobs[kind][:2], facts)
            start = time.process_time()
            made = ours(kind, name, severity, jobs[kind], facts)
            seconds = time.process_time() - start
            row: dict[str, Any] = {
                "damage": f"{kind}: {name}", "of": f"{len(jobs[kind])} {units[kind]}",
                "Momus s": round(seconds, 4), "accuracy clean": round(clean, 3),
                "Momus accuracy": round(accuracy[kind](made), 3), "Momus touched": _touched(kind, made, jobs[kind]),
            }  # fmt: skip
            found, spent = answers.get(f"{kind}:{name}", (None, ""))
            if found is not None:
                found = np.where(np.isnan(found), np.median(jobs["table"], axis=0), found) if kind == "table" else found
                row |= {"peer": PEER[kind], "peer s": round(spent, 4), "times as fast": round(spent / seconds, 1),
                        "peer accuracy": round(accuracy[kind](found), 3),
                        "peer touched": _touched(kind, found, jobs[kind])}  # fmt: skip
            elif spent:
                row |= {"peer": f"{PEER[kind]}: {spent}"}
            start = time.process_time()
            if loop(kind, name, jobs[kind]) is not None:
                row["plain loop s"] = round(time.process_time() - start, 4)
            out.append(row)
    return out


def _touched(kind: str, made: Any, before: Any) -> str:
    """Share of words or cells that are not as they were; dB of signal to change for sound."""
    if kind == "text":
        lost, count = 0, 0
        for a, b in zip(made, before, strict=True):
            new, old = Counter(pieces(a).words), Counter(pieces(b).words)
            lost, count = lost + (old - new).total(), count + old.total()
        return f"{lost / count:.2f} of words"
    if kind == "table":
        return f"{np.mean(np.asarray(made) != before):.2f} of cells"
    change = np.asarray(made, dtype=float) - before
    return f"{10 * np.log10((before.astype(float) ** 2).sum() / max((change**2).sum(), 1e-12)):.1f} dB"


if __name__ == "__main__":
    from benchmarks.__main__ import table

    sys.stdout.write(table(rows()) + "\n")
