"""What every command shares: which settings, and who answers: the running gateway, or palier opened here."""

from __future__ import annotations

import contextlib
from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Callable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Protocol

import typer

from palier.access import Group, Readers, Spending
from palier.audits import Feedback, FeedbackCount
from palier.config import Settings, load
from palier.spending import BudgetStanding
from palier.types import Completed, Document, Event, Hit, Principal, Trace

if TYPE_CHECKING:
    from palier.app.certificates import Certificate
    from palier.app.effect import Difference, Effect, ShadowFigures
    from palier.drift.report import DriftReport, Window
    from palier.drift.report import Standing as DriftStanding
    from palier.forgetting import Forgotten
    from palier.interfaces import Hours, Judgements, Keys
    from palier.lessons import Brought, Edit, Lesson, LessonCount
    from palier.policies import RouteStatus
    from palier.training.desk import TrainingSet
    from palier.training.harvest import Harvested
    from palier.versions import Happened, Standing, Version

Config = Annotated[
    Path,
    typer.Option("--config", "-c", envvar="PALIER_CONFIG", help="The settings.", show_default=True),
]
CONFIG = Path("palier.toml")
Json = Annotated[bool, typer.Option("--json", help="Print JSON instead.")]
As = Annotated[str, typer.Option("--as", metavar="USER", help="Read only what this user may read.")]
Groups = Annotated[list[str] | None, typer.Option("--as-group", metavar="GROUP", help="A group of that user's.")]


class Service(Protocol):
    """What commands ask of the gateway, or of palier opened here: the methods that both have."""

    @property
    def routes(self) -> Mapping[str, list[str]]: ...

    @property
    def traces(self) -> TraceReader: ...

    @property
    def audits(self) -> Judgements: ...

    @property
    def feedback(self) -> FeedbackReader: ...

    @property
    def lessons(self) -> LessonDesk: ...

    @property
    def students(self) -> StudentRoom: ...

    @property
    def effects(self) -> EffectBook: ...

    @property
    def hours(self) -> Hours: ...

    @property
    def drift(self) -> DriftBook: ...

    @property
    def access(self) -> AccessBook: ...

    @property
    def spending(self) -> Callable[[Sequence[str]], Awaitable[dict[str, Spending]]]: ...

    async def budgets_now(self) -> list[BudgetStanding]: ...

    @property
    def readers(self) -> Callable[[], Awaitable[list[Readers]]]: ...

    @property
    def change_readers(self) -> Callable[..., Awaitable[Readers]]: ...

    async def rate(self, id: str, *, principal: Principal = ..., **said: Any) -> Feedback: ...

    @property
    def request(self) -> Callable[..., Any]: ...

    @property
    def stream(self) -> Callable[[Any], AsyncGenerator[Event | Completed, None]]: ...

    async def status(self) -> list[RouteStatus]: ...

    async def search(
        self, query: str, collections: Sequence[str] = (), limit: int = 10, principal: Principal = ...
    ) -> list[Hit]: ...

    async def list_collections(self, principal: Principal = ...) -> list[dict[str, Any]]: ...

    async def put_documents(self, documents: Sequence[Document]) -> None: ...

    async def note_failing(
        self, collection: str, roots: Sequence[str], failures: Sequence[tuple[str, str]]
    ) -> None: ...

    async def delete_documents(self, collection: str, documents: Sequence[str], /) -> int: ...

    async def list_documents(
        self, collection: str, principal: Principal = ..., after: str = "", limit: int = 1000
    ) -> list[Document]: ...

    async def get_document(self, collection: str, document: str, /, principal: Principal = ...) -> Document | None: ...

    async def forget(self, *, user: str = "", document: str = "", dry_run: bool = False) -> Forgotten: ...


class LessonDesk(Protocol):
    """Lessons, to be harvested, read and reviewed."""

    async def harvest(
        self, route: str, *, since: float = 0.0, limit: int = 1_000, suites: Sequence[str] = ()
    ) -> Harvested: ...

    async def to_teach(self, route: str) -> TrainingSet: ...

    async def add(self, lessons: Sequence[Lesson], *, who: str, accept: bool = False) -> Brought: ...

    async def get(self, id: str) -> Lesson: ...

    async def page(
        self, *, route: str = "", state: str = "", kind: str = "", after: str = "", limit: int = 200
    ) -> list[Lesson]: ...

    async def accept(self, ids: Sequence[str], *, who: str) -> list[Lesson]: ...

    async def reject(self, ids: Sequence[str], *, who: str, reason: str = "") -> list[Lesson]: ...

    async def edit(self, id: str, edit: Edit, *, who: str) -> Lesson: ...

    async def count(self, route: str = "") -> LessonCount: ...


class StudentBook(Protocol):
    """Versions, to be read."""

    async def list(self, route: str = "", limit: int = 100) -> Sequence[Version]: ...


class StudentRoom(StudentBook, Protocol):
    """Versions, to be read, promoted and rolled back."""

    async def history(self, route: str, version: str = "") -> Sequence[Happened]: ...

    async def standing(self, route: str) -> Standing: ...

    async def certificate(self, id: str) -> Certificate: ...

    async def promote(self, id: str, *, best: bool = True, who: str = "", why: str = "") -> Standing: ...

    async def roll_back(self, route: str, *, who: str = "", why: str = "") -> Standing: ...


class EffectBook(Protocol):
    """What versions do, in shadow and live."""

    async def shadow(self, version: str) -> ShadowFigures: ...

    async def differences(self, version: str, limit: int = 20) -> list[Difference]: ...

    async def of(self, version: str, days: float = ...) -> list[Effect]: ...


class DriftBook(Protocol):
    """What differs from a reference, and the watch over it."""

    async def compare(self, route: str, now: Window, against: Window, level: float = ...) -> DriftReport: ...

    async def standings(self) -> dict[str, DriftStanding]: ...

    async def renew(self, route: str) -> DriftStanding: ...


class AccessBook(Protocol):
    """Keys and groups."""

    @property
    def keys(self) -> Keys: ...

    @property
    def directory(self) -> GroupBook: ...


class TraceReader(Protocol):
    """What happened, to be read."""

    async def get(self, id: str) -> Trace | None: ...

    async def list(
        self, *, before: float | None = None, limit: int = 50, route: str = "", status: str = "", tier: str = ""
    ) -> list[Trace]: ...


class GroupBook(Protocol):
    """Groups, to be changed and read."""

    async def add(self, group: str, members: Sequence[str]) -> Group: ...

    async def remove(self, group: str, members: Sequence[str]) -> Group: ...

    async def ways(self, name: str, own: Sequence[str] = ()) -> dict[str, tuple[str, ...]]: ...

    async def list(self) -> list[Group]: ...


class FeedbackReader(Protocol):
    """What was thought of answers, to be read."""

    async def ratings(self, trace: str) -> list[Feedback]: ...

    async def count(self, route: str = "") -> FeedbackCount: ...


@contextlib.asynccontextmanager
async def session(config: Path | Settings) -> AsyncIterator[Service]:
    """The gateway that holds the data folder, through its admin socket; when none runs, palier itself."""
    from palier.server.remote import RemotePalier
    from palier.stores.folder import DataFolder

    settings = load(config) if isinstance(config, Path) else config
    if remote := await RemotePalier.connect(DataFolder(settings.folder).admin_socket):
        yield remote
        return
    from palier.app import Palier

    async with Palier.open(settings) as palier:
        yield palier


def principal(user: str, groups: list[str] | None) -> Principal:
    """Who a command reads as: the owner, unless it names somebody."""
    if not user and not groups:
        return Principal(name="local", admin=True)
    return Principal(name=user or "local", groups=tuple(groups or ()))
