"""What columns mean: from the card where it says so, else inferred from their values; then codes, checks and labels."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from momus.card.schema import ColumnCard
from momus.core.errors import DataError
from momus.core.samples import Column, ColumnKind, NumpyArray
from momus.data.frame import Frame, nearest, texts_of

FEW = 20  # whole numbers with no more values than this may be a code, but stay integers unless the card says otherwise
CLASSES_AT_MOST = 100_000
# A column that nobody described, with up to this share of texts among its numbers, is read as a mistake and not as a
# categorical column: a probe on it would measure something else than its owner means.
STRAY = 0.05


def feature(frame: Frame, name: str, card: ColumnCard | None, missing: bool = False) -> tuple[Column, NumpyArray]:
    """The column's meaning and its float64 values (codes for categories).

    DataError with the line for text in a numeric column, an empty field, or a value outside the listed categories.
    With ``missing`` an empty field is a missing value, NaN.
    """
    raw = frame[name]
    given = card or ColumnCard()
    text = raw.dtype == object
    kind = ColumnKind(given.kind) if given.kind else _kind(raw, given)
    plain = {
        "immutable": given.immutable, "one_hot": given.one_hot, "inferred": card is None or card.kind is None,
        "sensitive": given.sensitive,
    }  # fmt: skip
    coded = kind is ColumnKind.CATEGORICAL or bool(given.categories) or (text and kind is not ColumnKind.NUMERIC)
    if coded:
        codes, categories = _codes(frame, name, raw, given, missing)
        high = float(len(categories) - 1)
        return Column(name, kind, 0.0, max(high, 0.0), categories, **plain), codes  # type: ignore[arg-type]
    if text:
        raise _not_a_number(frame, name, raw)
    values = raw.astype(np.float64)
    known = values[~np.isnan(values)] if missing else values
    _complete(frame, name, np.where(np.isnan(values), 0.0, values) if missing else values)
    _kind_holds(frame, name, kind, known)
    low = given.low if given.low is not None else float(known.min()) if len(known) else None
    high_ = given.high if given.high is not None else float(known.max()) if len(known) else None
    return Column(name, kind, low, high_, (), **plain), values  # type: ignore[arg-type]


def labels(frame: Frame, name: str, classes: Sequence[str]) -> tuple[NumpyArray, tuple[str, ...]]:
    """Class indices int64 (n,) and the class names.

    With ``classes`` each value must be one of them, by text, or be an index into them where none is a number. Without:
    whole numbers from 0 on are indices themselves, texts are numbered in sorted order.
    """
    raw = frame.columns[frame.index(name, "label column")]
    texts = texts_of(raw)
    blank = next((i for i, t in enumerate(texts) if t == ""), None)
    if blank is not None:
        raise DataError(
            f"{sum(t == '' for t in texts)} rows have no label",
            code="data/missing-label",
            place=frame.place(blank, name),
            hint="Drop these rows or label them",
        )
    if not classes and raw.dtype.kind in "fiub" and len(raw):
        whole = raw.astype(np.float64)
        broken = whole != np.rint(whole)
        if broken.any():
            raise DataError(
                "labels are not whole numbers",
                code="data/label",
                place=frame.place(int(np.argmax(broken)), name),
                hint="For values to predict, say task: regressor on the target",
            )
        if whole.min() >= 0 and whole.max() < CLASSES_AT_MOST:
            return whole.astype(np.int64), tuple(str(i) for i in range(int(whole.max()) + 1))
    names = tuple(classes) or tuple(sorted(set(texts)))
    codes = {c: i for i, c in enumerate(names)}
    if not any(_is_whole(c) for c in names):
        codes |= {str(i): i for i in range(len(names))}
    found = np.array([codes.get(t, -1) for t in texts], dtype=np.int64)
    if len(found) and found.min() < 0:
        row = int(np.argmax(found < 0))
        raise DataError(
            f"the label '{texts[row]}' is not among the {len(names)} classes ({int((found < 0).sum())} rows)",
            code="data/label-outside",
            place=frame.place(row, name),
            hint=nearest(texts[row], names),
        )
    return found, names


def values(frame: Frame, name: str) -> NumpyArray:
    """A regressor's targets, float64 (n,)."""
    raw = frame.columns[frame.index(name, "label column")]
    if raw.dtype == object:
        raise _not_a_number(frame, name, raw)
    found = raw.astype(np.float64)
    _complete(frame, name, found)
    return found


def moments(frame: Frame, name: str) -> NumpyArray:
    """A time column as float64: numbers as they are, ISO dates as seconds since 1970 (UTC)."""
    raw = frame.columns[frame.index(name, "time column")]
    if raw.dtype.kind in "fiub":
        found = raw.astype(np.float64)
        _complete(frame, name, found)
        return found
    if raw.dtype.kind == "M":
        return np.asarray(raw.astype("datetime64[ns]").astype(np.int64) / 1e9)
    out = np.empty(len(raw))
    for i, text in enumerate(texts_of(raw)):
        try:
            out[i] = np.datetime64(text.strip().removesuffix("Z").replace(" ", "T"), "us").astype(np.int64) / 1e6
        except ValueError as error:
            raise DataError(
                f"'{text}' is neither a number nor an ISO date",
                code="data/time",
                place=frame.place(i, name),
                hint="Write dates as 2024-05-31 or 2024-05-31T12:00:00",
            ) from error
    return out


def check_one_hot(source: str, columns: Sequence[Column], x: NumpyArray) -> None:
    """DataError where a declared one-hot group has a row without exactly one 1."""
    groups: dict[str, list[int]] = {}
    for j, column in enumerate(columns):
        if column.one_hot:
            groups.setdefault(column.one_hot, []).append(j)
    for group, members in groups.items():
        block = x[:, members]
        block = block[~np.isnan(block).any(axis=1)]
        wrong = (block.sum(axis=1) != 1) | ~np.isin(block, (0.0, 1.0)).all(axis=1)
        if wrong.any():
            count, first = int(wrong.sum()), int(np.argmax(wrong))
            raise DataError(
                f"the one-hot group '{group}' has {count} rows without exactly one 1, first row {first}",
                code="data/one-hot",
                place=f"{source}: column '{columns[members[0]].name}'",
                hint="List all columns of the group, or take one_hot off the card",
            )


def unknown_columns(frame: Frame, wanted: Mapping[str, object]) -> None:
    """DataError for the first column that the card describes and the file lacks."""
    for name in wanted:
        frame.index(name)


def _kind(raw: NumpyArray, given: ColumnCard) -> ColumnKind:
    if raw.dtype == object or given.categories:
        return ColumnKind.CATEGORICAL
    if raw.dtype.kind == "b" or given.one_hot:
        return ColumnKind.BINARY
    known = raw[~np.isnan(raw)] if raw.dtype.kind == "f" else raw
    if len(known) and np.isin(known, (0, 1)).all():
        return ColumnKind.BINARY
    return ColumnKind.INTEGER if len(known) and (known == np.rint(known)).all() else ColumnKind.NUMERIC


def _codes(
    frame: Frame, name: str, raw: NumpyArray, given: ColumnCard, missing: bool = False
) -> tuple[NumpyArray, tuple[str, ...]]:
    texts = texts_of(raw)
    categories = tuple(given.categories) or _in_order(texts)
    codes = {c: float(i) for i, c in enumerate(categories)}
    found = np.array([codes.get(t, np.nan) for t in texts], dtype=np.float64)
    bad = np.isnan(found)
    if missing:
        bad &= np.array([t != "" for t in texts], dtype=bool)
    if bad.any():
        row = int(np.argmax(bad))
        if texts[row] == "":
            raise _incomplete(frame, name, bad)
        raise DataError(
            f"'{texts[row]}' is not among the categories ({int(bad.sum())} rows)",
            code="data/category",
            place=frame.place(row, name),
            hint=nearest(texts[row], categories),
        )
    return found, categories


def _in_order(texts: Sequence[str]) -> tuple[str, ...]:
    """Distinct values; numerically where all are numbers. Empty fields are no category."""
    distinct = {t for t in texts if t != ""}
    try:
        return tuple(sorted(distinct, key=float))
    except ValueError:
        return tuple(sorted(distinct))


def _complete(frame: Frame, name: str, values_: NumpyArray) -> None:
    bad = ~np.isfinite(values_)
    if bad.any():
        raise _incomplete(frame, name, bad)


def _incomplete(frame: Frame, name: str, bad: NumpyArray) -> DataError:
    return DataError(
        f"{int(bad.sum())} of {len(bad)} values are missing, NaN or infinite",
        code="data/nan",
        place=frame.place(int(np.argmax(bad)), name),
        hint="Fill or drop these rows, or list the column under drop",
    )


def _kind_holds(frame: Frame, name: str, kind: ColumnKind, values_: NumpyArray) -> None:
    """DataError where a column declared integer or binary holds something else."""
    if kind is ColumnKind.BINARY:
        wrong = ~np.isin(values_, (0.0, 1.0))
    elif kind is ColumnKind.INTEGER:
        wrong = values_ != np.rint(values_)
    else:
        return
    if wrong.any():
        row = int(np.argmax(wrong))
        raise DataError(
            f"{values_[row]:g} in a column declared {kind.value} ({int(wrong.sum())} rows)",
            code="data/kind",
            place=frame.place(row, name),
            hint="Change its kind on the card, or list its categories",
        )


def _not_a_number(frame: Frame, name: str, raw: NumpyArray) -> DataError:
    row, text = next(((i, t) for i, t in enumerate(texts_of(raw)) if not _is_number(t)), (0, ""))
    return DataError(
        f"'{text}' is not a number",
        code="data/not-a-number",
        place=frame.place(row, name),
        hint="Correct the field, or say kind: categorical for this column",
    )


def refuse_stray_text(frame: Frame, name: str) -> None:
    """DataError for a column of numbers with a few texts among them: a slip of the pen rather than a category."""
    raw = frame[name]
    if raw.dtype == object and 0 < sum(not _is_number(t) for t in texts_of(raw)) <= STRAY * len(raw):
        raise _not_a_number(frame, name, raw)


def _is_number(text: str) -> bool:
    try:
        float(text)
    except ValueError:
        return text == ""
    return True


def _is_whole(text: str) -> bool:
    return text.lstrip("-").isdigit()


OPEN = ColumnCard()


def distinct(raws: Sequence[NumpyArray]) -> tuple[str, ...]:
    """The distinct values of a column over several sets, in numerical or else alphabetical order."""
    return _in_order([t for raw in raws for t in texts_of(raw)])
