"""Every command that the site shows: read by click, and run."""

from __future__ import annotations

import ast
import re
import sys
import textwrap
from itertools import pairwise
from pathlib import Path

import click
import pytest
import yaml

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from docs.blocks import ROOT, Block, Step, Unclear, blocks, kind, pages, steps, unread
from docs.terminal import compare, fits, play
from momus.cli.group import cli
from momus.core.registry import probe_ids
from momus.taxonomy import load

PAGES = pages()
# Run elsewhere: each probe is measured on planted and clean systems, each example against its paper's numbers.
ELSEWHERE = {"docs/probes/": "tests/contracts and make controls", "examples/": "make demo, make reproduce-cases"}


def commands(page: str) -> list[Step]:
    return [step for block in blocks(page) if kind(block) == "commands" for step in steps(block)]


def runs(page: str) -> bool:
    return not page.startswith(tuple(ELSEWHERE)) and any(s.way in ("run", "serves") for s in commands(page))


RUN = [p for p in PAGES if runs(p)]
SOAK = [p for p in PAGES if not p.startswith(tuple(ELSEWHERE)) and any(s.way == "soak" for s in commands(p))]


@pytest.mark.parametrize("page", RUN)
def test_the_commands_of_a_page_run_in_order(page: str, prepare) -> None:
    if page == "docs/tutorial.md":
        prepare("credit")  # played once for this and for the pages that go on from it
    else:
        play(page, prepare)


@pytest.mark.soak
@pytest.mark.timeout(3600)
@pytest.mark.parametrize("page", SOAK)
def test_the_long_commands_of_a_page_run_in_order(page: str, prepare) -> None:
    play(page, prepare, soak=True)


def test_every_command_is_one_that_exists() -> None:
    wrong = [
        f"{step.at}: {step.line}\n    {fault}" for page in PAGES for step in commands(page) for fault in faults(step)
    ]
    assert wrong == []


def test_no_block_is_left_out() -> None:
    """Each block is of one kind, each command has a folder, and one that is not run says why."""
    unclear = []
    for page in PAGES:
        unclear += unread(page)
        try:
            found = [(b, kind(b)) for b in blocks(page)]
            folder = ""
            for block, what in found:
                folder = block.said.get("folder", folder)
                todo = [s for s in steps(block) if s.way in ("run", "serves")] if what == "commands" else []
                if todo and not folder and not page.startswith(tuple(ELSEWHERE)):
                    unclear.append(f"{block.at}: no folder to run `{todo[0].line}` in")
            before = [""] + [w for _, w in found]
            unclear += [
                f"{b.at}: neither commands nor below some; mark it as text, or as <!-- run: shown -->"
                for (b, w), last in zip(found, before, strict=False)
                if w == "printed" and last != "commands"
            ]
        except Unclear as error:
            unclear.append(str(error))
    assert unclear == []


def test_a_reason_not_to_run_names_tests_that_exist() -> None:
    targets = (ROOT / "Makefile").read_text("utf-8")
    wrong = []
    for page in PAGES:
        reasons = {(b.at, b.said["reason"]) for b in blocks(page) if "reason" in b.said}
        for at, reason in sorted(reasons):
            wrong += [
                f"{at}: no {p}" for p in re.findall(r"(?:tests|docs)/[\w./-]*\w", reason) if not (ROOT / p).exists()
            ]
            wrong += [f"{at}: no make {t}" for t in re.findall(r"make ([a-z-]+)", reason) if f"\n{t}:" not in targets]
    assert wrong == []


NEEDS = {"momus serve": "web", "momus convert": "convert"}


@pytest.mark.parametrize("verb", NEEDS)
def test_a_page_whose_commands_need_an_extra_says_so(verb: str) -> None:
    """Here every extra is there, so a page that forgets one runs; at its reader's it would not."""
    extra = re.compile(rf"pip install '\.\[[\w,]*\b{NEEDS[verb]}\b")
    wrong = []
    for page in PAGES:
        typed = [s for s in commands(page) if s.line.startswith(verb) and s.way in ("run", "soak", "serves")]
        text = (ROOT / page).read_text("utf-8")
        if typed and not extra.search(text):
            wrong.append(f"{typed[0].at}: {typed[0].line}")
    assert wrong == []


def test_commands_inside_sentences_exist_too() -> None:
    """`momus …` in code spans: the verb and its options are there."""
    wrong = []
    for page in PAGES:
        prose = re.sub(r"^[ ]*```.*?^[ ]*```", "", (ROOT / page).read_text("utf-8"), flags=re.S | re.M)
        for span in re.findall(r"`(momus [a-z]+[^`]*)`", prose):
            words = span.replace("\n", " ").split()
            if words[1] not in cli.list_commands(click.Context(cli)):
                wrong.append(f"{page}: {span}: no such verb")
                continue
            known = options(words[1])
            wrong += [
                f"{page}: {span}: no option {w}"
                for w in words[2:]
                if w.startswith("--") and w.split("=")[0] not in known
            ]
    assert wrong == []


def options(verb: str) -> set[str]:
    command = cli.get_command(click.Context(cli), verb)
    assert command is not None
    return {"--help", "-h", "--debug", *(o for p in command.params for o in (*p.opts, *p.secondary_opts))}


def faults(step: Step) -> list[str]:
    """What is wrong with a command as it stands, without running it."""
    found = []
    for part in re.split(r"\s(?:&&|\|\||\||;)\s", step.line.split(" #")[0] + " "):
        words = Step(step.at, part.strip()).words
        while words and re.fullmatch(r"[A-Z_]+=\S*", words[0]):
            words = words[1:]
        if words[:3] == ["python", "-m", "momus"]:
            words = words[2:]
        if words:
            found += _faults(words)
    return found


def _faults(words: list[str]) -> list[str]:
    if words[0] == "momus":
        return _momus_faults([w for w in words[1:] if w not in ("2>&1", ">")])
    if words[0] == "make":
        targets = set(re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text("utf-8"), re.M))
        return [f"no make target {w}" for w in words[1:] if "=" not in w and not w.startswith("-") and w not in targets]
    if words[0] == "pip":
        extras = set(re.findall(r"^([a-z0-9]+) = \[", (ROOT / "pyproject.toml").read_text("utf-8"), re.M))
        named = [e for w in words for e in re.findall(r"(?:momus|\.)\[([\w,]+)\]", w)]
        return [f"no extra {e}" for names in named for e in names.split(",") if e not in extras]
    if words[0] == "python" and len(words) > 1 and words[1].startswith(("docs/", "tests/", "examples/", "benchmarks/")):
        return [] if (ROOT / words[1]).is_file() else [f"no file {words[1]}"]
    return []


def _momus_faults(words: list[str]) -> list[str]:
    """Read by click as far as it goes without touching a file, then names of probes and modes."""
    words = [w for w in words if w != "--debug"]
    if not words or words[0] in ("--help", "--version", "-h"):
        return []
    verb = cli.get_command(click.Context(cli), words[0])
    if verb is None:
        return [f"no verb {words[0]}"]
    context = click.Context(verb, info_name=words[0], help_option_names=["-h", "--help"])  # kept by the verb
    try:
        _, rest, _ = verb.make_parser(context).parse_args(list(words[1:]))
    except click.UsageError as error:
        return [error.format_message()]
    tax = load()
    modes = {m.id for m in tax.modes} | {m.slug for m in tax.modes}
    named = [w for flag, w in pairwise(words) if flag in ("--only", "--limit")]
    named = [n.split("=")[0] for n in named if n != "PROBE=VALUE"]
    ids = probe_ids()
    unknown = [
        n
        for n in named
        if n not in modes and not any(re.fullmatch(n.replace(".", r"\.").replace("*", ".*"), i) for i in ids)
    ]
    return [f"no probe or mode {n}" for n in unknown] + ([f"too much: {rest}"] if rest else [])


def test_every_python_snippet_compiles() -> None:
    broken = []
    for page in PAGES:
        for block in blocks(page):
            if kind(block) == "python" or (kind(block) == "file" and block.title.endswith(".py")):
                try:
                    compile(_whole(block), block.at, "exec", flags=ast.PyCF_ALLOW_TOP_LEVEL_AWAIT)
                except SyntaxError as error:
                    broken.append(f"{block.at}: {error}")
    assert broken == []


def _whole(block: Block) -> str:
    """A snippet with a body where it shows a signature alone."""
    text = textwrap.dedent(block.body)
    return text if not re.search(r"(\"\"\"|:)\s*$", text) or text.rstrip().endswith('"""') else f"{text}    ...\n"


def test_every_yaml_snippet_says_what_a_card_may_say(tmp_path: Path) -> None:
    """Whole cards and parts of one: no unknown key, no wrong type. Files that they name are not there."""
    import momus
    from momus.card.read import CardError

    wrong = []
    for page in PAGES:
        for block in blocks(page):
            if not (block.language == "yaml" and kind(block) in ("yaml", "file")) or block.title.startswith("."):
                continue
            try:
                raw = yaml.safe_load(textwrap.dedent(block.body).replace("…", "0").replace("...", "x"))
            except yaml.YAMLError as error:
                wrong.append(f"{block.at}: {error}")
                continue
            if not isinstance(raw, dict) or "shown" in block.said:
                continue
            text = textwrap.dedent(block.body)
            path = tmp_path / "momus.yaml"
            path.write_text(text if "system" in raw else f"system: snippet\n{text}", "utf-8")
            try:
                momus.load_card(path)
            except CardError as error:
                problems = getattr(error, "problems", None) or [error]
                wrong += [
                    f"{block.at}: {p}"
                    for p in problems
                    if p.code in ("card/unknown-key", "card/wrong-type", "card/syntax")
                ]
    assert wrong == []


@pytest.mark.parametrize(
    ("want", "line", "within", "same"),
    [
        ("M04 FAIL 0.31 [0.24, 0.38]", "M04 FAIL 0.32 [0.25, 0.39]", 0.1, True),
        ("M04 FAIL 0.31 [0.24, 0.38]", "M04 FAIL 0.32 [0.25, 0.39]", 0.0, False),
        ("M04 FAIL 0.31", "M04 PASS 0.31", 0.5, False),
        ("2 of 17 fail…", "2 of 17 fail; the worst is critical.", 0.0, True),
        ("3 of 17 fail…", "2 of 17 fail; the worst is critical.", 0.0, False),
        ("… 1,000 inputs", "seen on 1,000 inputs", 0.0, True),
    ],
)
def test_a_shown_line_is_held_against_the_printed_one(want: str, line: str, within: float, same: bool) -> None:
    assert fits(want, line, within) is same


def test_what_was_not_printed_is_noticed() -> None:
    with pytest.raises(AssertionError, match="it was not printed here"):
        compare(("a 1", "b 2"), "b 2\na 1\n", "page:1")
    compare(("a 1", "…", "b 2"), "a 1\nnoise\nb 2\n", "page:1")


@pytest.mark.parametrize(
    ("line", "fault"),
    [
        ("momus asses momus.yaml", "no verb asses"),
        ("momus assess --onyl M04", "No such option"),
        ("momus assess --only M18", "no probe or mode M18"),
        ("momus compare A B C", "too much"),
        ("make sight", "no make target sight"),
        ("pip install 'momus[tourch]'", "no extra tourch"),
        ("python examples/fetsh.py mnist", "no file"),
    ],
)
def test_a_wrong_command_is_noticed_without_running_it(line: str, fault: str) -> None:
    assert any(fault in found for found in faults(Step("page:1", line)))


@pytest.mark.parametrize(
    "text",
    [
        "```bash-session\n$ momus nope\n```",
        "```Console\n$ momus nope\n```",
        "``` { .console }\n$ momus nope\n```",
        "```toml\nmomus nope\n```",
        "```\n$ momus nope\n```",
        "```text\na line\n$ momus nope\n```",
        "```\nOMP_NUM_THREADS=1 momus nope\n```",
        "```\nsudo momus nope\n```",
        "```\n>>> momus\n```",
        "```console\na line\n$ momus nope\n```",
        '```console title="a.sh"\n$ momus nope\n```',
        "<!-- run: shown -->\n```console\n$ momus nope\n```",
        "<!-- run: shown -->\n```\nmomus nope\n```",
        "a line\n\n    momus nope",
        "a line\n\n\t$ ls",
        "1. one\n\n\t```console\n\t$ momus nope\n\t```",
        "- ```console\n  $ momus nope\n  ```",
        "~~~console\n$ momus nope\n~~~",
        "> ```console\n> $ momus nope\n> ```",
        "```console\n$ momus nope",
        "<pre><code>momus nope</code></pre>",
        "<!-- rnu: never -->\n```console\n$ momus list runs\n```",
        '<!--run: never reason="r" -->\n```console\n$ momus list runs\n```',
        '<!-- run: nevre reason="r" -->\n```console\n$ momus list runs\n```',
        "<!-- run: exti=1 -->\n```console\n$ momus list runs\n```",
        "<!-- run: never -->\n```console\n$ momus list runs\n```",
        "<!-- run: exit=0,1 -->\n```console\n$ momus list runs\n```",
    ],
)
def test_nothing_that_looks_like_a_terminal_slips_through(text: str, tmp_path: Path, monkeypatch) -> None:
    monkeypatch.setattr("docs.blocks.ROOT", tmp_path)
    (tmp_path / "page.md").write_text(f"# A page\n\n{text}\n", "utf-8")
    try:
        found = unread("page.md")
        for block in blocks("page.md"):
            if kind(block) == "commands":
                steps(block)
    except Unclear as error:
        found = [str(error)]
    assert found, "read as if nothing were wrong"
