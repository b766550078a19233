"""The parts of perturbation.translation: sentences and wishes, the two searches, the re-check, what is shown."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from momus.core.capabilities import Generates
from momus.core.errors import BudgetSpent, ProbeError
from momus.core.evidence import Evidence, Line, Series, Table
from momus.core.probe import Trial
from momus.core.records import Caveat, Figure
from momus.core.samples import NumpyArray
from momus.methods import translated
from momus.methods.text_edits import KINDS as KINDS_OF_EDITS
from momus.methods.text_edits import Letters, clusters, distance, edits_of, letters, marked, pieces
from momus.methods.text_gradient import GradientMoves
from momus.methods.text_search import TextFound, beam_search, character_moves, importance
from momus.methods.translated import Wish
from momus.probes.perturbation._inputs import reserved
from momus.probes.perturbation._text import ROWS, SHOWN, drawn
from momus.stats.intervals import wilson

DRAWS = 10  # of random edits
BLACK, WHITE = "translations alone", "with gradients"


@dataclass(frozen=True)
class Sentences:
    """Sentences with their clean translations. ``ready``: those with something to edit and a word to lose."""

    x: NumpyArray
    answers: NumpyArray
    wishes: list[Wish]
    editable: NumpyArray
    complete: bool

    @property
    def ready(self) -> NumpyArray:
        pushed = any(w.to for w in self.wishes)
        wished = np.array([bool(w.word) and (bool(w.to) or not pushed) for w in self.wishes], dtype=bool)
        return np.flatnonzero(self.editable & wished)


def prepare(target: Generates, trial: Trial, *, n: int, goal: str, word: str, to: str) -> Sentences:
    """Draws sentences, has them translated, and chooses the words. ProbeError for data that are no texts."""
    samples = drawn(trial, n)
    x = np.asarray(target.encode(samples.x))
    parts: list[NumpyArray] = []
    complete = True
    try:
        for i in range(0, len(x), ROWS):
            parts.append(target.generate(x[i : i + ROWS]))  # noqa: PERF401 - what was answered is kept
    except BudgetSpent:
        complete = False
    answers = np.concatenate(parts) if parts else np.zeros(0, dtype=object)
    x = x[: len(answers)]
    words = translated.chosen(list(answers), word)
    if word and len(answers) and not any(words):
        raise ProbeError(
            f"no translation says '{word}'", place="option 'word'", hint="Leave it out, or choose a word that is said"
        )
    others = translated.others(words, list(answers), to) if goal == "push" else [""] * len(words)
    wishes = [Wish(str(a), w, o) for a, w, o in zip(answers, words, others, strict=True)]
    editable = np.array([bool(pieces(str(t)).words) for t in x], dtype=bool)
    return Sentences(x, answers, wishes, editable, complete)


class Attack:
    """Both searches on the same sentences, with the same edits and rows."""

    def __init__(
        self, target: Any, trial: Trial, sentences: Sentences, edits: int, queries: int, beam: int, kind: str
    ) -> None:
        self.target, self.edits, self.queries, self.beam, self.kind = target, edits, queries, beam, kind
        self.x = sentences.x[sentences.ready]
        self.wishes = [sentences.wishes[i] for i in sentences.ready]
        self.margin, _ = translated.margins(self.wishes, [w.answer for w in self.wishes])
        self.ask = reserved(trial, 2 * len(self.x))
        roles = [r for r in ("test", "train") if r in trial.data and trial.data[r].is_text]
        self.seen = [str(t) for r in roles for t in trial.data[r].x[:2000]]
        self.carriers: list[frozenset[int]] = [frozenset()] * len(self.x)
        self.spared = False

    def judge(self, changed: Sequence[str], index: NumpyArray) -> tuple[NumpyArray, NumpyArray]:
        self.ask(len(changed))
        answers = self.target.generate(np.array(list(changed), dtype=object))
        return translated.margins([self.wishes[i] for i in index], list(answers))

    def legal(self, row: int, text: str) -> bool:
        """Whether a text may be asked: where carriers are spared, not one that touches them."""
        return not (self.spared and self.carriers[row] & translated.touched(str(self.x[row]), text))

    def letters(self, known: Any = None) -> Letters:
        return letters(self.kind, self.seen, known)

    def look(self) -> tuple[list[NumpyArray], NumpyArray, bool]:
        """How much each source word counts, and which of them carry the chosen word: without them it is not said."""
        mute = [Wish(w.answer, w.word) for w in self.wishes]
        wanted, self.wishes = self.wishes, mute
        margin, _ = translated.margins(mute, [w.answer for w in mute])
        try:
            found = importance(self.judge, self.x, margin, most=max(1, self.queries // 3))
        finally:
            self.wishes = wanted
        self.carriers = [frozenset(int(j) for j in np.flatnonzero(w > 1.0)) for w in found[0]]
        return found

    def by_answers(self, rng: np.random.Generator, weights: list[NumpyArray], asked: NumpyArray) -> TextFound:
        """Edits at random places of the words that count, judged by the translations alone."""
        moves = character_moves(weights, rng, self.letters())
        return self._search(moves, asked)

    def by_gradient(self) -> TextFound:
        """Edits foretold to make the clean translation unlikelier than the one that is wanted."""

        def slopes(changed: Sequence[str], index: NumpyArray) -> Any:
            a = np.array(list(changed), dtype=object)
            wishes = [self.wishes[i] for i in index]
            self.ask(2 * len(a))
            away = self.target.symbol_gradient(a, [w.answer for w in wishes])[1]
            to = self.target.symbol_gradient(a, [translated.altered(w.answer, w.word, w.to) for w in wishes])[1]
            return self.target.symbols(a), [g - h for g, h in zip(away, to, strict=True)]

        alphabet = list(self.target.alphabet())
        known = self.letters() if self.kind != "plain" else None
        return self._search(GradientMoves(slopes, alphabet, known or _whole(alphabet), legal=self.legal), None)

    def by_chance(self, rng: np.random.Generator, draws: int = DRAWS) -> float | None:
        """Share won by all edits at once at random places, the mean over draws: an adversary who does not even look."""
        if not len(self.x):
            return None
        of, won = self.letters(), 0
        try:
            for _ in range(draws):
                texts = [self._mistyped(str(t), rng, of) for t in self.x]
                hits = self.judge(texts, np.arange(len(texts)))[1]
                won += sum(bool(h) and self.legal(i, t) for i, (h, t) in enumerate(zip(hits, texts, strict=True)))
        except BudgetSpent:
            return None
        return won / (draws * len(self.x))

    def _mistyped(self, text: str, rng: np.random.Generator, of: Letters) -> str:
        for _ in range(self.edits):
            parts = pieces(text)
            if parts.words:
                j = int(rng.integers(len(parts.words)))
                kind = KINDS_OF_EDITS[int(rng.integers(4))]
                forms = edits_of(parts.words[j], 1, rng, of, kinds=(kind,)) or edits_of(parts.words[j], 1, rng, of)
                text = parts.replaced(j, forms[0]).text if forms else text
        return text

    def nothing(self) -> TextFound:
        """What there is to say when the budget ended before any search."""
        found = TextFound.untouched(self.x, self.margin)
        found.complete = False
        return found

    def _search(self, moves: Any, asked: NumpyArray | None) -> TextFound:
        allowed = np.full(len(self.x), self.edits)
        return beam_search(
            self.judge,
            moves,
            self.x,
            self.margin,
            edits=allowed,
            queries=self.queries,
            beam=self.beam,
            spent=asked,
            legal=self.legal,
        )


def _whole(alphabet: Sequence[str]) -> Letters:
    """Any letter or digit of the model's alphabet for any other of the same script: what only its owner can try."""
    known = [s for s in alphabet if len(clusters(s)) == 1 and s.isalnum()]
    return letters("plain", known, known, most=len(known))


@dataclass(frozen=True)
class Checked:
    """One search's successes that stood up: ``won`` (m,), translations, edits counted afresh, rules broken."""

    won: NumpyArray
    answers: NumpyArray
    texts: NumpyArray
    edits: NumpyArray
    broken: int
    unconfirmed: int
    asked: bool

    def __len__(self) -> int:
        return int(self.won.sum())


def recheck(attack: Attack, found: TextFound) -> Checked:
    """Every claimed success translated once more, and its edits counted by an independent edit distance."""
    claimed = np.flatnonzero(found.won)
    won = np.zeros(len(found.won), dtype=bool)
    edits = np.zeros(len(found.won), dtype=np.int64)
    answers = np.array([w.answer for w in attack.wishes], dtype=object)
    asked = True
    try:
        if len(claimed):
            answers[claimed] = attack.target.generate(found.texts[claimed])
    except BudgetSpent:
        asked = False
    legal, really = 0, 0
    for i in claimed:
        edits[i] = distance(clusters(str(attack.x[i])), clusters(str(found.texts[i])), attack.edits)
        fits = 0 < edits[i] <= attack.edits
        said = not asked or attack.wishes[i].won(str(answers[i]))
        legal, really = legal + fits, really + (fits and said)
        won[i] = fits and said
    return Checked(won, answers, found.texts, edits, len(claimed) - legal, legal - really, asked)


def best(checks: Sequence[Checked]) -> Checked:
    """The successes of all searches together, those with the fewest edits of each sentence."""
    out = checks[0]
    for other in checks[1:]:
        take = other.won & (~out.won | (other.edits < out.edits))
        out = Checked(
            out.won | other.won,
            np.where(take, other.answers, out.answers),
            np.where(take, other.texts, out.texts),
            np.where(take, other.edits, out.edits),
            out.broken + other.broken,
            out.unconfirmed + other.unconfirmed,
            out.asked and other.asked,
        )
    return out


def elsewhere(attack: Attack, checked: Checked) -> int:
    """Successes whose edits leave every source word alone without which the word would not be said anyhow."""
    count = 0
    for i in np.flatnonzero(checked.won):
        count += not attack.carriers[i] & translated.touched(str(attack.x[i]), str(checked.texts[i]))
    return count


def figures(attack: Attack, searches: dict[str, Checked], chance: float | None) -> list[Figure]:
    """Each search by itself, where the edits fell, and what is left of the rest of the translation."""
    black, m = searches[BLACK], len(attack.x)
    out = [Figure(name="black_box_success", value=len(black) / m if m else 0.0, ci=wilson(len(black), m), n=m)]
    both = best(list(searches.values()))
    if chance is not None:
        note = f"as many edits at random places, the mean of {DRAWS} draws"
        out.append(Figure(name="random_success", value=chance, n=m, note=note))
    if WHITE in searches:
        white = searches[WHITE]
        only = int((black.won & ~white.won).sum())
        out.append(Figure(name="white_box_success", value=len(white) / m if m else 0.0, ci=wilson(len(white), m), n=m))
        out.append(Figure(name="black_box_only", value=float(only), n=m, note="sentences that gradients did not turn"))
        gain = (len(white) - len(black)) / m if m else 0.0
        out.append(Figure(name="white_box_gain", value=gain, n=m, note="more sentences than with translations alone"))
        for edits in range(1, attack.edits + 1):
            for how, checked in (("black", black), ("white", white)):
                share = int((checked.won & (checked.edits <= edits)).sum()) / max(1, m)
                out.append(Figure(name=f"{how}_box_{edits}", value=share, n=m, note=f"with at most {edits} edits"))
    index = np.flatnonzero(both.won)
    if len(index):
        k = len(index)
        away = elsewhere(attack, both)
        note = "of the successes: no source word was touched without which the word would not be said anyhow"
        out.append(Figure(name="elsewhere", value=away / k, ci=wilson(away, k), n=k, note=note))
        kept = [attack.wishes[i].kept(str(both.answers[i])) for i in index]
        out.append(Figure(name="kept", value=float(np.mean(kept)), n=k, note="share of the other words still said"))
        out.append(Figure(name="median_edits", value=float(np.median(both.edits[index])), n=k))
    return out


def evidence(attack: Attack, searches: dict[str, Checked], goal: str) -> list[Evidence]:
    """Sentences with their edits marked, both translations, and success against edits of each search."""
    all_ = best(list(searches.values()))
    index = np.flatnonzero(all_.won)
    index = index[np.argsort(all_.edits[index], kind="stable")][:SHOWN]
    rows = []
    for i in index:
        wish = attack.wishes[i]
        became = f"{wish.word} → {wish.to}" if wish.to else f"{wish.word} → (gone)"
        edited = marked(str(attack.x[i]), str(all_.texts[i]))
        rows.append((edited, int(all_.edits[i]), became, wish.answer, str(all_.answers[i])))
    columns = ("edited sentence", "edits", "word", "translation before", "translation after")
    note = "[old→new] marks each edit"
    if not rows:
        rows = [
            (str(t), 0, w.word, w.answer, w.answer) for t, w in list(zip(attack.x, attack.wishes, strict=True))[:SHOWN]
        ]
        note = "the sentences as they are"
    name = "Words pushed" if goal == "push" else "Words muted"
    title = name if all_.won.any() else "No word was lost"
    m = len(all_.won)
    lines = []
    for how, checked in searches.items():
        hits = [int((checked.won & (checked.edits <= e)).sum()) for e in range(attack.edits + 1)]
        bands = [wilson(h, m) for h in hits]
        lines.append(
            Line(
                name=how,
                x=tuple(float(e) for e in range(attack.edits + 1)),
                y=tuple(h / m if m else 0.0 for h in hits),
                low=tuple(b.low for b in bands),
                high=tuple(b.high for b in bands),
            )
        )
    label = "share of the sentences"
    series = Series(title=f"{name} against edits", x_label="edits at most", y_label=label, lines=tuple(lines))
    return [Table(title=title, note=note, columns=columns, rows=tuple(rows)), series]


def caveats(
    sentences: Sentences, checked: Checked, complete: bool, asked_word: str, signs: Sequence[Caveat]
) -> list[Caveat]:
    """Reasons to distrust the number, ``signs`` among them."""
    out = list(signs)
    n, m = len(sentences.x), len(sentences.ready)
    if not m:
        why = "no sentence has both something to edit and a translation with a word to lose"
        out.append(Caveat(code="nothing-to-move", message=f"{why}, so nothing was attacked", blocks="both"))
    elif m < n:
        why = f"do not say '{asked_word}'" if asked_word else "have nothing to edit, or no content word"
        message = f"{n - m} of {n} sentences or their translations {why}: they count neither as turned nor as robust"
        out.append(Caveat(code="not-editable", message=message, blocks="none"))
    if not (complete and sentences.complete):
        out.append(
            Caveat(code="budget-spent", message="the budget ended before the attack: a longer one may find more")
        )
    if not checked.asked:
        message = "the budget left no query to confirm the examples"
        out.append(Caveat(code="not-rechecked", message=message, blocks="none"))
    if checked.broken:
        message = f"{checked.broken} examples took more edits than allowed, counted afresh, and were not counted"
        out.append(Caveat(code="examples-broke-rules", message=message))
    if checked.unconfirmed:
        message = f"{checked.unconfirmed} examples did not do the same when asked again"
        out.append(Caveat(code="examples-not-confirmed", message=message))
    return out
