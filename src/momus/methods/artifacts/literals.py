"""Pickle instructions that push a constant: framing, numbers, texts and bytes. Also the table all of them stand in."""

from __future__ import annotations

import _codecs

from momus.methods.artifacts.values import DATA, Blob

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

    from momus.methods.artifacts.opcodes import Machine

    Handler = Callable[[Machine], bool | None]

_WHOLE = 1 << 62  # a line to its end, however long
_MODULUS = (1 << 61) - 1
_COLLISIONS = 2000
_HASHES = 100_000
TABLE: list[Handler | None] = [None] * 256
# Constants whose content never matters: bytes that follow the instruction, or -1.
PLAIN: list[int] = [-1] * 256
for _op, _width in ((0x4E, 0), (0x88, 0), (0x89, 0), (0x47, 8)):  # NONE, NEWTRUE, NEWFALSE, BINFLOAT
    PLAIN[_op] = _width


def on(*bytes_: int) -> Callable[[Handler], Handler]:
    def put(handler: Handler) -> Handler:
        for b in bytes_:
            TABLE[b] = handler
        return handler

    return put


# -- framing and numbers ---------------------------------------------------------------------------------------------
@on(0x80)
def _proto(m: Machine) -> None:
    m.stream.protocol = m.number(1)
    if m.stream.protocol > 5:
        m.fail(f"protocol {m.stream.protocol} does not exist")


@on(0x95)
def _frame(m: Machine) -> None:
    size = m.number(8)
    m.frame = m.pos + size
    if size > m.end - m.pos:
        what = f"a frame claims {size:,} bytes where {m.end - m.pos:,} are left"
        m.rulings.mark("dangerous" if size > 1 << 32 else "suspicious", what, m.at, reason="readers disagree about it")


@on(0x2E)
def _stop(m: Machine) -> bool:
    m.stream.value = m.pop()
    return True


@on(0x4D)
def _binint2(m: Machine) -> None:
    m.stack.append(m.number(2))


@on(0x4A)
def _binint(m: Machine) -> None:
    m.stack.append(m.number(4, signed=True))


def _long(m: Machine, width: int) -> None:
    a, b = m.span(width, signed=width == 4)
    if b - a > 4096:
        m.stack.append(DATA)
        return
    _integer(m, int.from_bytes(m.buf[a:b], "little", signed=True), b - a <= 16)


def _integer(m: Machine, value: int, short: bool) -> None:
    """Integers beyond the modulus of Python's hash: thousands with one hash make a dictionary take for ever."""
    if not -_MODULUS < value < _MODULUS:
        key = hash(value)
        m.hashes[key] = count = m.hashes.get(key, 0) + 1
        if count == _COLLISIONS:
            what = f"hash bomb: more than {_COLLISIONS:,} whole numbers with the same hash"
            m.rulings.mark("dangerous", what, m.at, reason="would exhaust the machine that loads it")
        if len(m.hashes) > _HASHES:
            m.hashes.clear()
    m.stack.append(value if short else DATA)


@on(0x8A)
def _long1(m: Machine) -> None:
    _long(m, 1)


@on(0x8B)
def _long4(m: Machine) -> None:
    _long(m, 4)


@on(0x49, 0x4C)
def _int_text(m: Machine) -> None:
    raw = m.line().partition(b"\0")[0].strip().rstrip(b"L")
    if len(raw) > 4000:
        what = "a decimal number of more than 4,000 digits"
        m.rulings.mark("suspicious", what, m.at, reason="costs quadratic time to convert")
        m.stack.append(DATA)
        return
    if raw in (b"00", b"01"):
        m.stack.append(DATA)
        return
    for base in (0, 10):  # a pickle's number may be written in hexadecimal, and with zeros in front
        try:
            number = int(raw, base)
        except ValueError:
            continue
        _integer(m, number, len(raw) <= 40)
        return
    m.fail("a number that is none")


@on(0x46)
def _float_text(m: Machine) -> None:
    try:
        float(m.line().partition(b"\0")[0])
    except ValueError:
        m.fail("a float that is none")
    m.stack.append(DATA)


# -- text and bytes --------------------------------------------------------------------------------------------------
def _text(width: int) -> Handler:
    def push(m: Machine) -> None:
        a, b = m.span(width)
        m.stack.append(m.text(a, b))

    return push


for _op, _width in ((0x8C, 1), (0x58, 4), (0x8D, 8)):  # SHORT_BINUNICODE, BINUNICODE, BINUNICODE8
    TABLE[_op] = _text(_width)


def _blob(width: int) -> Handler:
    def push(m: Machine) -> None:
        m.stack.append(Blob(*m.span(width)))

    return push


for _op, _width in ((0x43, 1), (0x42, 4), (0x8E, 8), (0x96, 8)):  # SHORT_BINBYTES, BINBYTES, BINBYTES8, BYTEARRAY8
    TABLE[_op] = _blob(_width)


@on(0x55)
def _short_binstring(m: Machine) -> None:
    a, b = m.span(1)
    m.stack.append(m.text(a, b, "latin-1"))


@on(0x54)
def _binstring(m: Machine) -> None:
    a, b = m.span(4, signed=True)
    m.stack.append(m.text(a, b, "latin-1"))


@on(0x53)
def _string(m: Machine) -> None:
    raw = m.line(_WHOLE).strip(b" \t\r")
    if len(raw) < 2 or raw[:1] != raw[-1:] or raw[:1] not in (b"'", b'"'):
        m.fail("text without quotes")
    try:
        plain = _codecs.escape_decode(raw[1:-1])[0]
    except ValueError:
        m.fail("text with a broken escape")
    m.rulings.spelt(plain, m.at)
    m.stack.append(plain.decode("latin-1") if len(plain) <= 300 else DATA)


@on(0x56)
def _unicode(m: Machine) -> None:
    raw = m.line()
    if len(raw) > 300:
        m.stack.append(DATA)
        return
    try:
        plain = _codecs.raw_unicode_escape_decode(raw)[0]
    except UnicodeDecodeError:
        m.fail("text with a broken escape")
    m.rulings.spelt(plain.encode("utf-8", "surrogatepass"), m.at)
    m.stack.append(plain)


@on(0x97)
def _next_buffer(m: Machine) -> None:
    m.stack.append(DATA)


@on(0x98)
def _readonly_buffer(m: Machine) -> None:
    m.top()
