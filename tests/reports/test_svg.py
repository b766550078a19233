"""A picture from elsewhere may draw and nothing more."""

from __future__ import annotations

from xml.etree import ElementTree as ET

import pytest

from momus.reports.svg import PictureError, inline

HEAD = '<svg xmlns="http://www.w3.org/2000/svg" xmlns:xlink="http://www.w3.org/1999/xlink" viewBox="0 0 9 9">'


@pytest.mark.parametrize(
    ("inner", "gone"),
    [
        ("<script>alert(1)</script>", "alert"),
        ("<foreignObject><p>x</p></foreignObject>", "foreignObject"),
        ('<rect onclick="alert(1)"/>', "onclick"),
        ('<a href="javascript:alert(1)"><text>t</text></a>', "javascript"),
        ('<a xlink:href="http://evil.example"><text>t</text></a>', "evil"),
        ('<image href="http://evil.example/x.png"/>', "evil"),
        ('<use href="http://evil.example/x.svg#a"/>', "evil"),
        ('<rect style="fill:url(http://evil.example/x)"/>', "evil"),
        ('<rect fill="url(//evil.example/x)"/>', "evil"),
        ('<style>@import "http://evil.example"</style>', "evil"),
        ('<animate attributeName="href" to="javascript:alert(1)"/>', "javascript"),
        ('<set attributeName="href" to="x"/>', "set"),
    ],
)
def test_what_does_not_draw_goes(inner: str, gone: str) -> None:
    shown = inline(f"{HEAD}{inner}<rect width='1'/></svg>", "p")
    assert gone not in shown and "<rect" in shown


def test_ids_are_kept_apart_and_still_meet() -> None:
    one = (
        f'{HEAD}<defs><clipPath id="c"><rect/></clipPath></defs><g clip-path="url(#c)"><use xlink:href="#c"/></g></svg>'
    )
    a, b = inline(one, "a"), inline(one, "b")
    assert 'id="a-c"' in a and 'clip-path="url(#a-c)"' in a and 'href="#a-c"' in a
    assert 'id="b-c"' in b and "a-c" not in b


def test_links_into_the_page_survive() -> None:
    assert 'href="#M04"' in inline(f'{HEAD}<a href="#M04"><text>t</text></a></svg>', "p")


def test_text_stays_text_and_is_escaped() -> None:
    shown = inline(f"{HEAD}<text>&lt;script&gt; &amp; co</text></svg>", "p")
    assert "<script" not in shown
    assert "".join(ET.fromstring(shown).itertext()) == "<script> & co"


def test_has_a_name_for_those_who_cannot_see_it() -> None:
    root = ET.fromstring(
        inline('<svg viewBox="0 0 1 1" width="9pt" height="9pt"/>', "p", title="T & t", description="D")
    )
    assert root.get("aria-labelledby") == "p-title p-desc" and root.get("role") == "img"
    assert [e.text for e in root][:2] == ["T & t", "D"]
    assert root.get("width") is None


@pytest.mark.parametrize(
    "bad",
    [
        "",
        "not a picture",
        "<html></html>",
        "<svg><g></svg>",
        '<!DOCTYPE svg [<!ENTITY a "b">]><svg>&a;</svg>',
        '<!DOCTYPE svg [<!ENTITY a SYSTEM "file:///etc/passwd">]><svg>&a;</svg>',
    ],
)
def test_refused(bad: str) -> None:
    with pytest.raises(PictureError):
        inline(bad, "p")
