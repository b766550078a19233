"""What a speech recogniser leaves of a text: words that sound alike, no marks, fillers, words run together."""

from __future__ import annotations

import re

from momus.methods.corrupt.texts_typing import Slip

# English words that sound alike, or nearly; written down for this list.
_ALIKE = (
    "their there they're, to too two, your you're, its it's, whose who's, hear here, know no, new knew, write right, "
    "buy by bye, for four, one won, ate eight, be bee, sea see, son sun, week weak, wait weight, wear where, weather "
    "whether, which witch, would wood, peace piece, plain plane, brake break, meet meat, mail male, pair pear, "
    "principal principle, read reed, road rode, role roll, sale sail, scene seen, site sight, some sum, "
    "stair stare, steal steel, tail tale, than then, threw through, waist waste, way weigh, affect effect, accept "
    "except, advice advise, allowed aloud, bare bear, berth birth, board bored, cell sell, cent sent, check cheque, "
    "cite sight, coarse course, complement compliment, council counsel, days daze, dear deer, die dye, fair fare, "
    "feat feet, find fined, flour flower, great grate, hair hare, heal heel, heard herd, hi high, him hymn, "
    "hole whole, hour our, idle idol, knight night, lead led, lessen lesson, loan lone, made maid, "
    "main mane, morning mourning, "
    "none nun, oar or, passed past, patience patients, poor pour, pray prey, rain reign, real reel, ring wring, root "
    "route, so sew, soar sore, stationary stationery, suite sweet, tea tee, tide tied, toe tow, vain vein, "
    "wail whale, war wore, we wee, won't want, and end, are our, of off, is his, in an, as has, been being, "
    "can't can, that's that, "
    "loose lose, lay lie, quiet quite, personal personnel, were where, ad add, bill build, cash cache, cost caused, "
    "credit edit, free three, click clique, price prize, please pleas, thanks tanks, "
    "send sand, call cold, time thyme, mean mien, word ward, text tax, thing think, bad bed, man men, live leave"
)
_SOUNDS: dict[str, tuple[str, ...]] = {}
for _group in (tuple(w.split()) for w in _ALIKE.split(",")):
    for _word in _group:
        _others = tuple(w for w in _group if w != _word)
        _SOUNDS[_word] = tuple(dict.fromkeys((*_SOUNDS.get(_word, ()), *_others)))
FILLERS = ("um", "uh", "er", "like", "you know", "I mean", "well", "so", "okay", "sort of")
_MARKS = re.compile(r"[.,;:!?\"“”„()\[\]…–—]+")


def homophones(words: list[str], gaps: list[str], at: int, which: float, where: float) -> None:
    """Another word that sounds alike, in the case of the first."""
    found = _SOUNDS.get(words[at].lower().replace("\u2019", "'"))
    if found:
        other = found[int(which * len(found))]
        words[at] = other.upper() if words[at].isupper() and len(words[at]) > 1 else _capital(other, words[at])


def _capital(word: str, like: str) -> str:
    return word[:1].upper() + word[1:] if like[:1].isupper() else word


def no_punctuation(words: list[str], gaps: list[str], at: int, which: float, where: float) -> None:
    """The marks after the word are gone, and the word after a full stop begins small; so does the text."""
    if at == 0:
        words[0] = _small(words[0])
    end = bool(re.search(r"[.!?]", gaps[at + 1]))
    if _MARKS.search(gaps[at + 1]):
        left = _MARKS.sub(" ", gaps[at + 1])
        last = at + 1 == len(words)
        gaps[at + 1] = left.rstrip() if last else re.sub(r" {2,}", " ", left) or " "
    if end and at + 1 < len(words):
        words[at + 1] = _small(words[at + 1])


def _small(word: str) -> str:
    return word if word == "I" or word.startswith(("I'", "I\u2019")) else word[:1].lower() + word[1:]


def fillers(words: list[str], gaps: list[str], at: int, which: float, where: float) -> None:
    """Somebody says um before the word."""
    words[at] = f"{FILLERS[int(which * len(FILLERS))]} {words[at]}"


def merged_words(words: list[str], gaps: list[str], at: int, which: float, where: float) -> None:
    """The gap to the next word is lost; gaps with marks or line breaks stay."""
    if at + 1 < len(words) and gaps[at + 1] == " ":
        gaps[at + 1] = ""


SLIPS: dict[str, Slip] = {
    "homophones": homophones,
    "no_punctuation": no_punctuation,
    "fillers": fillers,
    "merged_words": merged_words,
}
