"""The page is whole: balanced, every id once, every anchor lands, nothing loaded, nothing runs."""

from __future__ import annotations

import re
from html.parser import HTMLParser

import pytest

from momus.core.evidence import Excerpt, FileMark, Picture, Pictures
from momus.core.records import Finding, Status
from momus.reports import html
from momus.reports.compare import compare_view
from momus.reports.view import ReportView
from momus.testing.report_evidence import evidence, png
from momus.testing.report_sample import hostile_view, sample_view

VOID = {"meta", "input", "br", "img", "link", "hr"}


class _Checker(HTMLParser):
    """Collects what a browser would see: open tags, ids, links, sources, text."""

    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self.open: list[str] = []
        self.tags: list[tuple[str, dict[str, str]]] = []
        self.wrong: list[str] = []
        self.text: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, {k: v or "" for k, v in attrs}))
        if tag not in VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, {k: v or "" for k, v in attrs}))

    def handle_endtag(self, tag: str) -> None:
        if not self.open or self.open[-1] != tag:
            self.wrong.append(f"</{tag}> inside {self.open[-3:]}")
        else:
            self.open.pop()

    def handle_data(self, data: str) -> None:
        if "style" not in self.open:
            self.text.append(data)

    @property
    def words(self) -> str:
        return " ".join(" ".join(self.text).split())


def check(page: str) -> _Checker:
    parser = _Checker()
    parser.feed(page)
    parser.close()
    return parser


@pytest.fixture(scope="module", params=["sample", "hostile", "comparison"])
def page(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> str:
    if request.param == "comparison":
        path = tmp_path_factory.mktemp("c") / "c.html"
        html.render_compare(compare_view(sample_view(), hostile_view()), path)
        return path.read_text("utf-8")
    return html.page(sample_view() if request.param == "sample" else hostile_view())


def test_is_balanced(page: str) -> None:
    seen = check(page)
    assert not seen.wrong and not seen.open


def test_ids_are_unique_and_anchors_land(page: str) -> None:
    seen = check(page)
    ids = [a["id"] for _, a in seen.tags if "id" in a]
    assert len(ids) == len(set(ids))
    wanted = [a["href"][1:] for _, a in seen.tags if a.get("href", "").startswith("#")]
    wanted += [a["for"] for _, a in seen.tags if "for" in a]
    wanted += [i for _, a in seen.tags for i in a.get("aria-labelledby", "").split()]
    wanted += re.findall(r"url\(#([^)]+)\)", page)
    assert wanted == [] or not set(wanted) - set(ids)


def test_loads_nothing_and_runs_nothing(page: str) -> None:
    seen = check(page)
    assert not [
        t for t, _ in seen.tags if t in ("script", "iframe", "object", "embed", "link", "base", "form", "foreignobject")
    ]
    for tag, attributes in seen.tags:
        for name, value in attributes.items():
            assert not name.startswith("on"), (tag, name)
            if name in ("src", "href", "xlink:href", "action", "poster", "srcset", "data"):
                assert value.startswith(("#", "data:image/webp;base64,")), (tag, name, value[:80])
            if name == "style":
                assert "url(" not in re.sub(r"url\(#[\w-]+\)", "", value)
    style = page[page.index("<style>") : page.index("</style>")]
    assert "url(" not in style and "@import" not in style
    policy = next(
        a["content"] for t, a in seen.tags if t == "meta" and a.get("http-equiv") == "Content-Security-Policy"
    )
    assert policy.startswith("default-src 'none'") and "script-src" not in policy


def test_pictures_have_words(page: str) -> None:
    seen = check(page)
    assert all(a.get("alt") for t, a in seen.tags if t == "img")


@pytest.fixture(scope="module")
def sample() -> _Checker:
    return check(html.page(sample_view()))


def test_all_kinds_of_evidence_are_shown(sample: _Checker) -> None:
    titles = [e.title for es in evidence().values() for e in es]
    assert len({e.kind for es in evidence().values() for e in es}) == 6 + 1
    assert not [t for t in titles if t not in sample.words]
    assert len(_pictured(sample)) == 9
    assert "GLOBAL 'os system'" in sample.words and "models/scorer.pkl" in sample.words
    assert "25 to 60" in sample.words and "1,307" in sample.words


def _pictured(seen: _Checker) -> list[str]:
    """The words of every picture: one that the page shows twice is drawn once and referred to."""
    shown = [(a.get("alt") if t == "img" else a.get("aria-label"), t) for t, a in seen.tags]
    return [words for words, t in shown if words and t in ("img", "svg")]


def test_original_stands_beside_adversarial(sample: _Checker) -> None:
    assert _pictured(sample)[:3] == ["original: zero", "adversarial: six", "difference, enlarged"]


def test_each_mode_speaks_to_three_readers(sample: _Checker) -> None:
    panels = [a["class"] for t, a in sample.tags if t == "section" and "panel" in a.get("class", "")]
    assert panels == ["panel engineer", "panel responder", "panel policy"] * 17
    for word in ("momus assess momus.yaml --only membership.shadow --seed 7", "41,000 queries", "95%, wilson"):
        assert word in sample.words
    for word in ("Microsoft AI bug bar", "Watch for", "Repeated queries that differ", "AML.M0002"):
        assert word in sample.words
    for word in (
        "Open legal questions",
        "Does a trained model count as personal data",
        "Was access violated",
        "Confidentiality",
    ):
        assert word in sample.words


def test_a_pass_is_worded_by_what_was_tried(sample: _Checker) -> None:
    assert "within the limit under image, 15 corruptions, 5 severities, 1,000 inputs" in sample.words


def test_says_how_good_the_probes_are_and_what_is_outside(sample: _Checker) -> None:
    assert "on 12 planted systems it noticed 12; on 12 clean ones it never cried wolf" in sample.words
    assert "on 12 planted systems it noticed 11; on 12 clean ones it cried wolf once" in sample.words
    assert "its rates on planted and clean systems have not been measured" in sample.words
    assert "What people do with a right answer" in sample.words
    assert "Do user inputs become training data" in sample.words


def test_rates_of_probes_that_did_not_run_are_left_out() -> None:
    view = sample_view()
    other = view.controls[0].model_copy(update={"probe": "stealing.other"})
    page = html.page(view.model_copy(update={"controls": (*view.controls, other)}))
    assert "stealing.other" not in page and page.count("<td><code>membership.shadow</code></td>") == 1


def test_the_banner_names_what_was_not_tested(sample: _Checker) -> None:
    start = sample.words.index("Not tested:")
    banner = sample.words[start : start + 250]
    assert all(w in banner for w in ("poisoning", "backdoor", "natural")) and "membership" not in banner


def test_is_light() -> None:
    plain = re.sub(r"data:image/png;base64,[A-Za-z0-9+/=]+", "", html.page(sample_view()))
    assert len(plain.encode()) < 200_000


def _with_evidence(*items: object) -> ReportView:
    view = sample_view()
    mode = view.mode("membership")
    assert mode.headline is not None and mode.headline.measurement is not None
    measurement = mode.headline.measurement.model_copy(update={"evidence": items})
    found = mode.headline.model_copy(update={"measurement": measurement})
    changed = mode.model_copy(update={"headline": found, "findings": (found,)})
    return view.model_copy(update={"modes": tuple(changed if m.slug == "membership" else m for m in view.modes)})


def test_shows_eight_rows_of_pictures_and_says_so() -> None:
    row = (Picture(caption="one", png=png([[0, 255]])),)
    page = html.page(_with_evidence(Pictures(title="Many", rows=(row,) * 20)))
    assert check(page).words.count("8 of 20 rows are shown") == 1
    assert len(_pictured(check(page))) == 8 + 9


def test_small_pictures_keep_their_pixels_and_photos_do_not() -> None:
    noise = [[(r * 7919 + c * 104729) % 251 for c in range(224)] for r in range(224)]
    rows = tuple((Picture(caption="c", png=png(pixels)),) for pixels in ([[0] * 16], noise))
    page = html.page(_with_evidence(Pictures(title="Two", rows=rows)))
    assert [a.get("class") for t, a in check(page).tags if t == "figure"].count("photo sharp") == 1


def test_bytes_that_are_no_picture_are_not_embedded() -> None:
    bad = Pictures(title="Bad", rows=((Picture(caption="c", png=b"<svg onload=alert(1)>"),),))
    page = html.page(_with_evidence(bad))
    assert "onload" not in page and "PHN2Zy" not in page


def test_evidence_shows_what_an_attacker_hid() -> None:
    page = html.page(
        _with_evidence(
            Excerpt(title="Log", text="first\n\x1b[8mhidden\u202e"), FileMark(title="F", path="a\u202eb.pkl", what="x")
        )
    )
    words = check(page).words
    assert "\\x1b[8mhidden\\u202e" in words and "a\\u202eb.pkl" in words


def test_a_broken_picture_is_left_out() -> None:
    page = html.page(sample_view().model_copy(update={"picture_svg": "<svg><script>"}))
    assert "Where they enter" not in page and check(page).wrong == []


@pytest.mark.parametrize(
    ("status", "worse", "side"), [(Status.FAIL, "higher", "right"), (Status.FAIL, "lower", "left")]
)
def test_the_strip_shades_the_harmful_side(status: Status, worse: str, side: str) -> None:
    found = sample_view().mode("membership").headline
    assert isinstance(found, Finding) and found.measurement is not None
    found = found.model_copy(
        update={"measurement": found.measurement.model_copy(update={"worse": worse}), "status": status}
    )
    drawn = str(html.strip(found, 108))
    x, width = map(float, re.search(r'class="beyond" x="([\d.]+)" y="3" width="([\d.]+)"', drawn).groups())  # type: ignore[union-attr]
    assert (x, width) == ((9.0, 95.0) if side == "right" else (4.0, 5.0))
