"""What scanners, encodings and forms do to the signs of a text."""

from __future__ import annotations

import html

from momus.methods.corrupt.texts_typing import Slip
from momus.methods.text_edits import clusters

# What a scanner reads for what is printed: the confusions that every list of OCR errors begins with.
CONFUSED: dict[str, tuple[str, ...]] = {
    "rn": ("m",), "m": ("rn", "nn"), "cl": ("d",), "d": ("cl",), "vv": ("w",), "w": ("vv",), "li": ("h",),
    "h": ("b", "li"), "nn": ("m",), "0": ("O", "o"), "O": ("0", "Q"), "o": ("0", "c"), "1": ("l", "I"),
    "l": ("1", "I"), "I": ("l", "1"), "i": ("1", "l"), "5": ("S",), "S": ("5",), "s": ("5",), "8": ("B",),
    "B": ("8",), "6": ("b", "G"), "G": ("6",), "b": ("6", "h"), "2": ("Z",), "Z": ("2",), "z": ("2",), "e": ("c",),
    "c": ("e",), "u": ("ii", "v"), "v": ("u",), "a": ("o",), "g": ("9", "q"), "9": ("g",), "q": ("g",), "t": ("f",),
    "f": ("t",), "n": ("ri",), "D": ("0",), "E": ("F",), "ri": ("n",), "H": ("N",),
}  # fmt: skip
_QUOTES = str.maketrans({"'": "\u2019", '"': "\u201d", "-": "\u2013", "`": "\u2018"})


def ocr(words: list[str], gaps: list[str], at: int, which: float, where: float) -> None:
    """One confusion of a scanner."""
    word = words[at]
    able = [(i, s) for i in range(len(word)) for s in (word[i], word[i : i + 2]) if s in CONFUSED and len(s) <= 2]
    able = list(dict.fromkeys(able))
    if able:
        i, sign = able[int(where * len(able))]
        read = CONFUSED[sign]
        words[at] = word[:i] + read[int(which * len(read))] + word[i + len(sign) :]


def upper(words: list[str], gaps: list[str], at: int, which: float, where: float) -> None:
    words[at] = words[at].upper()


def lower(words: list[str], gaps: list[str], at: int, which: float, where: float) -> None:
    words[at] = words[at].lower()


def random_case(words: list[str], gaps: list[str], at: int, which: float, where: float) -> None:
    """Each letter in a case of its own; the bits of one number decide."""
    bits = int(which * 2**53)
    letters = clusters(words[at])
    words[at] = "".join(c.upper() if bits >> (i % 53) & 1 else c.lower() for i, c in enumerate(letters))


def mojibake(words: list[str], gaps: list[str], at: int, which: float, where: float) -> None:
    """UTF-8 read as Windows-1252: in an accented word, a curly quote, or the hard space before the word."""
    word = words[at].translate(_QUOTES)
    if word.isascii():
        if gaps[at].endswith(" "):  # a hard space is two bytes, of which the second looks like a space
            gaps[at] = gaps[at][:-1] + "\u00c2\u00a0"
        return
    words[at] = "".join(c if c.isascii() else _misread(c) for c in word)


def _misread(c: str) -> str:
    raw = c.encode("utf-8", errors="replace")
    return "".join(bytes([b]).decode("cp1252", errors="ignore") or bytes([b]).decode("latin-1") for b in raw)


def replacement(words: list[str], gaps: list[str], at: int, which: float, where: float) -> None:
    """A character that could not be decoded: those beyond ASCII, else one of the word's."""
    letters = clusters(words[at])
    beyond = [i for i, c in enumerate(letters) if not c.isascii()] or [int(where * len(letters))]
    words[at] = "".join("\ufffd" if i in beyond else c for i, c in enumerate(letters))


def smart_quotes(words: list[str], gaps: list[str], at: int, which: float, where: float) -> None:
    """Quotes, hyphens and dots as a word processor sets them: in the word and in the gap after it."""
    words[at] = words[at].translate(_QUOTES)
    gaps[at] = gaps[at].replace('"', "\u201c").replace("...", "\u2026").translate(_QUOTES)
    gaps[at + 1] = gaps[at + 1].replace("...", "\u2026").translate(_QUOTES)


def html_entities(words: list[str], gaps: list[str], at: int, which: float, where: float) -> None:
    """Signs left escaped: &amp;, &quot;, &#39;, and letters beyond ASCII by number."""
    escaped = html.escape(words[at], quote=True).replace("&#x27;", "&#39;")
    words[at] = "".join(c if c.isascii() else f"&#{ord(c)};" for c in escaped)
    if "&" not in gaps[at + 1] or ";" not in gaps[at + 1]:  # what is escaped already stays
        gaps[at + 1] = html.escape(gaps[at + 1], quote=True).replace("&#x27;", "&#39;")


def whitespace(words: list[str], gaps: list[str], at: int, which: float, where: float) -> None:
    """A doubled space, a tab, a line break, a hard space or a space too many at the end."""
    kinds = ("  ", "\t", "\n", "\u00a0", " \n ")
    if " " in gaps[at + 1]:
        gaps[at + 1] = gaps[at + 1].replace(" ", kinds[int(which * len(kinds))], 1)
    elif at + 1 == len(words):
        gaps[at + 1] += "  "


def split_words(words: list[str], gaps: list[str], at: int, which: float, where: float) -> None:
    """A space inside a word, as at the end of a line; not between the parts of one character."""
    letters = clusters(words[at])
    if len(letters) > 3:
        i = 1 + int(where * (len(letters) - 1))
        words[at] = "".join(letters[:i]) + " " + "".join(letters[i:])


SLIPS: dict[str, Slip] = {
    "ocr": ocr,
    "upper": upper,
    "lower": lower,
    "random_case": random_case,
    "mojibake": mojibake,
    "replacement": replacement,
    "smart_quotes": smart_quotes,
    "html_entities": html_entities,
    "whitespace": whitespace,
    "split_words": split_words,
}
