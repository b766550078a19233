"""Conditions on the arguments of calls that are harmless only in some forms. Each returns a complaint, or nothing."""

from __future__ import annotations

from momus.methods.artifacts.values import DATA, Blob, Name, Node

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any

    from momus.methods.artifacts.rulings import Rulings

    Condition = Callable[[Rulings, list[Any]], str]
# Functions that are harmless only in a checked form: handed on as a value, somebody else would call them unchecked.
GUARDED = frozenset(
    {
        "enum member",
        "inner call",
        "nested",
        "text codec",
        "numpy family",
        "sklearn family",
        "pandas family",
        "empty shape",
        "type name",
        "plain text",
        "plain attribute",
    }
)
_LARGE = 1 << 24
_PLAIN_TYPES = {"list", "dict", "tuple", "set", "frozenset", "slice", "range", "bytes", "bytearray", "object", "bool",
                "int", "float", "complex", "str", "type"}  # fmt: skip
_DILL_TYPES = {
    "AttrGetterType": ("operator", "attrgetter"), "ItemGetterType": ("operator", "itemgetter"),
    "PartialType": ("functools", "partial"), "FileType": ("_io", "FileIO"), "map": ("builtins", "map"),
    "filter": ("builtins", "filter"),
}  # fmt: skip
_REACHING = frozenset(["system", "popen", "eval", "exec", "modules", "open", "load", "loads", "unlink", "call", "run",
                       "Popen", "check_output", "check_call", "spawn", "import_module", "remove"])  # fmt: skip
# how protocols below 4 and tokenisers name a method of text: each makes text or words of the text it is given
_TEXT_METHODS = {"lower", "upper", "strip", "lstrip", "rstrip", "split", "rsplit", "splitlines", "casefold", "title",
                 "capitalize", "swapcase"}  # fmt: skip
_PLAIN_BASES = {"object", "dict", "list", "tuple", "set", "frozenset", "int", "float", "str", "Exception", "complex"}


def _no_size(_r: Rulings, args: list[Any]) -> str:
    """bytes(n) and bytearray(n) allocate n bytes."""
    return "allocates as many bytes as it likes" if args and type(args[0]) is int and args[0] > _LARGE else ""


def _empty_shape(_r: Rulings, args: list[Any]) -> str:
    """numpy's _reconstruct makes an empty array that its state fills; a large shape allocates at once."""
    shape = args[1] if len(args) > 1 else None
    if type(shape) is not Node or shape.kind != "tuple":
        return "the shape is not a plain tuple"
    total = 1
    for n in shape.items:
        if type(n) is not int or n < 0:
            return "the shape is not made of plain numbers"
        total *= n
    return "allocates as much as it likes" if total > _LARGE or shape.size > 64 else ""


def _text_codec(_r: Rulings, args: list[Any]) -> str:
    """_codecs.encode is how protocol 2 writes bytes: always latin1."""
    if len(args) == 2 and type(args[1]) is str and args[1].lower().replace("-", "") in ("latin1", "ascii", "utf8"):
        return ""
    return "uses a codec that bytes are never written with"


def _one_argument(_r: Rulings, args: list[Any]) -> str:
    """type(x) tells a type; type(name, bases, members) makes a class."""
    return "" if len(args) == 1 else "makes a class of its own"


def _plain_base(rulings: Rulings, args: list[Any]) -> str:
    """copyreg._reconstructor(cls, base, state) runs the base's constructor on the state."""
    if len(args) < 2:
        return "has no base class"
    base = args[1]
    if type(base) is Name and base.module in ("builtins", "exceptions") and base.name in _PLAIN_BASES:
        return ""
    return "" if type(base) is not Name and len(args) != 3 else "the base class is not a plain one"


def _enum_member(rulings: Rulings, args: list[Any]) -> str:
    """getattr is how Python 3.11 pickles a member of an enumeration: a class and a name in capitals."""
    member = args[1] if len(args) == 2 and rulings.usable(args[0], "build") else None
    if member == "_unpickle" and type(member) is str and str(args[0]) == "zoneinfo.ZoneInfo":
        return ""
    if type(args[0]) is Name and type(member) is str and str(args[0]) == "builtins.str":
        return "" if member in _TEXT_METHODS else "reaches for an attribute by name"
    if type(args[0]) is Name and args[0].module.startswith("scipy.interpolate.") and str(member).startswith("_call_"):
        return ""
    allowed = type(member) is str and member.isascii() and member.isidentifier() and member.isupper()
    return "" if allowed else "reaches for an attribute by name"


def _inner_call(rulings: Rulings, args: list[Any]) -> str:
    """torch._tensor._rebuild_from_type_v2(function, type, arguments, state) calls the function."""
    if len(args) == 4 and rulings.usable(args[0], "call") and type(args[2]) is Node and type(args[1]) is Name:
        return ""
    return "calls a function that it is handed"


def _nested(rulings: Rulings, args: list[Any]) -> str:
    """torch.storage._load_from_bytes unpickles its argument: scanned as a file of its own."""
    value = args[0] if len(args) == 1 else None
    if type(value) is Node and str(value.maker) == "_codecs.encode" and value.items:
        value = value.items[0]  # how protocol 2 writes bytes: text, encoded as latin1
    if type(value) is str:
        value = value.encode("latin-1", "replace")
    if isinstance(value, Blob | bytes):
        rulings.nested.append(value)
        return ""
    return "unpickles bytes that cannot be followed"


def _no_arguments(_r: Rulings, args: list[Any]) -> str:
    """numpy.ndarray.__new__(shape) allocates, numpy.matrix.__new__(text) parses: their pickles give no arguments."""
    return "is given arguments, which its own pickles never do" if args else ""


def _family(*prefixes: str) -> Condition:
    """Functions that call or build the class they are handed: it must come from the library they serve."""

    def check(_r: Rulings, args: list[Any]) -> str:
        for value in args:
            if type(value) is Name and not f"{value.module}.".startswith(prefixes):
                return f"builds {value.module}.{value.name}, which it was not made for"
        return ""

    return check


def harmless_function(rulings: Rulings, value: Any) -> bool:
    """Whether a value may be called by somebody else, with whatever arguments: a pure function or a plain type."""
    if type(value) is Node:
        return value.cls == "functools.partial"  # ruled on when it was made, and again when it got its state
    if type(value) is not Name or not value.known:
        return False
    rule = rulings.rule(value)
    return rule.standing == "allowed" and rule.use != "build" and not rule.check


def partial_complaint(rulings: Rulings, value: Any, more: list[Any]) -> bool:
    """Whether a partial of ``value`` holds nothing but harmless functions; one of defaultdict needs its factory."""
    if type(value) is Name and str(value) == "collections.defaultdict":
        return not all(harmless_function(rulings, v) or _counts(v) for v in more[:1])
    return not harmless_function(rulings, value)


def _counts(value: Any) -> bool:
    """int, float and the like as a factory are called without anything, and give zero."""
    return type(value) is Name and str(value) in ("builtins.int", "builtins.float", "builtins.complex")


def _harmless_factory(rulings: Rulings, args: list[Any]) -> str:
    """collections.defaultdict calls what it holds, with no arguments."""
    return "" if args and _counts(args[0]) else _harmless_first(rulings, args)


def _harmless_first(rulings: Rulings, args: list[Any]) -> str:
    """functools.partial and collections.defaultdict hold a function that others call."""
    if args and (args[0] is DATA or not partial_complaint(rulings, args[0], args[1:])):
        return ""
    return "holds a function that somebody else may call" if args else ""


def endless(value: Node) -> bool:
    """A range so long that whoever turns it into a list runs out of memory."""
    if value.cls != "builtins.range" or not value.items:
        return False
    numbers = [abs(n) if type(n) is int else 0 for n in value.items]
    return max(numbers[:2]) > _LARGE * 16


def _inner_array(rulings: Rulings, args: list[Any]) -> str:
    """dill._dill._create_array(function, arguments, state, more) calls the function: only NumPy's own will do."""
    made = args[0] if args else None
    if type(made) is not Name or made.name != "_reconstruct" or not rulings.usable(made, "call"):
        return "calls a function that it is handed"
    inner = args[1] if len(args) > 1 else None
    if type(inner) is not Node or inner.kind != "tuple":
        return "the shape is not a plain tuple"
    return _empty_shape(rulings, list(inner.items))


def _plain_attribute(_r: Rulings, args: list[Any]) -> str:
    """operator.attrgetter(name): one public name of data; a path or a method of files and modules is none."""
    named = args[0] if len(args) == 1 and type(args[0]) is str else ""
    plain = named.isascii() and named.isidentifier() and named[:1] != "_" and named not in _REACHING
    return "" if plain else "walks to an attribute of an attribute, or to one of a module"


def _plain_number(_r: Rulings, args: list[Any]) -> str:
    """int, float and Fraction work exponents and foreign numbers out to the last digit."""
    for value in args:
        if type(value) is Node and value.kind == "object":
            return "turns an object into a number, however long that is"
        if isinstance(value, Blob):
            return "reads a number of hundreds of digits"
        _, sign, exponent = value.lower().partition("e") if type(value) is str else ("", "", "")
        if sign and len(exponent.strip("+-")) > 4:
            return "writes out a number with a huge exponent"
    return ""


def _text_scalar(rulings: Rulings, args: list[Any]) -> str:
    """A NumPy scalar may be text, and text may be the name of an attribute that changes what loading does."""
    value = args[1] if len(args) > 1 else None
    if type(value) is Node and str(value.maker) == "_codecs.encode" and value.items:
        value = value.items[0]
    raw = value.encode("latin-1", "replace") if type(value) is str else b""
    if isinstance(value, Blob) and value.end - value.start < 400:
        raw = rulings.buf[value.start : value.end]
    return "spells the name of an attribute" if raw.replace(b"\0", b"").strip() in rulings.special else ""


def _masked(rulings: Rulings, args: list[Any]) -> str:
    """numpy.ma's reconstruction allocates the shape it is told, and makes an instance of the class it is handed."""
    if len(args) != 4 or any(type(a) is Name and not f"{a.module}.".startswith("numpy.") for a in args[:2]):
        return "builds a class that it was not made for"
    return _empty_shape(rulings, [args[1], args[2]])


def _type_name(_r: Rulings, args: list[Any]) -> str:
    """dill._dill._load_type(text) and cloudpickle's like look a type up, which is ruled on by its own name."""
    return "" if len(args) == 1 and type(args[0]) is str else "looks up a type that cannot be followed"


def _plain_text(_r: Rulings, args: list[Any]) -> str:
    """dill._dill._eval_repr(text) runs the text."""
    import re

    text = args[0] if len(args) == 1 and type(args[0]) is str else ""
    plain = re.fullmatch(r"range\(-?\d{1,9}, -?\d{1,9}(, -?\d{1,9})?\)|Ellipsis|NotImplemented", text, re.ASCII)
    return "" if plain else "runs code that it is given as text"


LOOK_UP = frozenset({"_load_type", "_builtin_type", "getattr"})  # names of functions that ``resolved`` knows


def resolved(function: Name, args: list[Any]) -> tuple[str, str] | None:
    """Module and name of what a call returns that only looks it up; None where it does more, or cannot be followed."""
    text = args[-1] if args and type(args[-1]) is str else ""
    full = str(function)
    if full == "dill._dill._load_type" and len(args) == 1 and text:
        return _DILL_TYPES.get(text, ("builtins", text) if text in _PLAIN_TYPES else ("types", text))
    if full == "cloudpickle.cloudpickle._builtin_type" and len(args) == 1 and text:
        if text in ("CodeType", "CellType"):  # how it writes a function; what calls that function is judged
            return "cloudpickle.cloudpickle", f"_builtin_type.{text}"
        return "types", text
    if full == "builtins.getattr" and len(args) == 2 and text == "_unpickle" and str(args[0]) == "zoneinfo.ZoneInfo":
        return "zoneinfo", "ZoneInfo._unpickle"
    return None


CONDITIONS: dict[str, Condition] = {
    "no size": _no_size,
    "empty shape": _empty_shape,
    "text codec": _text_codec,
    "one argument": _one_argument,
    "plain base": _plain_base,
    "enum member": _enum_member,
    "inner call": _inner_call,
    "nested": _nested,
    "no arguments": _no_arguments,
    "numpy family": _family("numpy.random."),
    "sklearn family": _family("sklearn."),
    "pandas family": _family("pandas."),
    "harmless function": _harmless_first,
    "harmless factory": _harmless_factory,
    "plain attribute": _plain_attribute,
    "plain number": _plain_number,
    "text scalar": _text_scalar,
    "masked": _masked,
    "inner array": _inner_array,
    "type name": _type_name,
    "plain text": _plain_text,
}
