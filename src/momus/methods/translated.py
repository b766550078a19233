"""Words of a translation: which one to attack, how near an answer is to losing it or to saying another instead."""

from __future__ import annotations

import difflib
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from momus.core.samples import NumpyArray
from momus.methods.text_edits import clusters, pieces

# Words that carry grammar rather than content, in the languages that are translated into most.
_GRAMMAR = (
    "a an and are as at be been but by can could did do does for from had has have he her him his how i if in is it "
    "its me my no not of on or our she so than that the their them then there they this to was we were what when "
    "where which who why will with would you your der die das ein eine und ist nicht ich du er sie es wir le la les "
    "un une et est je tu il elle nous vous el los las y yo"
)
FUNCTION = frozenset(_GRAMMAR.split())


def said(text: str) -> list[str]:
    """The words of an answer, in lower case."""
    return [w.lower() for w in pieces(text).words]


def chosen(answers: Sequence[str], word: str = "") -> list[str]:
    """The word of each answer to attack, empty where there is none.

    ``word`` where the answer says it; else the content word that the fewest answers say, the longest of these.
    """
    read = [said(a) for a in answers]
    if word:
        return [word.lower() if word.lower() in r else "" for r in read]
    common = Counter(w for r in read for w in set(r))
    out = []
    for words in read:
        content = [w for w in words if w not in FUNCTION and not w.isdigit() and (len(w) > 2 or not w.isascii())]
        out.append(min(content, key=lambda w: (common[w], -len(w), words.index(w)), default=""))
    return out


def others(words: Sequence[str], answers: Sequence[str], to: str = "") -> list[str]:
    """What each word is to become: ``to``, else the next answer's word that this one does not say; empty for none."""
    out = []
    for i, answer in enumerate(answers):
        here = set(said(answer))
        options = [to.lower()] if to else [*words[i + 1 :], *words[:i]]
        out.append(next((w for w in options if w and w not in here), "") if words[i] else "")
    return out


def altered(answer: str, word: str, to: str = "") -> str:
    """The answer without the word, or with another in its place."""
    parts = pieces(answer)
    made = "".join((to if w.lower() == word else w) + g for w, g in zip(parts.words, parts.gaps[1:], strict=True))
    return " ".join((parts.gaps[0] + made).split())


@dataclass(frozen=True)
class Wish:
    """What an attacker wants of one answer: that it no longer says ``word``, and, where given, that it says ``to``."""

    answer: str
    word: str
    to: str = ""

    def won(self, answer: str) -> bool:
        """An empty answer is an outage, not a translation without the word."""
        words = said(answer)
        return bool(words) and self.word not in words and (not self.to or self.to in words)

    def margin(self, answer: str) -> float:
        """How far an answer is from what is wanted; once it is there, the more of the rest is kept the better."""
        words = said(answer)
        kept = self.kept(answer)
        if self.won(answer):
            return -0.01 - kept
        if not self.to:
            return 1.0 + kept if words else 2.5
        near = max((difflib.SequenceMatcher(None, self.to, w).ratio() for w in words), default=0.0)
        return 1.0 + (self.word in words) * 0.5 + (1 - near) + 0.2 * (1 - kept)

    def kept(self, answer: str) -> float:
        """Share of the clean answer's other words that are still said."""
        rest = Counter(w for w in said(self.answer) if w != self.word)
        return (rest & Counter(said(answer))).total() / rest.total() if rest else 1.0


def touched(before: str, after: str) -> set[int]:
    """Words of ``before`` (by number) in which ``after`` differs.

    What is inserted at the edge of a word of several characters is part of it; between two characters that are words by
    themselves it touches neither.
    """
    a, b = clusters(before), clusters(after)
    owner: list[int] = []
    parts = pieces(before)
    for k, (gap, word) in enumerate(zip(parts.gaps, (*parts.words, ""), strict=True)):
        owner += [-1] * len(clusters(gap)) + [k] * len(clusters(word))
    single = {k for k, w in enumerate(parts.words) if len(clusters(w)) == 1}
    found: set[int] = set()
    for kind, i, j, _, _ in difflib.SequenceMatcher(None, a, b, autojunk=False).get_opcodes():
        if kind == "insert":
            found |= set(owner[max(0, i - 1) : i + 1]) - single
        elif kind != "equal":
            found |= set(owner[i:j])
    return found - {-1}


def margins(wishes: Sequence[Wish], answers: Sequence[str]) -> tuple[NumpyArray, NumpyArray]:
    """Margins (m,) and successes (m,)."""
    both = list(zip(wishes, answers, strict=True))
    return np.array([w.margin(a) for w, a in both], dtype=float), np.array([w.won(a) for w, a in both], dtype=bool)
