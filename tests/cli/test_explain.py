"""`momus explain` and `momus lookup`: what they find, in text and JSON."""

from __future__ import annotations

import itertools
import json

import pytest
from click.testing import CliRunner

from momus.cli.explain import explain, find
from momus.cli.lookup import lookup
from momus.core.errors import NotFound
from momus.core.registry import probe_ids
from momus.taxonomy import load


def run(command, *args):
    done = CliRunner().invoke(command, list(args), env={"COLUMNS": "100"}, catch_exceptions=False)
    assert done.exit_code == 0
    return done.output


@pytest.mark.parametrize("mode", load().modes, ids=lambda m: m.slug)
def test_every_mode_has_a_page(mode) -> None:
    page = run(explain, mode.id)
    assert mode.name in page and mode.cases[0].source in page
    for part in ("At a glance", "For the engineer", "For the incident responder", "For the lawyer"):
        assert part in page
    lines = page.splitlines()
    assert max(map(len, lines)) <= 100
    assert all(line == line.rstrip() for line in lines)
    assert "\x1b" not in page


@pytest.mark.parametrize("width", ["60", "80", "200"])
def test_pages_fit_the_terminal(width) -> None:
    done = CliRunner().invoke(explain, ["M01"], env={"COLUMNS": width})
    assert max(map(len, done.output.splitlines())) <= min(100, int(width))


@pytest.mark.parametrize(
    ("name", "kind", "says"),
    [
        ("membership", "mode", "Membership inference"),
        ("Model stealing", "mode", "1,150 queries"),
        ("r07", "rule", "M02 poisoning applies"),
        ("Q01", "question", "2 of Microsoft's 51"),
        ("u03", "question", "M13 side_effects"),
        ("TM-5a", "row", "security-sensitive model"),
        ("MSRC-stealing", "row", "Unverified"),
        ("bb-8-10", "row", "M10 backdoor"),
        ("flow C", "flow", "M05 stealing"),
        ("s", "flow", "sensor"),
        ("outside", "outside", "Hallucination"),
    ],
)
def test_everything_else_has_one(name, kind, says) -> None:
    assert find(name)[0] == kind
    assert says in run(explain, name)
    assert json.loads(run(explain, name, "--json"))["kind"] == kind


def test_mode_as_json() -> None:
    page = json.loads(run(explain, "M05", "--json"))
    assert page["slug"] == "stealing"
    assert page["cia"]["microsoft"] == ["confidentiality"]
    assert {r["id"] for r in page["bugbar"]} >= {"TM-5a", "TM-5b", "BB-5"}
    assert page["crosswalk"] and page["questions"]


def test_probe_page() -> None:
    identity = probe_ids()[0]
    page, plain = run(explain, identity), json.loads(run(explain, identity, "--json"))
    assert plain["id"] == identity
    assert plain["metric"] in page and plain["source"] in page
    for option in plain["options"]:
        assert option in page


@pytest.mark.parametrize(
    ("name", "hint"),
    [("membershp", "membership"), ("Q99", "Q33"), ("R99", "R50"), ("TM-99", "TM-5a"), ("clever hans", "momus lookup")],
)
def test_unknown_names_the_nearest(name, hint) -> None:
    with pytest.raises(NotFound, match=hint):
        find(name)


def test_unknown_probe() -> None:
    with pytest.raises(NotFound, match="no probe"):
        find("membership.shadwo")


@pytest.mark.parametrize(("term", "slug"), [("trojan", "backdoor"), ("troyan", "backdoor"), ("AML.T0020", "poisoning")])
def test_lookup_names_the_mode(term, slug) -> None:
    page = run(lookup, term)
    assert slug in page and "momus explain" in page
    assert json.loads(run(lookup, term, "--json"))[0]["modes"]


def test_lookup_says_when_it_guesses() -> None:
    assert "Did you mean trojan?" in run(lookup, "troyan")
    assert "Did you mean" not in run(lookup, "trojan")


def test_lookup_of_nothing() -> None:
    with pytest.raises(NotFound, match="nothing comes near"):
        CliRunner().invoke(lookup, ["qqqqwwwwzzzz"], catch_exceptions=False)


@pytest.mark.parametrize("identity", probe_ids())
def test_a_probes_text_flows_to_the_edge(identity: str) -> None:
    """Every section stands in the margin, and no line breaks off early and goes on in the next."""
    lines = run(explain, identity).splitlines()
    page = lines[2 : next(i for i, line in enumerate(lines) if line.startswith("At a glance"))]
    heads = [line[2:17].strip() for line in page if line[2:17].strip() and line[17:19] == "  "]
    assert {"Measures", "Why it matters", "Mistrust it if", "Source"} <= set(heads)
    for line, after in itertools.pairwise(page):
        if line.startswith(" " * 19) and after.startswith(" " * 19):
            assert len(line) + 1 + len(after.split()[0]) > 98, line
