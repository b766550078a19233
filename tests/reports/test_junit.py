"""JUnit: valid against a published schema, never green for what nobody decided, hostile strings stay text."""

from __future__ import annotations

import gzip
import io
import re
from collections.abc import Iterator
from pathlib import Path
from xml.etree import ElementTree as Xml

import pytest

from momus.core.records import Gap, Status
from momus.reports import junit
from momus.reports.baseline import of_view
from momus.reports.regression import against_baseline
from momus.reports.view import ReportView
from momus.testing.report_changes import TODAY, measured, row, sample, waived, with_run
from momus.testing.report_contract import ReportContract
from momus.testing.report_sample import HOSTILE, hostile_view

XSD = gzip.decompress((Path(__file__).parent / "schemas" / "junit-10.xsd.gz").read_bytes())
XS = "{http://www.w3.org/2001/XMLSchema}"


def text_of(view: ReportView, **more: object) -> str:
    out = io.StringIO()
    junit.render(view, out, **more)  # type: ignore[arg-type]
    return out.getvalue()


def parsed(view: ReportView, **more: object) -> Xml.Element:
    return Xml.fromstring(text_of(view, **more))


def case(root: Xml.Element, name: str) -> Xml.Element:
    return next(c for c in root.iter("testcase") if c.get("name") == name)


class Schema:
    """As much of XML Schema as junit-10.xsd uses: elements by reference, attributes, one pattern."""

    def __init__(self, text: bytes) -> None:
        root = Xml.fromstring(text)
        self.elements = {e.get("name"): e for e in root.findall(f"{XS}element")}
        self.pattern = re.compile(root.find(f".//{XS}pattern").get("value"))

    def problems(self, node: Xml.Element) -> Iterator[str]:
        known = self.elements.get(node.tag)
        if known is None:
            yield f"no element {node.tag}"
            return
        attributes = {a.get("name"): a for a in known.iter(f"{XS}attribute")}
        yield from (f"{node.tag}: no attribute {a}" for a in node.attrib if a not in attributes)
        for name, a in attributes.items():
            if a.get("use") == "required" and name not in node.attrib:
                yield f"{node.tag}: lacks {name}"
            if a.get("type") == "SUREFIRE_TIME" and not self.pattern.fullmatch(node.get(name, "")):
                yield f"{node.tag}: {name} is no time"
        mixed = known.get("type") == "xs:string" or any(c.get("mixed") for c in known.iter(f"{XS}complexType"))
        if not mixed and (node.text or "").strip():
            yield f"{node.tag}: has text"
        inside = {e.get("ref") for e in known.iter(f"{XS}element")}
        for child in node:
            if child.tag not in inside:
                yield f"{node.tag}: holds {child.tag}"
            yield from self.problems(child)


SCHEMA = Schema(XSD)


class TestJunit(ReportContract):
    def render(self, view: ReportView) -> str:
        return text_of(view)

    def read(self, text: str) -> str:
        root = Xml.fromstring(text)
        return "\n".join(w for e in root.iter() for w in (*e.attrib.values(), e.text or ""))

    def markup(self, text: str) -> str:
        return text


VIEWS = {
    "sample": sample(),
    "hostile": hostile_view(),
    "cdata": measured(with_run(sample(), system="]]><x/>\x00\x0b\ufffe\ud800"), "membership", Status.FAIL, unit="]]>"),
    "waived": waived(sample(), "membership", reason=HOSTILE),
}


@pytest.mark.parametrize("name", list(VIEWS))
def test_valid_against_the_published_schema(name: str) -> None:
    change = against_baseline(VIEWS[name], of_view(VIEWS[name], today=TODAY), name=HOSTILE, today=TODAY)
    assert list(SCHEMA.problems(parsed(VIEWS[name], change=change))) == []


def test_the_schema_notices_what_is_wrong() -> None:
    for wrong in (
        "<testsuites skipped='1'/>", "<testsuites><testcase name='x'/></testsuites>", "<testsuite name='x'/>",
        "<testsuites><testsuite name='x' tests='1' failures='0' errors='0' time='soon'/></testsuites>",
        "<testsuites>text</testsuites>",
    ):  # fmt: skip
        assert list(SCHEMA.problems(Xml.fromstring(wrong)))


def test_a_suite_for_each_mode_and_a_case_for_each_finding_and_gap() -> None:
    root = parsed(sample())
    assert [s.get("name", "").split()[0] for s in root] == [f"M{i:02d}" for i in range(1, 18)]
    for suite, m in zip(root, sample().modes, strict=True):
        assert int(suite.get("tests", "")) == len(suite.findall("testcase")) == max(1, len(m.findings) + len(m.gaps))
    for count, tag in (("failures", "failure"), ("errors", "error"), ("skipped", "skipped")):
        assert sum(int(s.get(count, "")) for s in root) == len(list(root.iter(tag)))
    assert (root.get("failures"), root.get("errors"), root.get("tests")) == ("4", "1", "17")


def test_only_what_was_tried_and_held_is_green() -> None:
    root = parsed(sample())
    verdicts = ("failure", "error", "skipped")
    green = [c.get("name") for c in root.iter("testcase") if all(c.find(tag) is None for tag in verdicts)]
    assert green == ["corruption.image on scorer"]
    open_ = case(root, "shift.groups on scorer").find("skipped")
    assert open_ is not None and open_.get("message", "").startswith("inconclusive: ")
    (absent,) = [s for s in root if s.get("name", "").startswith("M07")]
    assert "not applicable" in absent.find("testcase/skipped").get("message")


def test_both_readers_find_the_message() -> None:
    """Jenkins shows the attribute, GitLab the content."""
    root = parsed(sample())
    failure = case(root, "membership.shadow on scorer").find("failure")
    assert failure is not None and failure.get("type") == "critical"
    assert failure.get("message") == "tpr@1%fpr 0.31 [0.29, 0.33] > 0.05"
    for line in ("tpr@1%fpr 0.31 [0.29, 0.33] > 0.05", "Do: Return labels", "Again: momus assess momus.yaml --only"):
        assert line in (failure.text or "")
    error = case(root, "reward_hacking.proxy_gap on pilot").find("error")
    assert error is not None and error.get("type") == "worker/timeout" and "did not answer" in (error.text or "")
    for skipped in root.iter("skipped"):
        assert skipped.get("message") == skipped.text != ""


def test_names_are_used_once_and_classes_tell_the_mode() -> None:
    m = sample().mode("membership")
    gap = Gap(mode="membership", probe="membership.shadow", target="scorer", why="power", detail="x", how_to_close="y")
    root = parsed(row(sample(), "membership", findings=m.findings * 2, gaps=(gap, gap)))
    keys = [(c.get("classname"), c.get("name")) for c in root.iter("testcase")]
    assert len(set(keys)) == len(keys)
    assert ("momus.M04.membership", "membership.shadow on scorer (4)") in keys
    hostile = [(c.get("classname"), c.get("name")) for c in parsed(hostile_view()).iter("testcase")]
    assert len(set(hostile)) == len(hostile)


def test_an_accepted_failure_is_skipped_and_says_that_it_fails() -> None:
    found = case(parsed(waived(sample(), "membership")), "membership.shadow on scorer")
    assert found.find("failure") is None
    said = found.find("skipped").get("message")
    assert said.startswith("fails, accepted by A. Person until 2027-06-30: a test system")


def test_a_baseline_hides_no_failure() -> None:
    change = against_baseline(sample(), of_view(sample(), today=TODAY), name="b.json", today=TODAY)
    root = parsed(sample(), change=change)
    assert root.get("failures") == "4"
    assert "[known since 2027-03-01]" in case(root, "membership.shadow on scorer").find("failure").get("message")


def test_what_xml_forbids_is_left_out() -> None:
    text = text_of(VIEWS["cdata"])
    assert "]]&gt;" in text and "<x/>" not in text
    assert not re.search("[\x00-\x08\x0b\x0c\x0e-\x1f\ufffe\uffff]", text)
    text.encode("utf-8")
