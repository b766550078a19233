"""Advisories asked for over the network, where the card allows it, through pip-audit's services. It fails closed."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Protocol

from momus.core.errors import MissingExtra
from momus.methods.advisories.dump import Dump
from momus.methods.advisories.listing import Pin
from momus.methods.advisories.osv import Advisory
from momus.methods.advisories.versions import Range, parsed

HOSTS = ("api.osv.dev", "pypi.org")
_IN_A_ROW = 3  # failures before the service counts as gone


class Service(Protocol):
    """What is used of pip-audit's services."""

    def query(self, spec: Any) -> tuple[Any, Sequence[Any]]: ...


def services(network: Iterable[str]) -> dict[str, Service]:
    """The services behind the hosts that the card names; none where it names none of them."""
    hosts = [h for h in HOSTS if h in set(network)]
    if not hosts:
        return {}
    try:
        from pip_audit._service import OsvService, PyPIService  # type: ignore[import-untyped,unused-ignore]
    except ImportError as error:
        raise MissingExtra.of("asking for advisories online", "audit", error.name or "pip_audit") from error
    made: Mapping[str, Any] = {"api.osv.dev": OsvService, "pypi.org": PyPIService}
    return {h: strict(made[h](timeout=10)) for h in hosts}


def strict(service: Any) -> Service:
    """The service with a second look at each answer: those that it would take for "nothing known" are refused.

    pip-audit counts an answer without the key ``vulnerabilities`` as clean (what a mirror gives), reads only the first
    page of a long one, and passes over records without ``affected`` or of another schema.
    """
    service.session.hooks.setdefault("response", []).append(_look)
    return service  # type: ignore[no-any-return]


def _look(response: Any, *_: object, **__: object) -> None:
    if response.status_code != 200:
        return
    told = response.json()
    if not isinstance(told, Mapping):
        raise ValueError("the answer is not one")
    if response.request.method == "GET" and not isinstance(told.get("vulnerabilities"), list):
        raise ValueError("the index does not speak of vulnerabilities")
    if told.get("next_page_token"):
        raise ValueError("the answer has more pages")
    for row in told.get("vulns") or []:
        odd = not isinstance(row, Mapping) or not str(row.get("schema_version", "1")).startswith("1")
        if odd or not (row.get("affected") or row.get("withdrawn")):
            raise ValueError("a record in the answer cannot be read")


def ask(pins: Iterable[Pin], asked: Mapping[str, Service], *, today: str) -> Dump:
    """What the services say of each pinned package; a package that any of them could not look up is unknown."""
    found: dict[str, list[Advisory]] = {}
    unknown: dict[str, str] = {}
    wanted = sorted({(p.name, p.version) for p in pins if p.version and not p.why and parsed(p.version)})
    lost = dict.fromkeys(asked, 0)
    for name, version in wanted:
        for host, service in asked.items():
            if lost[host] >= _IN_A_ROW:
                unknown[name] = f"{host} does not answer"
                continue
            rows, why = _query(service, name, version)
            lost[host] = lost[host] + 1 if why.startswith("no answer") else 0
            if why:
                unknown[name] = f"{host}: {why}"
            found.setdefault(name, []).extend(rows)
    covers = frozenset(n for n, _ in wanted) - unknown.keys()
    advisories = {k: tuple(sorted(v, key=lambda a: a.id)) for k, v in found.items()}
    return Dump(advisories, as_of=today, covers=covers, unknown=unknown, source=", ".join(asked))


def _query(service: Service, name: str, version: str) -> tuple[list[Advisory], str]:
    from pip_audit._service.interface import (  # type: ignore[import-untyped,unused-ignore]
        ResolvedDependency,
        ServiceError,
    )

    try:
        answered, results = service.query(ResolvedDependency(name, parsed(version)))
    except (ServiceError, OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        return [], f"no answer ({str(error)[:80] or type(error).__name__})"
    if answered.is_skipped():
        return [], str(getattr(answered, "skip_reason", "it was skipped"))[:100]
    return [_advisory(name, version, r) for r in results], ""


def _advisory(name: str, version: str, told: Any) -> Advisory:
    fixes = tuple((str(v), "fixed") for v in told.fix_versions)
    published = told.published.date().isoformat() if told.published else ""
    # The service has matched the version already; its fixed versions only serve the remedy.
    ranges = (Range((("0", "introduced"), min(fixes, key=lambda f: _order(f[0], version)))),) if fixes else ()
    return Advisory(told.id, tuple(sorted(told.aliases)), name, published=published, ranges=ranges,
                    versions=frozenset({version}))  # fmt: skip


def _order(fixed: str, version: str) -> tuple[bool, Any]:
    at, held = parsed(fixed), parsed(version)
    return (at is None or held is None or at <= held, at or held)
