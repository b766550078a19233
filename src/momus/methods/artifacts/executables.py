"""Programs of every kind: told by their headers and always marked, since none is a model and each runs when opened."""

from __future__ import annotations

import re

from momus.methods.artifacts import python_code, shells
from momus.methods.artifacts.report import Job, Region

_KINDS = {
    b"\x7fELF": "a native program or library",
    b"MZ": "a Windows program or library",
    b"\0asm": "a WebAssembly module",
    b"dex\n": "an Android program",
    b"L\0\0\0\x01\x14\x02\0": "a Windows shortcut, which starts what it names",
    b"\x1bLua": "Lua bytecode",
    b"\x1bLJ": "LuaJIT bytecode",
    b"BC\xc0\xde": "LLVM bitcode",
    b"\xca\xfe\xba\xbe": "a Java class or macOS program",
}
_FORMATS = {
    b"\x7fELF": "elf", b"MZ": "windows program", b"\0asm": "wasm", b"dex\n": "dex", b"\x1bLua": "lua bytecode",
    b"\x1bLJ": "lua bytecode", b"BC\xc0\xde": "llvm bitcode",
    b"L\0\0\0\x01\x14\x02\0": "windows shortcut",
}  # fmt: skip
_MACHO = (b"\xfe\xed\xfa\xce", b"\xfe\xed\xfa\xcf", b"\xce\xfa\xed\xfe", b"\xcf\xfa\xed\xfe")
_GADGETS = re.compile(
    rb"org\.apache\.commons\.collections|InvokerTransformer|TemplatesImpl|ProcessBuilder|java\.lang\.Runtime|"
    rb"javax\.script|JdbcRowSet|URLClassLoader|groovy\.runtime|bsh\.|ysoserial|java\.rmi"
)


def scan(job: Job, region: Region, where: str) -> str:
    """A program by its header. Its code is not read: that it is one is what matters beside weights."""
    head = region.take(0, 16)
    magic = next((m for m in _KINDS if head.startswith(m)), b"")
    if head[:4] in _MACHO:
        kind, what = "macho", "a macOS program or library"
    elif magic == b"\xca\xfe\xba\xbe":
        fat = 0 < int.from_bytes(head[4:8], "big") < 40
        kind, what = ("macho", "a macOS program or library") if fat else ("java class", "a Java class")
    elif magic:
        kind, what = _FORMATS[magic], _KINDS[magic]
    else:
        kind, what = "compiled Python", "compiled Python"
        _bytecode(job, region, where)
    job.mark("suspicious", f"is {what}, no model", 0, where, reason="a program beside weights")
    return kind


_PYTHON_WORDS = re.compile(rb"(posix|os)?\x00?system|subprocess|b64decode|urlopen|socket|__import__|marshal")


def _bytecode(job: Job, region: Region, where: str) -> None:
    """Compiled Python is not unmarshalled, which can crash; names that stand in it are told."""
    found = sorted({m[0].decode("ascii", "replace") for m in _PYTHON_WORDS.finditer(region.take(0, 1 << 20))})
    if found:
        job.mark("suspicious", f"compiled Python that names {', '.join(found)[:100]}", None, where, opcode="pyc")


def scan_script(job: Job, region: Region, where: str) -> str:
    """A text that a system runs by its first line."""
    data = region.take(0, min(len(region), job.limits.text))
    first = data.split(b"\n", 1)[0][2:80].decode("ascii", "replace").strip()
    job.mark("suspicious", f"is a script for {first[:60]}, no model", 0, where, reason="a program beside weights")
    text = data.decode("utf-8", "replace")
    at = next((i for i, c in enumerate(text[: 1 << 20]) if c < " " and c not in "\t\n\r\f\x1b"), -1)
    if at >= 0:
        job.mark("suspicious", "a script with something else behind it", at, where)
        job.examine(region.part(len(text[:at].encode()), len(region)), f"{where}!bytes@{at}")
    tree = python_code.parsed(text) if "python" in first or "env" in first else None
    if tree is not None and "sh" not in first.split("/")[-1]:
        python_code.judge(job, tree, where)
    shells.judge(job, text, where, "the script")
    return "script"


def scan_java_objects(job: Job, region: Region, where: str) -> str:
    """Serialised Java objects: reading them builds whatever classes they name."""
    hit = _GADGETS.search(region.take(0, min(len(region), job.limits.text)))
    if hit:
        reason = "names a class by which reading it runs code"
        job.mark(
            "dangerous",
            f"serialised Java objects: {reason}",
            hit.start(),
            where,
            call=hit[0].decode("ascii"),
            reason=reason,
        )
    else:
        job.mark("suspicious", "serialised Java objects: reading them builds the classes they name", 0, where)
    return "java objects"
