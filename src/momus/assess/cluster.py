"""Jobs over the nodes of a cluster: results as they come, lost jobs done again, idle nodes put to long jobs.

A job that can be cut is run whole by several nodes that share one cache: whoever comes first to a part does it, the
others read it. The first that ends gives the result, and it is the same whoever that is.
"""

from __future__ import annotations

from collections import Counter, deque
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol

from momus.assess.board import Board
from momus.assess.node import Fitness, Unfit, look, on_node
from momus.core.errors import MomusError

TRIES = 3  # of one job whose node is lost each time
_POLL = 0.5

Item = tuple[Any, Mapping[str, Any]]


@dataclass(frozen=True)
class Ended:
    """A job that has ended: with a value, with an error of the work itself, or lost with its process or node.

    ``final``: the cluster itself has tried it on several nodes already.
    """

    handle: Any
    value: Any = None
    error: BaseException | None = None
    lost: str = ""
    final: bool = False


class Nodes(Protocol):
    """A cluster that was joined."""

    def size(self) -> int: ...

    def everywhere(self, work: Callable[..., Any], *args: Any) -> Mapping[str, Any]: ...

    def submit(self, work: Callable[..., Any], *args: Any) -> Any: ...

    def ended(self, seconds: float) -> list[Ended]: ...

    def cancel(self, handle: Any) -> None: ...

    def close(self) -> None: ...


@dataclass
class Cluster:
    """One run's jobs on the nodes. ``helped`` says of a job whether several nodes may work at it.

    ``good`` says whether a value settles a job that others are working at too. ``lost(item, why)`` is the result of a
    job whose nodes were lost too often. ``listener`` hears how far jobs are.
    """

    nodes: Nodes
    board: Board
    card: Path
    lost: Callable[[Item, str], Any]
    listener: Callable[[str, float, str], None]
    helped: Callable[[Any], bool]
    good: Callable[[Any], bool]
    workers: int | None = None
    warn: Callable[[str], None] = print
    _running: dict[Any, tuple[str, int]] = field(default_factory=dict)

    def check(self) -> Fitness:
        """Raise MomusError where a node would not give the numbers that this machine gives."""
        mine = look(self.board, self.card)
        for name, found in sorted(self.nodes.everywhere(look, self.board, self.card).items()):
            if isinstance(found, BaseException):
                why = "it cannot run Momus: " + (str(found).splitlines() or [type(found).__name__])[-1][:200]
            else:
                why = mine.against(found)
            if why:
                raise unfit(name, why, self.card)
        return mine

    def run(self, work: Callable[..., Any], items: Sequence[Item]) -> Iterator[Any]:
        """Results in the order in which they come, one for each item."""
        if not items:
            return
        wanted = self.check()

        def begin(item: Item) -> Any:
            return self.nodes.submit(on_node, work, item, self.board, self.card, wanted)

        by_key = {job.key: (job, request) for job, request in items}
        waiting, tries = deque(by_key), Counter[str]()
        open_ = set(by_key)
        while open_:
            self._begin(begin, waiting, by_key)
            for ended in self.nodes.ended(_POLL):
                key, _ = self._running.pop(ended.handle, ("", 0))
                if key not in open_:
                    continue
                if ended.error is not None:
                    raise ended.error
                if isinstance(ended.value, Unfit):
                    raise unfit(ended.value.node, ended.value.why, self.card)
                if ended.lost:
                    value = self._again(key, ended, tries, waiting, by_key[key])
                    if value is None:
                        continue
                else:
                    value = ended.value
                if not self.good(value) and self._others(key):
                    continue
                open_.discard(key)
                self._stop(key)
                yield value
            self._listen(open_)

    def _begin(self, begin: Callable[[Item], Any], waiting: deque[str], by_key: Mapping[str, Item]) -> None:
        """Give jobs to nodes that are free; where none waits, a second node to a job that can be cut."""
        most = min(self.nodes.size(), self.workers or 1 << 30)
        while waiting and len(self._running) < most:
            key = waiting.popleft()
            number = self._mates(key)
            self._running[begin(by_key[key])] = key, number
        while not waiting and len(self._running) < most:
            busy = Counter(key for key, _ in self._running.values() if self.helped(by_key[key][0]))
            if not busy:
                return
            key = min(busy, key=lambda k: (busy[k], k))
            job, request = by_key[key]
            number = self._mates(key)
            self._running[begin((job, {**request, "mate": number}))] = key, number

    def _others(self, key: str) -> bool:
        return any(k == key for k, _ in self._running.values())

    def _mates(self, key: str) -> int:
        """A number for who joins in: none of those that work at the job has it."""
        taken = {number for k, number in self._running.values() if k == key}
        return next(n for n in range(len(taken) + 1) if n not in taken)

    def _again(self, key: str, ended: Ended, tries: Counter[str], waiting: deque[str], item: Item) -> Any:
        """A job that was lost: done again, unless that was tried often enough, or others work at it still."""
        tries[key] += 1
        if self._others(key):
            return None
        if ended.final or tries[key] >= TRIES:
            return self.lost(item, f"{ended.lost} ({tries[key]} of {TRIES} tries)" if not ended.final else ended.lost)
        self.warn(f"{item[0].probe} was lost with its node and is done again: {ended.lost}")
        waiting.append(key)
        return None

    def _stop(self, key: str) -> None:
        """The job has its result: whoever else works at it stops."""
        self.board.end(key)
        for handle in [h for h, (k, _) in self._running.items() if k == key]:
            del self._running[handle]
            self.nodes.cancel(handle)

    def _listen(self, keys: set[str]) -> None:
        for key in keys:
            said = self.board.noted(key)
            if said is not None:
                self.listener(key, *said)


def unfit(node: str, why: str, card: Path) -> MomusError:
    """The one line for a node that cannot be used."""
    hint = f"Every node needs the same Momus and libraries, and sees {card.parent} under the same path"
    return MomusError(f"node {node} cannot do the jobs: {why}", code="assess/node", hint=hint)
