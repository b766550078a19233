"""Saved Hugging Face models: made and trained here, opened from their folder, and asked as their own library asks."""

from __future__ import annotations

import json
import re
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
import yaml

from momus.assess import assess
from momus.assess.run import Settings, inspect_targets
from momus.card import SystemCard
from momus.core.capabilities import Generates, Parameters, Scores, missing
from momus.core.errors import TargetError, UnsafeArtifact
from momus.core.registry import get_probe
from momus.core.samples import Samples
from momus.targets import Target, open_target
from momus.testing import TargetContract

transformers = pytest.importorskip("transformers")
DOCS = Path(__file__).resolve().parents[2] / "docs" / "probes"
CLASSES = ("membership", "perturbation")
SPECIAL = {"pad_token": "[PAD]", "unk_token": "[UNK]", "cls_token": "[CLS]", "sep_token": "[SEP]"}


def sentences(mode: str) -> list[str]:
    """Sentences of this project's own pages on one failure mode."""
    text = " ".join(p.read_text("utf-8") for p in sorted(DOCS.glob(f"{mode}.*.md")))
    found = [s.strip() for s in re.split(r"(?<=[.;:])\s", re.sub(r"[`*#|]", " ", text))]
    return [s for s in dict.fromkeys(found) if 30 < len(s) < 200][:150]


def texts() -> Samples:
    both = [(s, i) for i, mode in enumerate(CLASSES) for s in sentences(mode)]
    return Samples(np.array([s for s, _ in both], dtype=object), np.array([i for _, i in both]), classes=CLASSES)


def tokenizer(words: list[str], ends: bool) -> Any:
    from tokenizers import Tokenizer, models, normalizers, pre_tokenizers, processors, trainers

    made = Tokenizer(models.WordPiece(unk_token="[UNK]"))
    made.normalizer, made.pre_tokenizer = normalizers.BertNormalizer(), pre_tokenizers.BertPreTokenizer()
    made.train_from_iterator(words, trainers.WordPieceTrainer(vocab_size=900, special_tokens=[*SPECIAL.values()]))
    if ends:
        pair = [("[CLS]", 2), ("[SEP]", 3)]
        made.post_processor = processors.TemplateProcessing(single="[CLS] $A [SEP]", special_tokens=pair)
    return transformers.PreTrainedTokenizerFast(tokenizer_object=made, model_max_length=48, **SPECIAL)


@pytest.fixture(scope="module")
def saved(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """A small BERT that learned to tell two kinds of sentences apart, and a small GPT-2 that learned a few by heart."""
    home, data = tmp_path_factory.mktemp("saved"), texts()
    words = [str(t) for t in data.x]
    with torch.random.fork_rng():
        torch.manual_seed(0)
        size = {"hidden_size": 32, "num_hidden_layers": 1, "num_attention_heads": 2, "intermediate_size": 64}
        config = transformers.BertConfig(vocab_size=900, max_position_embeddings=48, **size)
        config.id2label, config.label2id = dict(enumerate(CLASSES)), {c: i for i, c in enumerate(CLASSES)}
        reads = transformers.BertForSequenceClassification(config)
        words_of = tokenizer(words, ends=True)
        given = words_of(words, padding=True, truncation=True, return_tensors="pt")
        fit(reads, {**given, "labels": torch.as_tensor(data.y)}, steps=25, rate=5e-3)
        save(reads, words_of, home / "bert")
        small = transformers.GPT2Config(
            vocab_size=900, n_positions=48, n_embd=32, n_layer=1, n_head=2, bos_token_id=2, eos_token_id=3
        )
        writes, words_of = transformers.GPT2LMHeadModel(small), tokenizer(words, ends=False)
        given = words_of(words[:4], padding=True, truncation=True, return_tensors="pt")
        given.pop("token_type_ids", None)
        fit(writes, {**given, "labels": given["input_ids"]}, steps=60, rate=1e-2)
        save(writes, words_of, home / "gpt")
    yield home


def fit(model: Any, batch: Any, steps: int, rate: float) -> None:
    optimiser = torch.optim.AdamW(model.train().parameters(), rate)
    for _ in range(steps):
        optimiser.zero_grad()
        model(**batch).loss.backward()
        optimiser.step()


def save(model: Any, words: Any, place: Path) -> None:
    model.eval().save_pretrained(place)
    words.save_pretrained(place)


class TestClassifier(TargetContract):
    @pytest.fixture(scope="class")
    def target(self, saved: Path) -> Any:
        return Target.from_huggingface(saved / "bert", samples=texts())

    @pytest.fixture
    def samples(self) -> Samples:
        return texts().take(np.arange(0, 240, 12))


class TestGenerator(TargetContract):
    @pytest.fixture(scope="class")
    def target(self, saved: Path) -> Any:
        return Target.from_huggingface(saved / "gpt", max_new_tokens=6)

    @pytest.fixture
    def samples(self) -> Samples:
        data = texts().take(np.arange(10))
        return Samples(data.x, np.array([str(t)[-20:] for t in data.x], dtype=object))


def test_it_answers_as_the_library_s_own_pipeline(saved: Path) -> None:
    data = texts()
    target = Target.from_huggingface(saved / "bert", samples=data, rows=7)
    pipe = transformers.pipeline("text-classification", str(saved / "bert"), top_k=None, device="cpu")
    some = [str(t) for t in data.x[:20]]
    own = [{e["label"]: e["score"] for e in row} for row in pipe(some, truncation=True)]
    expected = np.array([[row[c] for c in CLASSES] for row in own])
    assert np.allclose(target.probabilities(target.encode(data.x[:20])), expected, atol=1e-5)
    assert target.info.adapter == "huggingface" and target.info.classes == CLASSES
    assert missing(target, Scores) == () == missing(target, Parameters)
    assert (target.predict(target.encode(data.x)) == data.y).mean() > 0.8


def test_classes_in_another_order_move_the_columns(saved: Path) -> None:
    turned = Target.from_huggingface(saved / "bert", classes=CLASSES[::-1])
    straight = Target.from_huggingface(saved / "bert")
    assert straight.info.classes == CLASSES
    assert np.allclose(turned.scores(texts().x[:5]), straight.scores(texts().x[:5])[:, ::-1], atol=1e-6)
    named = Target.from_huggingface(saved / "bert", classes=("privacy", "robustness"))
    assert np.allclose(named.scores(texts().x[:5]), straight.scores(texts().x[:5]), atol=1e-6)
    with pytest.raises(TargetError, match=r"2 outputs.*3 classes"):
        Target.from_huggingface(saved / "bert", classes=("a", "b", "c"))


def test_it_writes_on_as_the_model_does_alone(saved: Path) -> None:
    """Greedy, in batches of texts of different lengths, and only the new words."""
    target = Target.from_huggingface(saved / "gpt", max_new_tokens=5)
    assert missing(target, Generates) == () and target.info.task == "generator"
    words = transformers.AutoTokenizer.from_pretrained(saved / "gpt")
    model = transformers.AutoModelForCausalLM.from_pretrained(saved / "gpt")
    starts = np.array([" ".join(str(t).split()[:n]) for t, n in zip(texts().x[:4], (2, 3, 5, 4), strict=True)], object)
    for start, answer in zip(starts, target.generate(starts), strict=True):
        ids = words(start, return_tensors="pt")["input_ids"]
        alone = model.generate(ids, do_sample=False, max_new_tokens=5, pad_token_id=0)[0, ids.shape[1] :]
        assert answer == words.decode(alone, skip_special_tokens=True)
    assert len({*target.generate(starts)}) > 1


def test_texts_that_are_too_long_are_said(saved: Path) -> None:
    long = Samples(np.array(["word " * 500, "short"] * 2, dtype=object), np.array([0, 1] * 2), classes=CLASSES)
    target = Target.from_huggingface(saved / "bert", samples=long)
    assert any("2 of 4 texts are read only as far as their first 48 tokens" in n for n in target.info.notes)


def changed(saved: Path, to: Path, **config: Any) -> Path:
    shutil.copytree(saved / "bert", to)
    held = json.loads((to / "config.json").read_text()) | config
    (to / "config.json").write_text(json.dumps(held))
    return to


@pytest.mark.parametrize(
    ("config", "said"),
    [
        ({"auto_map": {"AutoModel": "model.py--Evil"}}, "code of its own"),
        ({"architectures": ["BertForMaskedLM"]}, "no classifier of texts"),
        ({"problem_type": "multi_label_classification"}, "several classes"),
        ({"num_hidden_layers": 2}, "would be random"),
    ],
    ids=["code", "kind", "labels", "weights"],
)
def test_what_is_not_opened_says_why(saved: Path, tmp_path: Path, config: dict[str, Any], said: str) -> None:
    with pytest.raises(TargetError, match=said) as error:
        Target.from_huggingface(changed(saved, tmp_path / "m", **config))
    assert "\n" not in str(error.value)


def test_a_folder_without_a_model_and_an_adapter_say_why(saved: Path, tmp_path: Path) -> None:
    with pytest.raises(TargetError, match=r"no config\.json"):
        Target.from_huggingface(tmp_path)
    folder = changed(saved, tmp_path / "peft")
    (folder / "adapter_config.json").write_text('{"base_model_name_or_path": "somebody/model"}')
    with pytest.raises(TargetError, match="adapter for another model"):
        Target.from_huggingface(folder)


def card(folder: Path, **target: Any) -> SystemCard:
    raw = {
        "system": "mail",
        "targets": [{"name": "reader", "path": "model/", **target}],
        "data": {"test": {"path": "test.jsonl", "label": "mode"}},
        "probes": {"perturbation.characters": {"n": 10, "queries": 20}},
    }
    return SystemCard.from_dict(yaml.safe_load(yaml.safe_dump(raw)), base=folder)


@pytest.fixture
def system(saved: Path, tmp_path: Path) -> Path:
    shutil.copytree(saved / "bert", tmp_path / "model")
    data = texts()
    lines = [json.dumps({"text": str(t), "mode": CLASSES[y]}) for t, y in zip(data.x, data.y, strict=True)]
    (tmp_path / "test.jsonl").write_text("\n".join(lines))
    return tmp_path


def test_a_pickle_in_the_folder_is_scanned_first(system: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    class Evil:
        def __reduce__(self) -> Any:
            return (print, ("ran",))

    (system / "model" / "model.safetensors").unlink()
    torch.save({"w": Evil()}, system / "model" / "pytorch_model.bin")
    with pytest.raises(UnsafeArtifact, match="print"):
        open_target(card(system).targets[0], system)


def test_a_card_with_wrong_options_or_task_says_so(system: Path) -> None:
    for more, said in (
        ({"options": {"temperature": 1}}, "'temperature' is unknown"),
        ({"options": {"rows": 0}}, "whole number"),
        ({"task": "generator"}, "is a classifier"),
    ):
        with pytest.raises(TargetError, match=said):
            open_target(card(system, **more).targets[0], system)


def test_a_confined_worker_opens_it_without_a_network(system: Path) -> None:
    """It loads nothing but the folder."""
    read = card(system)
    assert read.targets[0].adapter == "huggingface"
    (seen,) = inspect_targets(read, Settings()).values()
    assert seen.failure is None and seen.lacking["perturbation.characters"] == []


@pytest.mark.soak
def test_a_text_probe_runs_over_it_end_to_end(system: Path) -> None:
    done = assess(card(system), only=("perturbation.characters",), store=":memory:", backend="sequential")
    (finding,) = done.findings
    assert finding.measurement is not None, finding.reason
    assert finding.measurement.n >= 8 and finding.measurement.cost.queries > 20


def test_a_text_probe_runs_over_it(saved: Path) -> None:
    data = texts()
    target = Target.from_huggingface(saved / "bert", samples=data)
    found = get_probe("perturbation.characters")(target, test=data.take(np.arange(0, len(data), 20)), seed=0)
    assert found.n >= 8 and found.cost.queries > 20
