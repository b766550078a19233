"""A store with two systems and several runs, an app over it with accounts, visitors by role, a server and a browser."""

from __future__ import annotations

import shutil
import warnings
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
import yaml

from momus.core.decisions import system_id
from momus.core.evidence import Excerpt
from momus.core.records import Caveat, Cost, Failure, Gap, Interval, Measurement, Run
from momus.store import Store, open_store
from momus.testing.asgi import serving
from momus.testing.report_evidence import evidence
from momus.testing.report_sample import HOSTILE

pytest.importorskip("fastapi")
with warnings.catch_warnings():
    warnings.simplefilter("ignore")
    from starlette.testclient import TestClient

from momus.web.access import Access, Role
from momus.web.accounts import Accounts
from momus.web.app import create_app

BASE = "http://127.0.0.1:8017"
PLAIN, STRANGE = "credit scorer", "<script>alert(1)</script>\u202e ../../etc/passwd"
FACTS = {"api.reach": "public", "model.output": "scores", "data.persons": True}


def _card(name: str) -> str:
    target = {"name": "model", "adapter": "callable", "factory": "model.py:good", "classes": ["no", "yes"]}
    card = {"system": name, "facts": FACTS, "targets": [{**target, "output": "probabilities"}]}
    return str(yaml.safe_dump(card, sort_keys=False, allow_unicode=False))


def _measured(probe: str, value: float, target: str = "model", **more: Any) -> Measurement:
    half = 0.03
    return Measurement(
        probe=probe, target=target, metric=more.pop("metric", "tpr_at_low_fpr"), value=value,
        ci=Interval(low=max(0.0, value - half), high=min(1.0, value + half)), n=400, worse=more.pop("worse", "higher"),
        modes=(probe.partition(".")[0],), cost=Cost(queries=400, seconds=1.5), **more,
    )  # fmt: skip


def _fill(store: Store) -> None:
    """Four runs of one system, which gets worse and then better, and one of a system whose names are hostile."""
    began = datetime(2026, 5, 1, 9, 0, tzinfo=UTC)
    gap = Gap(
        mode="stealing", probe="stealing.copy", target="model", why="data", detail="no data set plays the role",
        how_to_close="Name one under data: in the card",
    )  # fmt: skip
    shown = tuple(piece for pieces in evidence().values() for piece in pieces)
    for n, leak in enumerate((0.02, 0.09, 0.31, 0.05)):
        run = Run(
            id=f"2026050{n + 1}-090000-{n:04x}", system=PLAIN, card_digest="0" * 64, card_path="momus.yaml",
            card_text=_card(PLAIN), seed=n, created=began + timedelta(days=n), versions={"momus": "0.1.0"},
            machine="x86_64", command="momus assess momus.yaml", settings={"gaps": [gap.model_dump(mode="json")]},
        )  # fmt: skip
        store.append(run.id, run)
        store.append(run.id, _measured("membership.loss", leak, evidence=shown if n == 3 else ()))
        store.append(run.id, _measured("shift.groups", 0.9 - leak, metric="accuracy", worse="lower"))
        store.append(run.id, _measured("perturbation.square", 0.4, metric="robust_accuracy", worse="lower"))
        if n == 2:
            broken = {
                "code": "target/failed",
                "message": "the model broke",
                "hint": "Mend it",
                "modes": ("corruption",),
            }
            store.append(run.id, Failure(probe="corruption.image", target="model", **broken))
        if n < 3:
            store.append(run.id, run.model_copy(update={"ended": run.created + timedelta(minutes=4)}))
    run = Run(
        id="20260601-090000-beef", system=STRANGE, card_digest="1" * 64, card_path=HOSTILE, card_text=_card(STRANGE),
        seed=0, created=began + timedelta(days=31), ended=began + timedelta(days=31, minutes=3),
        versions={HOSTILE: HOSTILE}, machine=HOSTILE, command=HOSTILE, settings={},
    )  # fmt: skip
    store.append(run.id, run)
    nasty = (Excerpt(title=HOSTILE, text=HOSTILE, note=HOSTILE),)
    caveat = (Caveat(code="x", message=HOSTILE, blocks="none"),)
    store.append(
        run.id, _measured("membership.loss", 0.4, target=HOSTILE, evidence=nasty, caveats=caveat, unit=HOSTILE)
    )


@pytest.fixture(scope="session")
def filled(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The file of the filled store; copy it, do not write to it."""
    path = tmp_path_factory.mktemp("filled") / "runs.sqlite"
    with open_store(path) as store:
        _fill(store)
    return path


@contextmanager
def copied(filled: Path, folder: Path) -> Iterator[Store]:
    for file in filled.parent.glob("runs.sqlite*"):
        shutil.copy(file, folder / file.name)
    with open_store(folder / filled.name) as store:
        yield store


@pytest.fixture
def store(filled: Path, tmp_path: Path) -> Iterator[Store]:
    """A store of one's own: two systems, five runs (the newest of the first has not ended), hostile names."""
    with copied(filled, tmp_path) as opened:
        yield opened


@pytest.fixture(scope="session")
def systems() -> dict[str, str]:
    """The addresses of the two systems: ``plain`` and ``strange``."""
    return {"plain": system_id(PLAIN), "strange": system_id(STRANGE)}


@dataclass(frozen=True)
class Team:
    """Accounts with a token for each role."""

    access: Access
    tokens: dict[Role, str]


@pytest.fixture(scope="session")
def team() -> Team:
    accounts = Accounts()
    tokens = {role: accounts.add(f"{role.value} <b>Ann</b>", role) for role in Role}
    return Team(Access(accounts=accounts), tokens)


@pytest.fixture
def app(store: Store, team: Team) -> Any:
    """The app over ``store`` with an account for each role."""
    return create_app(store, team.access)


class Visitor(TestClient):
    """A browser without a screen: it holds a session, and sends forms as a page of the server would."""

    @property
    def csrf(self) -> str:
        """What a form of this session must carry."""
        return str(self.get("/session.json").json()["csrf"])

    def submit(self, path: str, **fields: Any) -> Any:
        """Send a form from a page of this session; the answer is not followed."""
        return self.post(path, data={"csrf": self.csrf, **fields}, follow_redirects=False, headers={"Origin": BASE})

    def sign_in(self, token: str) -> Visitor:
        """Through the sign-in page, as a person does."""
        page = self.get("/login").text
        csrf = page.partition('name="csrf" value="')[2].partition('"')[0]
        answer = self.post("/login", data={"csrf": csrf, "token": token, "next": "/"}, follow_redirects=False)
        assert answer.status_code == 303, answer.text
        return self


@pytest.fixture(scope="session")
def visitor() -> type[Visitor]:
    """The class of visitors, for an app of one's own: ``visitor(app, base_url=...)``."""
    return Visitor


@pytest.fixture
def client(app: Any, team: Team) -> Callable[..., Visitor]:
    """``client(Role.VIEWER)``: somebody of that role, signed in; ``client(None)``: somebody who is not."""

    def made(role: Role | None = Role.APPROVER) -> Visitor:
        visitor = Visitor(app, base_url=BASE, raise_server_exceptions=True)
        return visitor.sign_in(team.tokens[role]) if role is not None else visitor

    return made


@dataclass(frozen=True)
class Served:
    """A server that runs: without accounts, as on one's own machine."""

    url: str
    store: Store
    app: Any


@pytest.fixture(scope="session")
def serve() -> Callable[[Any], AbstractContextManager[str]]:
    """``with serve(app) as url``: a real server for an app of one's own."""
    return serving


@pytest.fixture(scope="module")
def served(filled: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    """A real server over a copy of the filled store, shared by a module's tests."""
    with copied(filled, tmp_path_factory.mktemp("served")) as store:
        app = create_app(store, Access(owner="ann"))
        with serving(app) as url:
            yield Served(url, store, app)


@pytest.fixture(scope="session")
def browser() -> Iterator[Any]:
    """The system's own Chromium, one for all tests."""
    playwright = pytest.importorskip("playwright.sync_api")
    if not Path("/usr/bin/chromium").exists():
        pytest.skip("no chromium on this machine")
    with playwright.sync_playwright() as started:
        opened = started.chromium.launch(executable_path="/usr/bin/chromium", args=["--no-sandbox"])
        yield opened
        opened.close()
