"""Rows, texts and clips with nothing in them, or not what they should hold."""

from __future__ import annotations

import numpy as np

from momus.core.samples import Column, ColumnKind, NumpyArray
from momus.methods.scenarios.stock import Made, Stock, chosen, labels

_NUMBERS = (ColumnKind.NUMERIC, ColumnKind.INTEGER, ColumnKind.ORDINAL)
# Plain sentences of our own, one meaning: good morning, the weather is fine today and the train leaves at eight.
SENTENCES = (
    "Buenos días, hoy hace buen tiempo y el tren sale a las ocho",
    "Bonjour, il fait beau aujourd'hui et le train part à huit heures",
    "Guten Morgen, heute ist das Wetter schön und der Zug fährt um acht",
    "Buongiorno, oggi fa bel tempo e il treno parte alle otto",
    "Bom dia, hoje o tempo está bom e o comboio parte às oito",
    "Dzień dobry, dziś jest ładna pogoda, a pociąg odjeżdża o ósmej",
    "Доброе утро, сегодня хорошая погода, и поезд отходит в восемь",
    "おはようございます。今日は天気が良く、電車は八時に出ます",
    "早上好，今天天气很好，火车八点开",
    "صباح الخير، الطقس جميل اليوم والقطار يغادر في الثامنة",
)


def blank_rows(stock: Stock, n: int, rng: np.random.Generator, *, missing: bool = False) -> Made:
    """Forms that nobody filled in: 0 everywhere, or missing values where ``missing`` (the target must answer them)."""
    x = np.full((n, stock.test.x.shape[1]), np.nan if missing else 0.0)
    return Made(x, None, ("all missing" if missing else "all 0",) * n)


def default_rows(stock: Stock, n: int, rng: np.random.Generator) -> Made:
    """The commonest value of each column at once, one of its columns left as somebody filled it in."""
    x = np.asarray(stock.test.x, dtype=float)
    usual = np.array([_commonest(c) for c in x.T])
    out = np.tile(usual, (n, 1))
    kept = rng.integers(0, x.shape[1], n)
    out[np.arange(n), kept] = x[chosen(stock.test, n, rng), kept]
    return Made(out, None, ("the commonest values",) * n)


def out_of_range(stock: Stock, n: int, rng: np.random.Generator, *, times: float = 10.0) -> Made:
    """Rows in which one number lies ``times`` its column's whole range beyond it, to either side."""
    x = np.asarray(stock.test.x, dtype=float)
    rows, use = chosen(stock.test, n, rng), _numeric(stock, x)
    out, kinds = x[rows].copy(), []
    for i in range(n):
        j = int(rng.choice(use))
        low, high = np.nanmin(x[:, j]), np.nanmax(x[:, j])
        out[i, j] = high + times * (high - low) if rng.random() < 0.5 else low - times * (high - low)
        kinds.append(f"{_name(stock, j)} = {out[i, j]:.4g}")
    return Made(out, labels(stock.test, rows), tuple(kinds))


def sentinel(stock: Stock, n: int, rng: np.random.Generator, *, value: float = -999.0) -> Made:
    """Rows in which one number is a code that some systems write for missing."""
    x = np.asarray(stock.test.x, dtype=float)
    rows, use = chosen(stock.test, n, rng), _numeric(stock, x)
    out, at = x[rows].copy(), rng.choice(use, n)
    out[np.arange(n), at] = value
    return Made(out, labels(stock.test, rows), tuple(f"{_name(stock, j)} = {value:g}" for j in at))


def empty(stock: Stock, n: int, rng: np.random.Generator) -> Made:
    """No text, a space, a line break, a full stop."""
    kinds = ("", " ", "\n", ".")
    return Made(_texts([kinds[i % 4] for i in range(n)]), None, ("no text",) * n)


def other_language(stock: Stock, n: int, rng: np.random.Generator) -> Made:
    """One sentence about weather and trains in ten languages."""
    return Made(_texts([SENTENCES[i % len(SENTENCES)] for i in range(n)]), None, ("another language",) * n)


def gibberish(stock: Stock, n: int, rng: np.random.Generator) -> Made:
    """Words of random letters, as many and as long as in somebody's text."""
    letters = np.array(list("abcdefghijklmnopqrstuvwxyz"))
    source = [str(stock.test.x[i]).split() or ["x"] for i in chosen(stock.test, n, rng)]
    made = [" ".join("".join(rng.choice(letters, len(word))) for word in words) for words in source]
    return Made(_texts(made), None, ("random letters",) * n)


def silence(stock: Stock, n: int, rng: np.random.Generator) -> Made:
    """Zeros, and the last bit of a converter flickering."""
    x = np.zeros((n, stock.test.x.shape[1]), np.float32)
    x[1::2] = rng.choice([-1, 0, 1], x[1::2].shape) / 32768
    return Made(x, None, ("silence",) * n)


def noise(stock: Stock, n: int, rng: np.random.Generator) -> Made:
    """White noise as loud as the clip was."""
    x = np.asarray(stock.test.x[chosen(stock.test, n, rng)], dtype=np.float32)
    level = np.sqrt((x**2).mean(axis=1, keepdims=True))
    return Made(np.clip(rng.normal(size=x.shape) * level, -1, 1).astype(np.float32), None, ("noise",) * n)


def clipping(stock: Stock, n: int, rng: np.random.Generator, *, gain_db: float = 20.0) -> Made:
    """Clips so loud that the microphone cuts their tops off."""
    rows = chosen(stock.test, n, rng)
    x = np.asarray(stock.test.x[rows], dtype=np.float32)
    peak = np.maximum(np.abs(x).max(axis=1, keepdims=True), 1e-9)
    loud = np.clip(x / peak * 10 ** (gain_db / 20), -1, 1).astype(np.float32)
    return Made(loud, labels(stock.test, rows), (f"{gain_db:g} dB too loud",) * n)


def _numeric(stock: Stock, x: NumpyArray) -> NumpyArray:
    columns = stock.test.columns
    use = [j for j, c in enumerate(columns) if c.kind in _NUMBERS] if len(columns) == x.shape[1] else range(x.shape[1])
    found = np.array([j for j in use if np.isfinite(x[:, j]).any()], dtype=int)
    if not len(found):
        raise ValueError("the table has no number that could be out of place")
    return found


def _name(stock: Stock, j: int) -> str:
    columns: tuple[Column, ...] = stock.test.columns
    return columns[j].name if j < len(columns) else f"column {j + 1}"


def _commonest(column: NumpyArray) -> float:
    values, count = np.unique(column[np.isfinite(column)], return_counts=True)
    return float(values[count.argmax()]) if len(values) else 0.0


def _texts(made: list[str]) -> NumpyArray:
    out = np.empty(len(made), dtype=object)
    out[:] = made
    return out
