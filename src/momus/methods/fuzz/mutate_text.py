"""Texts and XML: encodings that do not hold, characters that are not what they seem, entities that grow."""

from __future__ import annotations

from random import Random

from momus.methods.fuzz.mutate_bytes import LARGEST, Mutation

_BROKEN = (
    b"\xc0\xaf", b"\xe0\x80\xaf", b"\xf0\x80\x80\xaf", b"\xed\xa0\x80", b"\xed\xbf\xbf", b"\xf4\x90\x80\x80",
    b"\xf8\x88\x80\x80\x80",
    b"\x80", b"\xff", b"\xfe\xff", b"\xc3", b"\xe2\x82", b"\x00", b"\xef\xbf\xbf", b"\xc0\x80",
)  # fmt: skip
_ODD = (
    "\u202e", "\u2066", "\u200f", "\u200b", "\u2060", "\ufeff", "\u0000", "\u001b[31m", "\u0301" * 300,
    "\U000e0041" * 20, "\u2028",
    "ﷺ" * 50, "İ", "ß", "ﬁ", "👨\u200d👩\u200d👧", "\U0001f1e6", "\ue000", "\U0010ffff", "\u0085", "\u180e",
    "<|endoftext|>", "\\x00",
    "%s%n", "{0}", "${jndi:x}", "../../", "\u3164", "ａ", "а", "\x7f", "\ufffd", "'\"`", "</s>", "\u0e33" * 40,
    "\u1100" * 40,
)  # fmt: skip


def written(text: str) -> bytes:
    """Back to bytes: what came from broken bytes goes back to them, lone surrogates as some writers write them."""
    try:
        return text.encode("utf-8", "surrogateescape")[:LARGEST]
    except UnicodeEncodeError:
        return text.encode("utf-8", "surrogatepass")[:LARGEST]


def encodings(data: bytes, rng: Random) -> bytes:
    """The whole text in another encoding, with or without a mark that says so, or with the wrong one."""
    text = data.decode("utf-8", "replace")
    name = rng.choice(
        ("utf-16", "utf-16-le", "utf-16-be", "utf-32", "utf-8-sig", "latin-1", "cp1252", "utf-7", "cp037")
    )
    coded = text.encode(name, "replace")
    return rng.choice((b"", b"", b"\xef\xbb\xbf", b"\xff\xfe", b"\xfe\xff", b"\x00\x00\xfe\xff"))[:4] + coded[:LARGEST]


def broken(data: bytes, rng: Random) -> bytes:
    """Bytes that are no text in between: overlong, surrogates, beyond the last character, cut off."""
    at = rng.randint(0, len(data))
    return data[:at] + rng.choice(_BROKEN) * rng.choice((1, 1, 3, 200)) + data[at:]


def odd(data: bytes, rng: Random) -> bytes:
    """Characters that turn the direction, join, vanish, pile up or mean something to a program."""
    text = data.decode("utf-8", "surrogateescape")
    at = rng.randint(0, len(text))
    return written(text[:at] + rng.choice(_ODD) * rng.choice((1, 1, 5, 100)) + text[at:])


def sizes(data: bytes, rng: Random) -> bytes:
    """No text, blanks only, one word or line without end, many short ones."""
    made = (
        b"",
        b" ",
        b"\n",
        b"\0",
        b" " * 5000,
        b"a" * 60_000,
        b"a " * 30_000,
        b"\n" * 30_000,
        b"a" * 4000 + b"!",
        data * 50,
    )
    return rng.choice(made)[:LARGEST]


TEXT: tuple[Mutation, ...] = (encodings, broken, broken, odd, odd, odd, sizes)

# ---- XML

_DOCTYPES = (
    '<!DOCTYPE x [<!ENTITY a "aaaaaaaaaa">]>', '<!DOCTYPE x [<!ENTITY a SYSTEM "file:///dev/zero">]>',
    '<!DOCTYPE x [<!ENTITY % p SYSTEM "file:///nowhere">%p;]>', '<!DOCTYPE x [<!ENTITY a "&b;"><!ENTITY b "&a;">]>',
    '<!DOCTYPE x [<!ATTLIST x y CDATA "d">]>', "<!DOCTYPE x",
)  # fmt: skip


def xml_doctype(data: bytes, rng: Random) -> bytes:
    """Entities: of one's own, of files, of each other, that grow with every level."""
    text = data.decode("utf-8", "surrogateescape")
    head, sep, rest = text.partition("?>") if text.lstrip().startswith("<?xml") else ("", "", text)
    made = rng.choice((*_DOCTYPES, laughs(rng.choice((3, 5)))))
    at = rest.find(">", rest.find("<") + 1) + 1
    return written(head + sep + made + rest[:at] + "&a;" + rest[at:])


def laughs(levels: int) -> str:
    """Entities that unfold to 10 to the power of ``levels``."""
    defined = ['<!ENTITY l0 "lol">'] + [f'<!ENTITY l{i} "{f"&l{i - 1};" * 10}">' for i in range(1, levels)]
    return f'<!DOCTYPE x [{"".join(defined)}<!ENTITY a "{f"&l{levels - 1};" * 10}">]>'


def xml_shape(data: bytes, rng: Random) -> bytes:
    """Depth, doubled attributes, tags that do not close, sections, instructions, names that are none."""
    text = data.decode("utf-8", "surrogateescape")
    at = text.find(">", rng.randrange(len(text) + 1)) + 1
    piece = rng.choice(
        ("<a>" * 3000, "<a>" * 300 + "</a>" * 300, '<a b="1" b="2"/>', "<![CDATA[" + "x" * 100, "<![CDATA[]]>",
        "<?php 1?>",
         "<!-- -- -->", "</a>", "<1/>", "<a:b:c/>", '<a xmlns:a=""/>', "&#0;", "&#xFFFF;", "&#55296;", "&nothing;",
         "\0", "<a " + "b" * 9000,
         "<a" + "".join(f' b{i}="1"' for i in range(2000)) + "/>", "]]>", '<?xml version="1.1"?>', "1e999", "nan")
    )  # fmt: skip
    return written(text[:at] + piece + text[at:])


def xml_declared(data: bytes, rng: Random) -> bytes:
    """An encoding in the first line that is not the one of the bytes."""
    text = data.decode("utf-8", "surrogateescape")
    name = rng.choice(("utf-16", "UTF-7", "latin-1", "x-unknown", "", "idna", "rot13", "zlib", "cp037", "utf-32"))
    body = text.partition("?>")[2] if text.startswith("<?xml") else text
    return written(f'<?xml version="1.0" encoding="{name}"?>{body}')


XML: tuple[Mutation, ...] = (xml_doctype, xml_shape, xml_shape, xml_declared, encodings, broken, odd)
