"""Work backwards from an unfamiliar word, id or citation to the failure modes it belongs to."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, replace
from functools import cache
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from momus.taxonomy.load import Taxonomy

# On equal scores the most telling kind comes first.
KINDS = (
    "term",
    "mode",
    "outside",
    "framework id",
    "mitigation",
    "case",
    "citation",
    "bug bar row",
    "flow",
    "question",
    "rule",
)
# One spelling for words that British and American writers spell differently.
_SPELLING = (
    ("isation", "ization"),
    ("ise", "ize"),
    ("ising", "izing"),
    ("haviour", "havior"),
    ("artefact", "artifact"),
)
_LEAST_LIKENESS = 0.72
_GUESS = "spelt much like it"


@dataclass(frozen=True, slots=True)
class Hit:
    """One answer. ``relation`` says how the found thing stands to the modes; ``why`` how the word matched.

    ``score`` is 100 for an exact match and falls with the distance. ``modes`` is empty for what lies outside the 17.
    """

    term: str
    kind: str
    modes: tuple[str, ...]
    relation: str
    source: str
    why: str = ""
    score: float = 0.0
    note: str = ""

    @property
    def guessed(self) -> bool:
        """True when only the spelling is alike."""
        return self.why.startswith(_GUESS)


@dataclass(frozen=True, slots=True)
class _Entry:
    """Something that can be found, under one or several keys."""

    hit: Hit
    keys: tuple[str, ...]
    whole: bool = True  # False for running text, where only words inside can match

    @property
    def order(self) -> int:
        return KINDS.index(self.hit.kind)


def normal(text: str) -> str:
    """Lower case, no accents, hyphens and underscores as blanks, singular, American endings."""
    plain = unicodedata.normalize("NFKD", text).encode("ascii", "ignore").decode().lower()
    words = re.findall(r"[a-z0-9&]+", plain.replace("'s", ""))
    return " ".join(_stem(w) for w in words)


def _stem(word: str) -> str:
    for british, american in _SPELLING:
        if british in word:
            word = word.replace(british, american)
            break
    if len(word) > 3 and word.endswith("s") and not word.endswith(("ss", "us", "is")):
        word = word[:-1]
    return word


def search(taxonomy: Taxonomy, term: str, limit: int = 8) -> tuple[Hit, ...]:
    """The best ``limit`` hits for ``term``, best first. Empty for an empty word or when nothing comes near."""
    wanted = normal(term)
    if not wanted:
        return ()
    entries = _index(taxonomy)
    scored = [(s, e) for e, keys in entries if (s := _direct(term.strip(), wanted, e, keys))]
    if not any(score >= 70 for (score, _), _ in scored):
        scored += list(_misspelt(wanted, entries))
    scored.sort(key=lambda item: (-item[0][0], item[1].order, len(item[1].hit.term), item[1].hit.term))
    hits: list[Hit] = []
    for (score, why), entry in scored:
        hit = replace(entry.hit, score=round(score, 1), why=why)
        if all((hit.term, hit.modes, hit.relation) != (h.term, h.modes, h.relation) for h in hits):
            hits.append(hit)
        if len(hits) == limit:
            break
    return tuple(hits)


def _direct(raw: str, wanted: str, entry: _Entry, keys: tuple[str, ...]) -> tuple[float, str] | None:
    """Score of a match without spelling mistakes, and how it matched."""
    best: tuple[float, str] | None = None
    for plain, key in zip(entry.keys, keys, strict=True):
        found = _compare(raw, wanted, plain, key, entry.whole)
        if found and (best is None or found[0] > best[0]):
            best = found
    return best


def _compare(raw: str, wanted: str, plain: str, key: str, whole: bool) -> tuple[float, str] | None:
    if whole and raw == plain:
        return 100.0, "the same word"
    if whole and raw.lower() == plain.lower():
        return 99.0, "the same word in other letters"
    if whole and wanted == key:
        return 95.0, "the same word, written differently"
    if len(wanted) < 3:
        return None
    share = min(len(wanted), len(key)) / max(len(wanted), len(key))
    if whole and key.startswith(wanted):
        return 75.0 + 10 * share, "begins with it"
    padded = f" {key} "
    if f" {wanted} " in padded:
        return (65.0 if whole else 45.0) + 10 * share, "contains it as a word"
    if whole and wanted in key:
        return 60.0 + 10 * share, "contains it"
    words = set(wanted.split())
    if len(words) > 1 and words <= set(key.split()):
        return (60.0 if whole else 45.0) + 5 * share, "has all its words"
    if whole and len(key) > 3 and f" {key} " in f" {wanted} ":
        return 50.0 + 10 * share, "is part of what you wrote"
    return None


def _misspelt(
    wanted: str, entries: Iterable[tuple[_Entry, tuple[str, ...]]]
) -> Iterator[tuple[tuple[float, str], _Entry]]:
    """Entries whose key looks like the word; also a single word of a longer key, for longer words."""
    words, closed = wanted.split(), wanted.replace(" ", "")
    likeness = _likeness(wanted, _LEAST_LIKENESS)
    # Parts count 0.05 less than the whole, so that a word below this bound never makes a hit.
    by_word = [_likeness(w, _LEAST_LIKENESS + 0.04) for w in words]

    def parts(key: str) -> float:
        """How far each word has a like in the key; and the whole without its blanks, as in cleanlabel."""
        if closed != wanted or " " in key:
            joined = key.replace(" ", "")
            if joined == closed:
                return 1.0
            if len(closed) > 5 and joined.startswith(closed):
                return 0.9
        have = key.split()
        if len(words) < 2 or len(have) < len(words):
            return 0.0
        least = 1.0
        for like in by_word:
            least = min(least, max(map(like, have)))
            if not least:
                return 0.0
        return least * (0.9 + 0.1 * len(words) / len(have))

    for entry, keys in entries:
        if not entry.whole or len(wanted) < 3:
            continue
        whole = max(likeness(k) for k in keys)
        single = (
            max((likeness(w) for k in keys for w in k.split() if len(w) > 4), default=0.0) if len(wanted) > 4 else 0
        )
        best = max(whole, single - 0.05, max(map(parts, keys)) - 0.05)
        if best >= _LEAST_LIKENESS:
            yield (69 * best, f"{_GUESS} ({best:.0%})"), entry


def _likeness(wanted: str, least: float) -> Callable[[str], float]:
    """How much a key is like ``wanted``, 0 below ``least``; words that many keys share are compared once."""
    import difflib

    matcher = difflib.SequenceMatcher(autojunk=False)
    matcher.set_seq2(wanted)

    @cache
    def likeness(key: str) -> float:
        # What the lengths alone rule out is most of it.
        total = len(key) + len(wanted)
        if 2.0 * min(len(key), len(wanted)) < least * total:
            return 0.0
        matcher.set_seq1(key)
        if matcher.quick_ratio() < least:
            return 0.0
        return matcher.ratio()

    return likeness


@cache
def _index(taxonomy: Taxonomy) -> tuple[tuple[_Entry, tuple[str, ...]], ...]:
    """All entries with their normalised keys, made once."""
    makers: tuple[Callable[[Taxonomy], Iterator[_Entry]], ...] = (
        _terms, _modes, _outside, _links, _bar, _flows, _questions, _rules
    )  # fmt: skip
    return tuple((e, tuple(normal(k) for k in e.keys)) for make in makers for e in make(taxonomy))


def _terms(tax: Taxonomy) -> Iterator[_Entry]:
    cited: dict[str, set[str]] = {}
    for t in tax.glossary:
        relation = t.relation if t.modes else "outside the 17"
        note = t.source.split("; ", 1)[1] if not t.modes and "; " in t.source else ""
        yield _Entry(Hit(t.term, "term", t.modes, relation, t.source, note=note), (t.term,))
        for identity in re.findall(r"arXiv:\d{4}\.\d{4,5}|AML\.CS\d{4}|VU#\d+|ISO/IEC \d+", t.source):
            cited.setdefault(identity, set()).add(t.term)
    by_term = {t.term: t for t in tax.glossary}
    for identity, terms in sorted(cited.items()):
        modes = tuple(sorted({m for t in terms for m in by_term[t].modes}))
        yield _Entry(
            Hit(identity, "citation", modes, "cited for", "glossary", note=", ".join(sorted(terms))),
            (identity, identity.removeprefix("arXiv:")),
        )


def _modes(tax: Taxonomy) -> Iterator[_Entry]:
    measures: dict[tuple[str, str, str], list[str]] = {}
    cases: dict[str, list[str]] = {}
    for m in tax.modes:
        yield _Entry(Hit(m.name, "mode", (m.id,), "exact", "the taxonomy", note=m.summary), (m.name, m.id, m.slug))
        for x in m.mitigations:
            measures.setdefault((x.id, x.name, x.source), []).append(m.id)
        for c in m.cases:
            cases.setdefault(c.source, []).append(m.id)
    for (identity, name, source), modes in measures.items():
        yield _Entry(Hit(f"{identity} {name}", "mitigation", tuple(modes), "helps against", source), (identity, name))
    for source, modes in cases.items():
        keys = (source, source.removeprefix("arXiv:"))
        yield _Entry(Hit(source, "case", tuple(dict.fromkeys(modes)), "research case of", "the taxonomy"), keys)


def _outside(tax: Taxonomy) -> Iterator[_Entry]:
    for o in tax.outside:
        hit = Hit(o.name, "outside", o.near, "outside the 17; nearest", o.source, note=o.text)
        yield _Entry(hit, (o.name, o.id, *o.terms))


def _links(tax: Taxonomy) -> Iterator[_Entry]:
    merged: dict[tuple[str, str, str, str, str], list[str]] = {}
    notes: dict[tuple[str, str, str, str, str], str] = {}
    for x in tax.crosswalk:
        if x.relation != "none":
            key = (x.object_id, x.object_label, x.framework, x.framework_version, x.relation)
            merged.setdefault(key, []).append(x.mode_id)
            notes[key] = notes.get(key, "") or x.note
    for key, modes in merged.items():
        identity, label, framework, version, relation = key
        shown = label if identity == label else f"{identity} {label}"
        hit = Hit(shown, "framework id", tuple(modes), relation, f"{framework} {version}", note=notes[key])
        keys = dict.fromkeys((identity, identity.split(":")[0], label))
        yield _Entry(hit, tuple(k for k in keys if normal(k)))


def _bar(tax: Taxonomy) -> Iterator[_Entry]:
    for r in tax.bugbar.rows:
        note = f"{r.range}. {r.text}"
        hit = Hit(
            f"{r.id} {r.variant}", "bug bar row", r.modes, "severity of", tax.bugbar.source(r.source).name, note=note
        )
        yield _Entry(hit, (r.id, r.variant))


def _flows(tax: Taxonomy) -> Iterator[_Entry]:
    for f in tax.flows:
        modes = tuple(m.id for m in tax.modes if f.id in m.flows_primary)
        hit = Hit(f"Flow {f.id}: {f.name}", "flow", modes, "entry of", f.origin, note=f.text)
        yield _Entry(hit, (f"flow {f.id}", f.name))


def _questions(tax: Taxonomy) -> Iterator[_Entry]:
    for q in tax.questions:
        hit = Hit(f"{q.id} {q.text}", "question", q.modes, "asks about", q.source)
        yield _Entry(hit, (q.id,))
        yield _Entry(hit, (q.text,), whole=False)


def _rules(tax: Taxonomy) -> Iterator[_Entry]:
    for r in tax.rules:
        modes = tuple(dict.fromkeys(e.mode for e in r.effects))
        yield _Entry(Hit(f"{r.id} {r.premise}", "rule", modes, "premise of", "ours", note=r.because), (r.id,))
