"""The protobuf wire format: a bounded walk over the fields of a message, without a schema and without copies.

Source: the protobuf encoding page; what the official readers refuse (groups are refused here as well) is refused.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from momus.methods.artifacts.report import Job, Region


class NotProtobuf(Exception):
    """The bytes are no protobuf message."""


Field = tuple[int, int, int, int]  # field number, wire type, start and end (or the value and 0), relative


def varint(buf: bytes, at: int, end: int) -> tuple[int, int]:
    """(value, next place) of the number at ``at``; more than ten bytes, or more than 64 bits, are no number."""
    value = shift = 0
    while at < end and shift < 70:
        b = buf[at]
        at += 1
        value |= (b & 127) << shift
        if b < 128:
            if value >> 64:
                raise NotProtobuf
            return value, at
        shift += 7
    raise NotProtobuf


def fields(region: Region) -> Iterator[Field]:
    """Fields of one message, in order. NotProtobuf where the bytes do not hold."""
    buf, at, end, base = region.buf, region.start, region.end, region.start
    while at < end:
        tag, at = varint(buf, at, end)
        number, wire = tag >> 3, tag & 7
        if number == 0 or tag >> 32:
            raise NotProtobuf
        if wire == 2:
            length, at = varint(buf, at, end)
            if length > end - at:
                raise NotProtobuf
            yield number, 2, at - base, at - base + length
            at += length
        elif wire == 0:
            value, at = varint(buf, at, end)
            yield number, 0, value, 0
        elif wire in (1, 5):
            width = 8 if wire == 1 else 4
            if width > end - at:
                raise NotProtobuf
            yield number, wire, at - base, at - base + width
            at += width
        else:
            raise NotProtobuf


def shape(region: Region, most: int = 100_000) -> dict[int, int] | None:
    """Field number -> wire type of a message's first level; None where it is no message."""
    found: dict[int, int] = {}
    try:
        for i, (number, wire, _, _) in enumerate(fields(region)):
            if i > most or found.setdefault(number, wire) != wire:
                return None
    except NotProtobuf:
        return None
    return found


def parts(region: Region, wanted: int) -> Iterator[Region]:
    """Messages (or texts) of one field number."""
    for number, wire, a, b in fields(region):
        if wire == 2 and number == wanted:
            yield region.part(a, b - a)


def text(region: Region, start: int = 0, end: int | None = None, most: int = 4096) -> str:
    end = len(region) if end is None else end
    return region.take(start, min(end - start, most)).decode("utf-8", "replace")


def known(job: Job, region: Region, schema: Mapping[int, str], message: str, where: str) -> Iterator[Field]:
    """The fields of a message whose numbers and kinds are in ``schema``; others are marked.

    A schema maps field numbers to the wire types that may stand there: "v" a number, "l" bytes, "4" and "8" fixed.
    """
    for found in fields(region):
        kinds = schema.get(found[0])
        if kinds is None:
            what = f"an unknown field {found[0]} in {message}"
            job.mark(
                "suspicious", what, region.start, where, opcode=message, reason="newer or foreign readers act on it"
            )
        elif "v8l..4"[found[1]] not in kinds:
            what = f"field {found[0]} of {message} is of another type than readers expect"
            job.mark("suspicious", what, region.start, where, opcode=message, reason="readers skip it or disagree")
        else:
            yield found
