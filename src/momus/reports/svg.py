"""Takes an SVG picture apart and lets through only what draws: no script, no outside address, no clashing id."""

from __future__ import annotations

import re
from xml.etree import ElementTree as ET

from momus.reports.text import clean

# What holds words: they may be a user's, and are cleaned as everywhere.
_WORDS = ("text", "tspan", "title", "desc")
_TAGS = frozenset(
    [
        "svg",
        "g",
        "path",
        "rect",
        "circle",
        "ellipse",
        "line",
        "polyline",
        "polygon",
        "text",
        "tspan",
        "defs",
        "use",
        "clipPath",
        "linearGradient",
        "radialGradient",
        "stop",
        "marker",
        "pattern",
        "symbol",
        "title",
        "desc",
        "a",
    ]
)
_ATTRIBUTES = frozenset(
    [
        "id",
        "class",
        "d",
        "x",
        "y",
        "x1",
        "x2",
        "y1",
        "y2",
        "dx",
        "dy",
        "cx",
        "cy",
        "r",
        "rx",
        "ry",
        "width",
        "height",
        "points",
        "transform",
        "viewBox",
        "preserveAspectRatio",
        "fill",
        "fill-opacity",
        "fill-rule",
        "stroke",
        "stroke-width",
        "stroke-dasharray",
        "stroke-dashoffset",
        "stroke-linecap",
        "stroke-linejoin",
        "stroke-opacity",
        "stroke-miterlimit",
        "opacity",
        "font-size",
        "font-family",
        "font-weight",
        "font-style",
        "text-anchor",
        "dominant-baseline",
        "alignment-baseline",
        "letter-spacing",
        "clip-path",
        "clip-rule",
        "marker-start",
        "marker-mid",
        "marker-end",
        "refX",
        "refY",
        "markerWidth",
        "markerHeight",
        "markerUnits",
        "orient",
        "patternUnits",
        "gradientUnits",
        "gradientTransform",
        "offset",
        "stop-color",
        "stop-opacity",
        "href",
        "role",
        "aria-label",
        "aria-labelledby",
        "aria-describedby",
        "aria-hidden",
        "paint-order",
        "vector-effect",
        "textLength",
        "lengthAdjust",
        "overflow",
    ]
)
# What a style attribute may say that an attribute can say as well.
_STYLES = frozenset(
    n for n in _ATTRIBUTES if n.split("-")[0] in ("fill", "stroke", "opacity", "font", "text", "stop", "clip", "marker")
) - {"textLength"} | {"dominant-baseline", "letter-spacing", "paint-order"}
_REFERENCE = re.compile(r"url\(\s*['\"]?#([^)'\"]+)['\"]?\s*\)")
_LONG = re.compile(r"-?\d+\.\d{3,}")


class PictureError(ValueError):
    """The text is no SVG that could be shown."""


def inline(svg: str, prefix: str, *, title: str = "", description: str = "") -> str:
    """The picture ready to stand inside a page.

    Every id gets ``prefix``, so that several pictures live on one page. ``title`` and ``description`` are what a
    screen reader says. Links survive only where they point into the page. Raises PictureError when it is not an SVG.
    """
    if "<!DOCTYPE" in svg or "<!ENTITY" in svg:
        svg = re.sub(r"<!DOCTYPE[^>\[]*>", "", svg, count=1)
        if "<!" in svg.replace("<!--", ""):
            raise PictureError("a picture may not declare entities")
    try:
        root = ET.fromstring(svg)  # noqa: S314 - entity declarations were refused above
    except ET.ParseError as error:
        raise PictureError(str(error)) from error
    if _local(root.tag) != "svg":
        raise PictureError(f"the root is <{_local(root.tag)}>, not <svg>")
    ids = {e.get("id"): f"{prefix}-{e.get('id')}" for e in root.iter() if e.get("id")}
    made = _copy(root, ids)
    _describe(made, prefix, title, description)
    return ET.tostring(made, encoding="unicode", short_empty_elements=True)


def _copy(e: ET.Element, ids: dict[str | None, str]) -> ET.Element:
    made = ET.Element(_local(e.tag))
    for key, value in (*_declared(e.get("style", "")), *e.attrib.items()):
        name = _local(key)
        if name not in _ATTRIBUTES:
            continue
        if name == "href":
            if not value.startswith("#"):
                continue
            value = f"#{ids.get(value[1:], value[1:])}"
        elif name == "id":
            value = ids[value]
        elif name in ("aria-labelledby", "aria-describedby"):
            value = " ".join(ids.get(v, v) for v in value.split())
        else:
            value = _REFERENCE.sub(lambda m: f"url(#{ids.get(m.group(1), m.group(1))})", value)
            if _leaves(value):
                continue
        made.set(name, _LONG.sub(_rounded, value) if name not in ("id", "href") else value)
    made.text = clean(e.text) if e.text and made.tag in _WORDS else e.text
    for child in e:
        if isinstance(child.tag, str) and _local(child.tag) in _TAGS:
            copied = _copy(child, ids)
            copied.tail = clean(child.tail) if child.tail and child.tail.strip() else None
            made.append(copied)
    if made.text and not made.text.strip():
        made.text = None
    return made


def _declared(style: str) -> list[tuple[str, str]]:
    """A style's declarations as attributes: a page whose policy forbids inline style still shows the picture."""
    parts = (part.partition(":") for part in style.split(";"))
    return [(name.strip(), value.strip()) for name, _, value in parts if name.strip() in _STYLES]


def _local(tag: str) -> str:
    return tag.rpartition("}")[2]


def _leaves(style: str) -> bool:
    """True where a style would fetch something from elsewhere."""
    return bool(re.search(r"@import|expression|javascript:|\\", style, re.I) or "url(" in _REFERENCE.sub("", style))


def _rounded(match: re.Match[str]) -> str:
    return f"{float(match.group()):.2f}".rstrip("0").rstrip(".")


def _describe(root: ET.Element, prefix: str, title: str, description: str) -> None:
    """Fit to the page's width, and name the picture."""
    if root.get("viewBox"):
        root.attrib.pop("width", None)
        root.attrib.pop("height", None)
    root.set("role", "img")
    for place, (name, text) in enumerate((("title", title), ("desc", description))):
        if text:
            made = ET.Element(name, {"id": f"{prefix}-{name}"})
            made.text = clean(text)
            root.insert(place, made)
    names = [f"{prefix}-{n}" for n, t in (("title", title), ("desc", description)) if t]
    if names:
        root.attrib.pop("aria-label", None)
        root.set("aria-labelledby", " ".join(names))
