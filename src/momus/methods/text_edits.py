"""Edits of texts: taking texts apart, the four edits of a word, alphabets to draw from, and the distance they make.

A *cluster* is what a reader takes for one character: a letter with its combining marks, an emoji with its joiners. All
edits work on clusters, so that none of them leaves half a character behind. A text is taken apart into words and the
gaps between them; edits of words never touch a gap, so that spaces and line breaks stay unless they are asked for.
"""

from __future__ import annotations

import difflib
import re
import unicodedata
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from functools import lru_cache

import numpy as np

KINDS = ("flip", "insert", "delete", "swap")
_JOINERS = {"\u200d", "\ufe0e", "\ufe0f"}
# Scripts without spaces between words: each character counts as a word of its own.
_LONE = "\u3040-\u30ff\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff\u0e00-\u0e7f"
_WORD = re.compile(rf"[{_LONE}]|[^\W{_LONE}]+(?:['’][^\W{_LONE}]+)*")

KEYBOARD = {
    "q": "wa1", "w": "qes2", "e": "wrd3", "r": "etf4", "t": "ryg5", "y": "tuh6", "u": "yij7", "i": "uok8", "o": "iplk9",
    "p": "ol0", "a": "qsz", "s": "adwxz", "d": "sfec", "f": "dgrv", "g": "fhtb", "h": "gjyn", "j": "hkum", "k": "jliom",
    "l": "kop", "z": "asx", "x": "zsc", "c": "xdv", "v": "cfb", "b": "vgn", "n": "bhm", "m": "njk", "1": "2q",
    "2": "13w", "3": "24e", "4": "35r", "5": "46t", "6": "57y", "7": "68u", "8": "79i", "9": "80o", "0": "9p",
}  # fmt: skip
# Characters of other scripts, accents and digits that a reader takes for the letter.
VISUAL = {
    "a": "\u0430á@", "b": "Ь6", "c": "\u0441ç", "d": "\u0501", "e": "\u0435é3", "f": "ƒ", "g": "\u0261q9",
    "h": "\u04bb", "i": "\u0456í1", "j": "\u0458", "k": "\u03ba", "l": "1\u04cf|", "m": "ɱ", "n": "ñ\u0578",
    "o": "\u043eó0", "p": "\u0440", "q": "\u051b", "r": "\u0433", "s": "\u0455$5", "t": "\u03c47", "u": "\u057dü",
    "v": "\u03bd", "w": "\u0461", "x": "\u0445", "y": "\u0443ý", "z": "ž2", "A": "\u0410Á4", "B": "\u04128",
    "C": "\u0421Ç", "E": "\u0415É3", "H": "\u041d", "I": "\u04061l", "K": "\u041a", "M": "\u041c", "N": "\u039d",
    "O": "\u041e0", "P": "\u0420", "S": "\u04055$", "T": "\u0422", "X": "\u0425",
    "Y": "\u04ae", "Z": "\u03962", "0": "O", "1": "l",
}  # fmt: skip
HIDDEN = ("\u200b", "\u00ad")  # zero-width space and soft hyphen: a reader sees nothing


@lru_cache(maxsize=65536)
def clusters(text: str) -> tuple[str, ...]:
    """The characters of a text as a reader counts them; joined they give the text again."""
    if text.isascii():
        return tuple(text)
    found: list[str] = []
    for c in text:
        joined = found and (found[-1][-1] == "\u200d" or c in _JOINERS or unicodedata.combining(c))
        if joined or (found and "\U0001f3fb" <= c <= "\U0001f3ff"):
            found[-1] += c
        else:
            found.append(c)
    return tuple(found)


@dataclass(frozen=True)
class Pieces:
    """A text as ``gaps[0] words[0] gaps[1] ... words[-1] gaps[-1]``: one gap more than words, gaps may be empty."""

    words: tuple[str, ...]
    gaps: tuple[str, ...]

    @property
    def text(self) -> str:
        return self.gaps[0] + "".join(w + g for w, g in zip(self.words, self.gaps[1:], strict=True))

    def replaced(self, index: int, word: str) -> Pieces:
        return Pieces((*self.words[:index], word, *self.words[index + 1 :]), self.gaps)

    def without(self, start: int, stop: int) -> str:
        """The text without some of its words; gaps stay."""
        return Pieces((*self.words[:start], *[""] * (stop - start), *self.words[stop:]), self.gaps).text


def pieces(text: str) -> Pieces:
    """Words (letters, digits, inner apostrophes; single characters of Chinese, Japanese and Thai) and gaps."""
    words: list[str] = []
    gaps: list[str] = []
    end = 0
    for found in _WORD.finditer(text):
        gaps.append(text[end : found.start()])
        words.append(found.group())
        end = found.end()
    return Pieces(tuple(words), (*gaps, text[end:]))


Letters = Callable[[str], Sequence[str]]


def letters(kind: str, seen: Iterable[str] = (), known: Iterable[str] | None = None, most: int = 60) -> Letters:
    """Replacements of one cluster, by ``kind``: plain (the same script), keyboard, visual, or any of these.

    ``plain`` gives a to z and 0 to 9 for Latin letters and digits, in the case they were in; for other scripts the
    ``most`` commonest characters of that script in the texts ``seen``. ``known`` limits everything to what a model
    can read.
    """
    allowed = None if known is None else frozenset(known)
    scripts: dict[str, Counter[str]] = {}
    for text in seen:
        for c in clusters(text):
            if not c.isascii() and any(map(str.isalnum, c)):
                scripts.setdefault(script(c), Counter())[c] += 1
    common = {s: tuple(c for c, _ in sorted(n.items(), key=lambda p: (-p[1], p[0]))[:most]) for s, n in scripts.items()}

    def plain(c: str) -> str | tuple[str, ...]:
        if c.isascii():
            return "0123456789" if c.isdigit() else _cased("abcdefghijklmnopqrstuvwxyz", c) if c.isalpha() else ""
        return common.get(script(c), ())

    @lru_cache(maxsize=4096)
    def of(c: str) -> tuple[str, ...]:
        found: list[str] = []
        if kind in ("plain", "any"):
            found += plain(c)
        if kind in ("keyboard", "any"):
            found += _cased(KEYBOARD.get(c.lower(), ""), c)
        if kind in ("visual", "any"):
            found += VISUAL.get(c, VISUAL.get(c.lower(), "") if not c.islower() else "")
        return tuple(d for d in dict.fromkeys(found) if d != c and (allowed is None or d in allowed))

    return of


def _cased(options: str, like: str) -> str:
    return options.upper() if like.isupper() else options


@lru_cache(maxsize=16384)
def script(c: str) -> str:
    """The first word of a character's Unicode name: LATIN, CYRILLIC, CJK, HIRAGANA."""
    return unicodedata.name(c[0], "?").split(" ", 1)[0].split("-", 1)[0]


def edited(word: str, kind: str, at: int, by: str = "") -> str:
    """One edit: flip the cluster ``at`` to ``by``, insert ``by`` before it, delete it, or swap it with the next."""
    c = list(clusters(word))
    if kind == "flip":
        c[at] = by
    elif kind == "insert":
        c.insert(at, by)
    elif kind == "delete":
        del c[at]
    else:
        c[at], c[at + 1] = c[at + 1], c[at]
    return "".join(c)


def edits_of(
    word: str,
    count: int,
    rng: np.random.Generator,
    of: Letters,
    *,
    kinds: Sequence[str] = KINDS,
    spaces: bool = False,
    hidden: bool = False,
) -> list[str]:
    """Up to ``count`` different words that are one edit away, the kinds in turn, each at random places.

    ``spaces`` allows a space inside the word, ``hidden`` characters nobody sees.
    """
    c = clusters(word)
    pools: list[list[tuple[str, int, str]]] = []
    for kind in kinds:
        if kind == "flip":
            pools.append([("flip", i, d) for i in range(len(c)) for d in of(c[i])])
        elif kind == "insert":
            extra = (*HIDDEN,) * hidden + (" ",) * (spaces and len(c) > 1)
            pool = [("insert", i, d) for i in range(len(c) + 1) for d in of(c[min(i, len(c) - 1)])] if c else []
            inner = [("insert", i, d) for i in range(1, len(c)) for d in extra]
            pools += [pool, inner] if inner else [pool]
        elif kind == "delete":
            pools.append([("delete", i, "") for i in range(len(c))])
        else:
            pools.append([("swap", i, "") for i in range(len(c) - 1) if c[i] != c[i + 1]])
    pools = [pools[k] for k in rng.permutation(len(pools))]  # of a few edits each kind has its chance
    orders = [rng.permutation(len(p)) for p in pools]
    found: dict[str, None] = {}
    for turn in range(max((len(p) for p in pools), default=0)):
        for pool, order in zip(pools, orders, strict=True):
            if turn < len(pool):
                found.setdefault(edited(word, *pool[order[turn]]))
            if len(found) > count:
                break
    found.pop(word, None)
    return list(found)[:count]


def distance(x: Sequence[str], y: Sequence[str], limit: int) -> int:
    """Damerau-Levenshtein distance: flips, insertions, deletions and swaps of neighbours count one each.

    ``x`` and ``y`` are clusters, or words. Anything above ``limit`` is given as ``limit + 1``. Time grows with length
    times ``limit``.
    """
    far = limit + 1
    if abs(len(x) - len(y)) > limit:
        return far
    rows: list[dict[int, int]] = [{j: j for j in range(min(len(y), limit) + 1)}]
    last: dict[str, int] = {}
    for i in range(1, len(x) + 1):
        row: dict[int, int] = {}
        match = 0
        for j in range(max(0, i - limit), min(len(y), i + limit) + 1):
            if j == 0:
                row[0] = i
                continue
            before = rows[i - 1]
            same = x[i - 1] == y[j - 1]
            cost = min(before.get(j - 1, far) + (not same), before.get(j, far) + 1, row.get(j - 1, far) + 1)
            k = last.get(y[j - 1], 0)
            if k and match and i - k <= far:
                cost = min(cost, rows[k - 1].get(match - 1, far) + (i - k - 1) + 1 + (j - match - 1))
            row[j] = min(cost, far)
            match = j if same else match
        rows.append(row)
        last[x[i - 1]] = i
    return min(rows[-1].get(len(y), far), far)


def tokens(text: str) -> tuple[str, ...]:
    """Words and gaps in turn; joined they give the text again."""
    parts = pieces(text)
    return (parts.gaps[0], *(t for pair in zip(parts.words, parts.gaps[1:], strict=True) for t in pair))


def marked(before: str, after: str, around: int = 24, most: int = 360, *, words: bool = False) -> str:
    """The text after its edits, each shown as [old→new]; of a long text only what stands around them.

    ``words`` marks whole words.
    """
    take = tokens if words else clusters
    a, b = take(before), take(after)
    shown: list[str] = []
    blocks = difflib.SequenceMatcher(None, a, b, autojunk=False).get_opcodes() if max(len(a), len(b)) < 4000 else []
    if not blocks:
        same = next((i for i, (c, d) in enumerate(zip(a, b, strict=False)) if c != d), min(len(a), len(b)))
        blocks = [("equal", 0, same, 0, same), ("replace", same, same + 40, same, same + 40)]
    for k, (kind, i, j, m, n) in enumerate(blocks):
        if kind != "equal":
            shown.append(f"[{visible(a[i:j])}→{visible(b[m:n])}]")
        elif j - i <= 2 * around or (len(a) < most and len(b) < most):
            shown.append("".join(a[i:j]))
        else:
            head = "".join(a[i : i + around]) if k else ""
            tail = "".join(a[j - around : j]) if k + 1 < len(blocks) else ""
            shown.append(f"{head} … {tail}")
    text = " ".join("".join(shown).split())
    return text if len(text) <= most else text[: most - 1] + "…"


def visible(parts: Sequence[str]) -> str:
    """Clusters as they can be read: what nobody sees, or takes for another letter, by its code point."""
    shown = []
    for c in parts:
        plain = c.isascii() or script(c) not in ("CYRILLIC", "GREEK", "ARMENIAN", "ZERO", "SOFT")
        shown.append(c if plain else f"{c}(U+{ord(c[0]):04X})" if c.isprintable() else f"(U+{ord(c[0]):04X})")
    return "".join(shown)
