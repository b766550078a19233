"""Vocabularies and word vectors in binary: fastText, word2vec, SentencePiece. Walked to the last byte."""

from __future__ import annotations

from momus.methods.artifacts.report import Job, Region, TooMuch

_WORDS = 20_000_000


class _Cursor:
    def __init__(self, job: Job, region: Region, at: int = 0) -> None:
        self.job, self.region, self.at = job, region, at

    def number(self, width: int, *, signed: bool = True) -> int:
        raw = self.region.take(self.at, width)
        if len(raw) < width:
            raise ValueError("it ends too early")
        self.at += width
        return int.from_bytes(raw, "little", signed=signed)

    def skip(self, count: int) -> None:
        if count < 0 or count > len(self.region) - self.at:
            raise ValueError("it claims more bytes than there are")
        self.at += count

    def until(self, stop: bytes) -> None:
        end = self.region.find(stop, self.at)
        if end < 0 or end - self.at > 4096:
            raise ValueError("a word without an end")
        self.at = end + 1


def scan_fasttext(job: Job, region: Region, where: str) -> str:
    """fastText's binary model: settings, dictionary, two matrices, plain or quantised."""
    cursor = _Cursor(job, region, 4)
    try:
        _fasttext(job, cursor)
    except ValueError as error:
        job.mark("suspicious", f"a fastText model that does not hold: {error}", cursor.at, where)
        return "fasttext"
    return _end(job, region, cursor.at, where, "fasttext")


def _fasttext(job: Job, cursor: _Cursor) -> None:
    cursor.number(4)  # version
    cursor.skip(12 * 4 + 8)
    words, _, _ = cursor.number(4), cursor.number(4), cursor.number(4)
    cursor.number(8)
    pruned = cursor.number(8)
    if words > _WORDS or pruned > _WORDS:
        raise TooMuch(f"holds more than {_WORDS:,} words")
    for i in range(max(words, 0)):
        if i % 4096 == 0:
            job.check_time()
        cursor.until(b"\0")
        cursor.skip(9)
    cursor.skip(8 * max(pruned, 0))
    quantised = cursor.number(1)
    _matrix(cursor, bool(quantised))
    output = cursor.number(1)
    _matrix(cursor, bool(quantised and output))


def _matrix(cursor: _Cursor, quantised: bool) -> None:
    if not quantised:
        rows, columns = cursor.number(8), cursor.number(8)
        cursor.skip(rows * columns * 4)
        return
    normed = cursor.number(1)
    cursor.skip(16)
    cursor.skip(cursor.number(4))
    _quantiser(cursor)
    if normed:
        cursor.skip(int.from_bytes(cursor.region.take(cursor.at - 0, 0), "little"))
        raise ValueError("norms that are quantised on their own, which is not read here")


def _quantiser(cursor: _Cursor) -> None:
    dim, _, _, _ = (cursor.number(4) for _ in range(4))
    cursor.skip(dim * 256 * 4)


def scan_word2vec(job: Job, region: Region, where: str) -> str:
    """word2vec's binary form: a line with two counts, then words and floats."""
    first = region.take(0, 64).split(b"\n", 1)[0]
    words, size = (int(p) for p in first.split()[:2])
    if words > _WORDS:
        raise TooMuch(f"holds more than {_WORDS:,} words")
    cursor = _Cursor(job, region, len(first) + 1)
    try:
        for i in range(words):
            if i % 4096 == 0:
                job.check_time()
            cursor.until(b" ")
            cursor.skip(4 * size)
            if region.take(cursor.at, 1) == b"\n":
                cursor.at += 1
    except ValueError as error:
        job.mark("suspicious", f"word vectors that do not hold: {error}", cursor.at, where)
        return "word2vec"
    return _end(job, region, cursor.at, where, "word2vec")


def _varint(region: Region, at: int) -> tuple[int, int]:
    value = shift = 0
    for byte in region.take(at, 10):
        value |= (byte & 127) << shift
        at, shift = at + 1, shift + 7
        if byte < 128:
            return value, at
    raise ValueError("a number without an end")


def looks_like_sentencepiece(region: Region) -> bool:
    """The first pieces: field 1 of the model, whose field 1 is a text and whose field 2 is a float."""
    try:
        at = 0
        for _ in range(2):
            if region.take(at, 1) != b"\x0a":
                return False
            size, at = _varint(region, at + 1)
            body = region.take(at, min(size, 300))
            length = body[1] if len(body) > 1 else 255
            if not 5 < size < 300 or body[:1] != b"\x0a" or body[2 + length : 3 + length] != b"\x15":
                return False
            at += size
    except (ValueError, IndexError):
        return False
    return True


def scan_sentencepiece(job: Job, region: Region, where: str) -> str:
    """A SentencePiece model: a protobuf of pieces, settings and a table, all data."""
    at, pieces, seen = 0, 0, set[int]()
    try:
        while at < len(region):
            key, at = _varint(region, at)
            if key & 7 != 2 or not 1 <= key >> 3 <= 5:
                raise ValueError(f"a field {key >> 3} that SentencePiece does not know")
            size, at = _varint(region, at)
            if size > len(region) - at:
                raise ValueError("it claims more bytes than there are")
            pieces += key >> 3 == 1
            seen.add(key >> 3)
            if pieces % 4096 == 0:
                job.check_time()
            at += size
        if not {1, 2, 3} <= seen:
            raise ValueError("it ends before its settings")
    except ValueError as error:
        job.mark("suspicious", f"a SentencePiece model that does not hold: {error}", at, where)
    return "sentencepiece"


def _end(job: Job, region: Region, at: int, where: str, kind: str) -> str:
    if at != len(region):
        job.mark("suspicious", f"{len(region) - at:,} bytes follow the data", at, where)
        if len(region) - at > 8:
            job.examine(region.part(at, len(region)), f"{where}!bytes@{at}")
    return kind
