"""Mutations are pure, take any bytes, and reach behind the checks of the readers that they are meant for."""

from __future__ import annotations

import io
import json
import struct
import zlib
from random import Random

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from momus.methods.fuzz import mutate_jpeg, mutate_pictures, mutate_png, mutate_sound, riff, seeds
from momus.methods.fuzz.mutate import MUTATIONS, format_of, mutate
from momus.methods.fuzz.mutate_bytes import BLIND, LARGEST, havoc, splice

EVERY = [(kind, m) for kind, ms in MUTATIONS.items() for m in dict.fromkeys(ms)]


@pytest.mark.parametrize(("kind", "mutation"), EVERY, ids=[f"{k}-{m.__name__}" for k, m in EVERY])
def test_a_mutation_is_pure_takes_any_bytes_and_changes_a_valid_file(kind: str, mutation) -> None:  # type: ignore[no-untyped-def]
    files = seeds.examples(kind)
    changed = 0
    for i in range(60):
        data = files[i % len(files)]
        once, again = mutation(data, Random(i)), mutation(bytes(data), Random(i))
        assert isinstance(once, bytes)
        assert once == again
        changed += once != data
    assert changed >= 10
    rng = Random(5)
    for junk in (b"", b"\0", *(rng.randbytes(n) for n in range(1, 60)), *(f[:n] for f in files for n in range(1, 60))):
        assert isinstance(mutation(junk, rng), bytes)


@settings(deadline=None, max_examples=300)
@given(st.binary(max_size=300), st.sampled_from(sorted(MUTATIONS)), st.integers(0, 1 << 30))
def test_any_bytes_in_any_format_give_bounded_bytes(data: bytes, kind: str, seed: int) -> None:
    made = mutate(data, Random(seed), kind, (b"other", data))
    assert len(made) <= LARGEST
    assert made == mutate(data, Random(seed), kind, (b"other", data))


@pytest.mark.parametrize("kind", sorted(MUTATIONS))
def test_mutated_files_mutate_on(kind: str) -> None:
    rng, data = Random(1), seeds.examples(kind)[0]
    seen = set()
    for _ in range(150):
        data = mutate(data, rng, kind, seeds.examples(kind)) or data
        seen.add(data)
    assert len(seen) > 100


def test_png_checksums_are_mended() -> None:
    rng = Random(0)
    for i in range(200):
        made = mutate_png.header(seeds.examples("png")[i % 3], rng)
        parts = mutate_png.chunks(made)
        assert parts[0][0] == b"IHDR"
        at = 8
        for kind, body in parts:
            (crc,) = struct.unpack_from(">I", made, at + 8 + len(body))
            assert crc == zlib.crc32(kind + body)
            at += 12 + len(body)
        assert at == len(made)


def test_most_png_pixels_are_still_opened_by_a_reader() -> None:
    from PIL import Image

    opened, rng = 0, Random(0)
    for _ in range(100):
        try:
            Image.open(io.BytesIO(mutate_png.pixels(seeds.examples("png")[0], rng))).load()
            opened += 1
        except (OSError, SyntaxError, ValueError):
            continue
    assert opened > 30


@pytest.mark.parametrize("kind", ["jpeg", "wav", "webp", "png", "flac", "ogg"])
def test_taken_apart_and_put_together_a_file_is_the_same(kind: str) -> None:
    for data in seeds.examples(kind):
        if kind == "jpeg":
            assert mutate_jpeg.joined(mutate_jpeg.segments(data)) == data
        elif kind == "png":
            assert mutate_png.joined(mutate_png.chunks(data)) == data
        elif kind == "flac":
            assert mutate_sound.flac_joined(*mutate_sound.flac_blocks(data)) == data
        elif kind == "ogg":
            assert b"".join(map(mutate_sound.ogg_mended, mutate_sound.ogg_pages(data))) == data
        else:
            assert riff.riff_joined(*riff.riff(data)) == data


def test_every_format_has_valid_files() -> None:
    from PIL import Image

    for kind in ("png", "jpeg", "gif", "bmp", "tiff", "webp"):
        for data in seeds.examples(kind):
            Image.open(io.BytesIO(data)).load()
    assert [json.loads(d) for d in seeds.examples("json")]
    assert [np.load(io.BytesIO(d)).size for d in seeds.examples("npy")]
    assert list(np.load(io.BytesIO(seeds.examples("npz")[0])))
    assert mutate_pictures.tiff_entries(seeds.examples("tiff")[0])[1]
    import wave

    with wave.open(io.BytesIO(seeds.examples("wav")[0])) as held:
        assert held.getnframes() == 8000
    parquet = pytest.importorskip("pyarrow.parquet")
    for data in seeds.examples("parquet"):
        assert parquet.read_table(io.BytesIO(data)).num_rows == 5


def test_checksums_of_sound_files_are_the_known_ones() -> None:
    assert mutate_sound.crc8(b"123456789") == 0xF4
    assert mutate_sound.crc16(b"123456789") == 0xFEE8
    assert mutate_sound.ogg_crc(b"123456789") == 0x89A1897F


def test_seed_files_are_the_same_every_time() -> None:
    for kind in MUTATIONS:
        assert seeds.examples(kind) == seeds.examples(kind)


def test_the_format_of_an_example_is_seen() -> None:
    for kind in ("png", "jpeg", "gif", "bmp", "tiff", "webp", "wav", "flac", "ogg", "parquet", "npy", "npz", "xml"):
        for data in seeds.examples(kind):
            assert format_of("x", data) == kind
    assert format_of("rows.tsv", b"1\t2") == "csv"
    assert format_of("x.jpg", b"broken") == "jpeg"
    assert format_of("a.dat", b"1", ("json",)) == "json"
    assert format_of("a", b"\x89PNG", ("text",)) == "text"
    assert format_of("a", b"1") == "other"


def test_blind_changes_change() -> None:
    rng = Random(0)
    for change in BLIND:
        assert sum(change(bytes(range(200)), rng) != bytes(range(200)) for _ in range(50)) > 30, change.__name__
    assert len({havoc(b"abcdefgh" * 4, rng) for _ in range(200)}) > 180
    joined = {splice(b"a" * 50, b"b" * 50, rng) for _ in range(100)}
    assert any(j.startswith(b"a") and j.endswith(b"b") for j in joined)
