"""Tar archives: members that leave the folder, links and devices are marked; every file is looked at."""

from __future__ import annotations

import io
import tarfile

from momus.methods.artifacts.report import Job, Region, TooMuch
from momus.methods.artifacts.zips import leaves

_DEEP = 1 << 20  # longest extended header read


class _Reader(io.RawIOBase):
    """A region as a file. Extended headers of absurd length end the reading instead of filling memory."""

    def __init__(self, region: Region) -> None:
        self.region, self.at = region, 0

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True

    def seek(self, offset: int, whence: int = 0) -> int:
        self.at = offset + (self.at if whence == 1 else len(self.region) if whence == 2 else 0)
        return self.at

    def tell(self) -> int:
        return self.at

    def read(self, size: int = -1) -> bytes:
        if size < 0 or size > _DEEP:
            raise TooMuch("has a tar header of more than 1 MiB")
        data = self.region.take(self.at, size)
        self.at += len(data)
        return data


def is_tar(region: Region) -> bool:
    """A tar header with a checksum that holds."""
    block = region.take(0, 512)
    if len(block) < 512 or not block.strip(b"\0"):
        return False
    try:
        given = int(block[148:156].strip(b"\0 ") or b"x", 8)
    except ValueError:
        return False
    return given == sum(block[:148]) + 8 * 32 + sum(block[156:])


def scan_tar(job: Job, region: Region, where: str) -> str:
    end = 0
    try:
        with tarfile.open(fileobj=_Reader(region), mode="r:") as archive:
            for i, member in enumerate(archive):
                if i >= job.limits.members:
                    raise TooMuch(f"has more than {job.limits.members:,} members")
                job.check_time()
                _member(job, region, member, where)
                end = max(end, archive.offset)
    except (tarfile.TarError, ValueError, OverflowError, EOFError, OSError) as error:
        job.mark("suspicious", f"the tar archive breaks off: {type(error).__name__}", end, where)
        return "tar"
    rest = region.part(end, len(region))
    if len(rest) > 1 << 20 or rest.take(0, len(rest)).strip(b"\0"):
        job.mark("suspicious", f"{len(rest):,} bytes follow the tar archive", end, where)
    return "tar"


def _member(job: Job, region: Region, member: tarfile.TarInfo, where: str) -> None:
    place = f"{where}!{member.name}" if where else member.name
    if leaves(member.name):
        job.mark("bad", "its path leads out of the folder it is unpacked in", member.offset, place)
    if member.issym() or member.islnk():
        outside = leaves(member.linkname)
        what = "is a link that leads out of the folder" if outside else "is a link"
        job.mark("bad" if outside else "suspicious", what, member.offset, place)
    elif member.ischr() or member.isblk() or member.isfifo():
        job.mark("bad", "is a device", member.offset, place)
    elif member.issparse():
        job.mark("suspicious", "is a sparse file, which is not read here", member.offset, place)
    elif member.isreg():
        if member.offset_data + member.size > len(region):
            job.mark("suspicious", "reaches beyond the end of the archive", member.offset, place)
        job.examine(region.part(member.offset_data, member.size), place)
    elif not member.isdir():
        job.mark("suspicious", f"is of an unknown type {member.type!r}", member.offset, place)
