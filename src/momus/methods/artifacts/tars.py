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


def scan_tar(job: Job, region: Region, where: str) -> str:
    end, seen = 0, set[str]()
    try:
        with tarfile.open(fileobj=_Reader(region), mode="r:") as archive:
            for i, member in enumerate(archive):
                if i >= job.limits.members:
                    raise TooMuch(f"has more than {job.limits.members:,} members")
                job.check_time()
                if member.name in seen:
                    job.mark("suspicious", "stands twice in the tar archive", member.offset, f"{where}!{member.name}")
                seen.add(member.name)
                _member(job, region, member, where)
                end = max(end, archive.offset)
    except (tarfile.TarError, ValueError, OverflowError, EOFError, OSError) as error:
        job.mark("suspicious", f"the tar archive breaks off: {type(error).__name__}", end, where)
        return "tar"
    _rest(job, region, end, where)
    return "tar"


def _rest(job: Job, region: Region, end: int, where: str) -> None:
    """Two empty blocks end an archive; writers fill up to a record. Anything else is a file of its own."""
    rest = region.part(end, len(region))
    if len(rest) < 1024 and not rest.take(0, 1024).strip(b"\0"):
        job.mark("suspicious", "the tar archive has no end: it may be cut short", len(region), where)
    elif len(rest) > 1 << 20 or rest.take(0, len(rest)).strip(b"\0"):
        at = end
        while at < len(region) and not region.take(at, 512).strip(b"\0"):
            at += 512
        job.mark("suspicious", f"{len(region) - at:,} bytes follow the tar archive", at, where)
        if at < len(region):
            job.examine(region.part(at, len(region)), f"{where}!bytes@{at}")


def _member(job: Job, region: Region, member: tarfile.TarInfo, where: str) -> None:
    place = f"{where}!{member.name}" if where else member.name
    if member.mode & 0o6000 and member.isreg():
        job.mark("suspicious", "would run with the rights of its owner", member.offset, place)
    if leaves(member.name):
        job.mark("dangerous", "its path leads out of the folder it is unpacked in", member.offset, place)
    if member.issym() or member.islnk():
        outside = leaves(member.linkname)
        what = "is a link that leads out of the folder" if outside else "is a link"
        job.mark("dangerous" if outside else "suspicious", what, member.offset, place)
    elif member.ischr() or member.isblk() or member.isfifo():
        job.mark("dangerous", "is a device", member.offset, place)
    elif member.issparse():
        job.mark("suspicious", "is a sparse file, which is not read here", member.offset, place)
    elif member.isreg():
        if member.offset_data + member.size > len(region):
            job.mark("suspicious", "reaches beyond the end of the archive", member.offset, place)
        job.examine(region.part(member.offset_data, member.size), place)
    elif not member.isdir():
        job.mark("suspicious", f"is of an unknown type {member.type!r}", member.offset, place)
