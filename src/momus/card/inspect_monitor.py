"""What can be said of the `monitor` section without reading a log: unknown names, alerts in the clear."""

from __future__ import annotations

import ipaddress
from collections.abc import Iterable, Iterator
from difflib import get_close_matches
from urllib.parse import urlsplit

from momus.card.monitor import MonitorCard
from momus.card.schema import SystemCard
from momus.core.errors import CardError
from momus.core.registry import detector_ids


def monitor_problems(card: SystemCard) -> Iterator[CardError]:
    """What `momus monitor` would refuse."""
    wanted = card.monitor
    if wanted is None:
        return
    if wanted.target is not None and wanted.target not in [t.name for t in card.targets]:
        yield _unknown(card, "target", wanted.target, "target", [t.name for t in card.targets])
    sets = {*card.data, *(role for t in card.targets for role in t.data)}
    for key in ("reference", "members"):
        named = getattr(wanted, key)
        if key in wanted.model_fields_set and named and named not in sets:
            yield _unknown(card, key, named, "data set", sorted(sets))
    names = [i.removeprefix("monitor/") for i in detector_ids()]
    for key, words in (("detectors", wanted.detectors), ("skip", wanted.skip), ("options", tuple(wanted.options))):
        for word in words:
            if not any(name == word or name.startswith(f"{word}.") for name in names):
                yield _unknown(card, key, word, "detector", names)


def monitor_notes(card: SystemCard) -> Iterator[CardError]:
    """What works and should be known."""
    wanted = card.monitor
    if wanted is None:
        return
    if "reference" not in wanted.model_fields_set and wanted.reference not in {
        *card.data,
        *(role for t in card.targets for role in t.data),
    }:
        yield CardError(
            f"there is no data set '{wanted.reference}', so traffic can be compared with nothing",
            code="card/no-reference", place=card.place("monitor"),
            hint="Name one that shows how inputs look while nothing is wrong: reference: NAME",
        )  # fmt: skip
    for i, alert in enumerate(wanted.alerts):
        if alert.url.startswith("http://") and not _local(alert.url):
            yield CardError(
                f"alerts go to {urlsplit(alert.url).hostname} in the clear", code="card/clear-text",
                place=card.place("monitor", "alerts", i), hint="Use https://",
            )  # fmt: skip
        if alert.secret is None:
            yield CardError(
                f"alerts to {urlsplit(alert.url).hostname} are not signed", code="card/unsigned-alerts",
                place=card.place("monitor", "alerts", i),
                hint="Add secret: ${MOMUS_ALERT_SECRET}, so that the receiver knows who speaks; chats need none",
            )  # fmt: skip
    yield from _metrics(card, wanted)


def _metrics(card: SystemCard, wanted: MonitorCard) -> Iterator[CardError]:
    if wanted.metrics and not _local(f"http://{wanted.metrics if ':' in wanted.metrics else f':{wanted.metrics}'}"):
        yield CardError(
            f"metrics are offered to other machines at {wanted.metrics}, without a password",
            code="card/open-metrics", place=card.place("monitor", "metrics"),
            hint="Use 127.0.0.1 and a proxy, or a network of their own",
        )  # fmt: skip


def _local(url: str) -> bool:
    host = urlsplit(url).hostname or "localhost"
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def _unknown(card: SystemCard, key: str, word: str, kind: str, known: Iterable[str]) -> CardError:
    names = list(known)
    near = get_close_matches(word, names, n=1, cutoff=0.5)
    hint = f"Did you mean '{near[0]}'?" if near else f"There are {', '.join(names) or 'none'}"
    return CardError(
        f"monitor.{key}: there is no {kind} '{word}'", code=f"card/unknown-{kind.replace(' ', '-')}",
        place=card.place("monitor", key), hint=hint,
    )  # fmt: skip
