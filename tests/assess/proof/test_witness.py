"""What the kernel's questions are answered with: by numbers, never by what a pointer leads to."""

from __future__ import annotations

from pathlib import Path

import pytest

from momus.assess.proof.records import Act
from momus.assess.proof.witness import Witness
from momus.core import seccomp

pytestmark = pytest.mark.skipif(seccomp.machine() is None, reason="no filter is written for this machine")
ME = 0  # no such process: nothing can be read from its memory


def _witness(room: Path, *, empty: bool = True, temporary: bool = False) -> Witness:
    return Witness(-1, room, [Path("/usr")], empty_network=empty, temporary=temporary)


def _asked(witness: Witness, name: str, *args: int) -> tuple[bool, tuple[Act, bool] | None]:
    return witness._judge(name, ME, [*args, *[0] * (6 - len(args))])


def test_a_socket_is_let_be_where_the_network_is_empty_and_only_there(tmp_path: Path) -> None:
    """There its next step tells where it wanted to go."""
    assert _asked(_witness(tmp_path), "socket", 2, 1) == (True, None)
    assert _asked(_witness(tmp_path), "socket", 10, 2)[0]
    go_on, told = _asked(_witness(tmp_path, empty=False), "socket", 2, 1)
    assert (go_on, told) == (False, (Act("made a socket", "IPv4", "kernel"), True))


@pytest.mark.parametrize("family", [1, 16, 17, 40])
def test_other_families_are_refused_everywhere(tmp_path: Path, family: int) -> None:
    assert not _asked(_witness(tmp_path), "socket", family, 1)[0]


@pytest.mark.parametrize(
    "name",
    ["connect", "bind", "sendto", "execve", "execveat", "clone", "fork", "kill", "ptrace", "mount", "chmod", "mknod"],
)
def test_what_landlock_does_not_decide_is_refused(tmp_path: Path, name: str) -> None:
    assert _asked(_witness(tmp_path), name, 1, 2, 3, 4, 5, 6)[0] is False


@pytest.mark.parametrize("name", ["openat", "unlinkat", "renameat2", "mkdirat", "truncate", "symlinkat"])
def test_what_landlock_decides_goes_on(tmp_path: Path, name: str) -> None:
    assert _asked(_witness(tmp_path), name)[0] is True


def test_a_call_that_nobody_thought_of_is_refused_and_noted(tmp_path: Path) -> None:
    assert _asked(_witness(tmp_path), "vhangup") == (False, (Act("asked for", "vhangup", "kernel"), False))


def test_reading_in_the_room_and_in_known_places_is_not_worth_a_word(tmp_path: Path) -> None:
    (tmp_path / "x").write_text("")
    witness = _witness(tmp_path)
    assert witness._reading(str(tmp_path / "x")) is None
    assert witness._reading("/usr/lib/x.so") is None
    other = witness._reading("/etc/passwd")
    assert other is not None
    assert other[1], "an act"
    fact = witness._reading("/proc/mounts")
    assert fact is not None
    assert not fact[1], "a note"


def test_a_folder_whose_name_begins_alike_is_not_the_room(tmp_path: Path) -> None:
    room = tmp_path / "room"
    room.mkdir()
    witness = _witness(room)
    assert witness._within(str(room / "a"))
    assert not witness._within(str(tmp_path / "room-other" / "a"))
    assert not witness._within(str(tmp_path))
