"""Slips of fingers: neighbouring keys, letters left out, doubled or turned round, and the wrong layout."""

from __future__ import annotations

from collections.abc import Callable

from momus.methods.text_edits import KEYBOARD, clusters, edited

# (words, gaps, which word, which slip in [0, 1), where in [0, 1)): changes the two lists in place.
Slip = Callable[[list[str], list[str], int, float, float], None]

# What the keys of a US keyboard give where the layout in effect is German, French or Russian.
_LAYOUTS = (
    str.maketrans("yzYZ;'-=[]/", "zyZYöäß´ü+-"),
    str.maketrans("aqwzmAQWZM;,.1234567890", "qawz,QAWZ?m;:&é\"'(-è_çà"),
    str.maketrans(
        "qwertyuiop[]asdfghjkl;'zxcvbnm,.QWERTYUIOPASDFGHJKLZXCVBNM",
        "йцукенгшщзхъфывапролджэячсмитьбюЙЦУКЕНГШЩЗФЫВАПРОЛДЯЧСМИТЬ",
    ),
)


def keyboard(words: list[str], gaps: list[str], at: int, which: float, where: float) -> None:
    """A neighbouring key in place of a letter, in its case."""
    letters = clusters(words[at])
    able = [i for i, c in enumerate(letters) if c.lower() in KEYBOARD]
    if able:
        i = able[int(where * len(able))]
        near = KEYBOARD[letters[i].lower()]
        key = near[int(which * len(near))]
        words[at] = edited(words[at], "flip", i, key.upper() if letters[i].isupper() else key)


def omission(words: list[str], gaps: list[str], at: int, which: float, where: float) -> None:
    """A letter left out; words of one letter stay."""
    letters = clusters(words[at])
    if len(letters) > 1:
        words[at] = edited(words[at], "delete", int(where * len(letters)))


def doubling(words: list[str], gaps: list[str], at: int, which: float, where: float) -> None:
    letters = clusters(words[at])
    i = int(where * len(letters))
    words[at] = edited(words[at], "insert", i, letters[i])


def transposition(words: list[str], gaps: list[str], at: int, which: float, where: float) -> None:
    """Two neighbouring letters that differ change places."""
    letters = clusters(words[at])
    able = [i for i in range(len(letters) - 1) if letters[i] != letters[i + 1]]
    if able:
        words[at] = edited(words[at], "swap", able[int(where * len(able))])


def layout(words: list[str], gaps: list[str], at: int, which: float, where: float) -> None:
    """The word as the same keys give it under a German, French or Russian layout."""
    words[at] = words[at].translate(_LAYOUTS[int(which * len(_LAYOUTS))])


SLIPS: dict[str, Slip] = {
    "keyboard": keyboard,
    "omission": omission,
    "doubling": doubling,
    "transposition": transposition,
    "layout": layout,
}
