"""Guards where they stand: which look at what, what one counts that fails, and what is written down of all.

A text is looked at by one guard after another until one does not let it through. One that fails or takes too long
counts as its settings say, and that is told: nothing passes in silence.
"""

from __future__ import annotations

import asyncio
import logging
import time
import traceback
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

from palier.errors import InvalidRequest, PalierError
from palier.guards.failing import DEFAULTS
from palier.guards.verdicts import usable
from palier.interfaces.guarding import Action, Choosy, Context, Guard, Sharing, Verdict
from palier.types import Guarded, GuardPlace, Parameters

log = logging.getLogger("palier.guards")

_TURNS = 10
"""Time limits of a verdict within which a guard says what it accepts: it may wait for its turn with a worker."""

_STRICTNESS: tuple[Action, ...] = ("pass", "mend", "climb", "refuse")


@dataclass(frozen=True, slots=True)
class Post:
    """A guard where it stands. `words` are what is answered where it refuses, by language."""

    guard: Guard
    on_error: Literal["closed", "open"] = "closed"
    timeout_s: float = 2.0
    words: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Posts:
    """The guards of a route."""

    input: tuple[Post, ...] = ()
    evidence: tuple[Post, ...] = ()
    draft: tuple[Post, ...] = ()
    output: tuple[Post, ...] = ()
    release: Literal["after_check", "then_retract"] = "after_check"
    """When a client that streams gets what is served whatever it says."""

    def __bool__(self) -> bool:
        return bool(self.input or self.evidence or self.watches)

    @property
    def watches(self) -> bool:
        """Whether any looks at what tiers say."""
        return bool(self.draft or self.output)


NONE = Posts()


@dataclass(frozen=True, slots=True)
class Stopped:
    """Who did not let a text through, what it asks for, and why."""

    post: Post
    place: GuardPlace
    verdict: Verdict

    @property
    def why(self) -> str:
        return f"guard {self.post.guard.name}: {self.verdict.reason or 'it does not pass'}"


class Log:
    """What guards said of a request: one row a guard, place and tier, with the strictest that it said."""

    def __init__(self) -> None:
        self._rows: dict[tuple[str, GuardPlace, str], Guarded] = {}

    @property
    def rows(self) -> tuple[Guarded, ...]:
        return tuple(self._rows.values())

    def note(
        self, post: Post, place: GuardPlace, tier: str, said: Verdict, took_ms: float, *, failed: bool, texts: int = 1
    ) -> None:
        """Write down one verdict, on so many texts."""
        key = post.guard.name, place, tier
        row = self._rows.get(key)
        score = said.score
        if row is not None:
            score = max((s for s in (row.score, score) if s is not None), default=None)
        stricter = row is None or _STRICTNESS.index(said.action) > _STRICTNESS.index(row.action)
        worse = stricter or (failed and row is not None and not row.failed)
        self._rows[key] = Guarded(
            guard=post.guard.name,
            place=place,
            tier=tier,
            action=said.action if row is None or stricter else row.action,
            reason=said.reason if row is None or worse else row.reason,
            score=score,
            failed=failed or (row is not None and row.failed),
            texts=texts if row is None else row.texts + texts,
            took_ms=took_ms if row is None else row.took_ms + took_ms,
        )


_Said = tuple[Verdict, float, bool]
"""What a guard says, how long it took (ms), and whether it failed."""


class Ahead:
    """Verdicts that are asked for before their turn, of guards that share their work (`interfaces.guarding.Sharing`).

    Nothing is heard of one that failed: it may have waited for the others, and is asked again by itself.
    """

    def __init__(self) -> None:
        self._asked: dict[tuple[int, GuardPlace, str], asyncio.Task[_Said]] = {}

    def ask(self, stand: Sequence[tuple[Post, Context]], text: str, *, least: int = 1) -> None:
        """Ask those of these guards that can share their work, where they are `least` in number or more."""
        some = [(post, context) for post, context in stand if _shares(post)]
        for post, context in some if len(some) >= least else ():
            key = id(post), context.place, text
            if key not in self._asked:
                self._asked[key] = asyncio.create_task(_verdict(post, text, context))

    async def verdict(self, post: Post, text: str, context: Context) -> _Said:
        """What the guard says of the text, whether it was asked or not."""
        task = self._asked.pop((id(post), context.place, text), None)
        if task is not None and not (said := await task)[2]:
            return said
        return await _verdict(post, text, context)

    def leave(self) -> None:
        """Nobody will hear the others."""
        for task in self._asked.values():
            task.cancel()


async def look(
    posts: Sequence[Post], text: str, context: Context, told: Log, *, tier: str = ""
) -> tuple[str, Stopped | None]:
    """The text as the guards let it through, mended by some of them; or who stopped it."""
    return await passed([(post, context) for post in posts], text, told, tier=tier)


async def passed(
    stand: Sequence[tuple[Post, Context]],
    text: str,
    told: Log,
    *,
    tier: str = "",
    unmendable: str = "",
    empty: bool = False,
    ahead: Ahead | None = None,
) -> tuple[str, Stopped | None]:
    """As `look`, of guards that stand at several places. `unmendable`: why what one would mend stops instead; `empty`:
    also where nothing is left of it; `ahead`: what was asked before. Guards that share their work are asked together
    when the first of them has its turn."""
    asked = ahead or Ahead()
    try:
        for number, (post, context) in enumerate(stand):
            if _shares(post):
                asked.ask(stand[number:], text, least=2)
            verdict, took_ms, failed = await asked.verdict(post, text, context)
            told.note(post, context.place, tier, verdict, took_ms, failed=failed)
            if verdict.action not in ("pass", "mend"):
                return text, Stopped(post, context.place, verdict)
            if verdict.action == "mend" and verdict.text != text:
                if unmendable:
                    return text, Stopped(post, context.place, Verdict(action="climb", reason=unmendable))
                text = verdict.text
                if not text and not empty:
                    break
    finally:
        if ahead is None:
            asked.leave()
    return text, None


def _shares(post: Post) -> bool:
    return isinstance(post.guard, Sharing) and post.guard.shares


async def accepted(post: Post, place: GuardPlace, parameters: Parameters, told: Log) -> Stopped | None:
    """Ask a guard whether it could look at what is asked for; who stops the request, where it fails closed.

    Raises `InvalidRequest` where it could not. What else comes of it is a failure of the guard, and no fault of
    whoever asks. Closed, nobody is asked: whatever a tier says, this guard would not let it through.
    """
    guard = post.guard
    if not isinstance(guard, Choosy):
        return None
    _, failure, took_ms = await _governed(
        post, "refuse", lambda: guard.accepts(parameters), post.timeout_s * _TURNS, pass_on=InvalidRequest
    )
    if failure is None:
        return None
    told.note(post, place, "", failure, took_ms, failed=True, texts=0)
    return None if failure.action == "pass" else Stopped(post, place, failure)


async def _verdict(post: Post, text: str, context: Context) -> _Said:
    """Of one guard, on a text."""
    said, failure, took_ms = await _governed(
        post,
        DEFAULTS[context.place],
        lambda: post.guard.check(text, context),
        post.timeout_s,
        lambda v: usable(v, text),
    )
    verdict = failure or said
    assert verdict is not None
    return verdict, took_ms, failure is not None


async def _governed(
    post: Post,
    closed: Action,
    ask: Callable[[], Awaitable[Any]],
    limit_s: float,
    read: Callable[[Any], Verdict | None] = lambda said: None,
    *,
    pass_on: type[Exception] | tuple[()] = (),
) -> tuple[Verdict | None, Verdict | None, float]:
    """What a guard says, or what its failure counts as, and how long it took (ms). `closed`: what failing closed is.

    It may be anybody's. Whoever cancels the request is heard, also where the guard does not listen; a cancellation
    that nobody asked for is a failure like any other.
    """
    started, said, failure = time.perf_counter(), None, None
    task = asyncio.current_task()
    before = task.cancelling() if task else 0
    try:
        said = read(await _in_time(ask, limit_s, started))
    except pass_on:
        raise
    except PalierError as error:
        failure = _failed(post, closed, error.message)
    except (Exception, asyncio.CancelledError) as error:  # a defect must not let a text through, nor end the request
        if task and task.cancelling() > before:
            raise
        # Where, and of which kind; its message may hold what the guard looked at.
        where = "".join(traceback.format_tb(error.__traceback__))
        log.error("guard %s failed: %s\n%s", post.guard.name, type(error).__name__, where)
        failure = _failed(post, closed, type(error).__name__)
    if task and task.cancelling() > before:
        raise asyncio.CancelledError
    return said, failure, (time.perf_counter() - started) * 1000


async def _in_time(ask: Callable[[], Awaitable[Any]], limit_s: float, started: float) -> Any:
    """What it gives. Raises `PalierError` where it is late, also without having been interrupted: it computed without
    a pause, or did not let itself be."""
    late = PalierError(f"no verdict within {limit_s:g} s")
    limit = asyncio.timeout(limit_s)
    try:
        async with limit:
            said = await ask()
    except Exception:
        if limit.expired():
            raise late from None
        raise
    if limit.expired() or time.perf_counter() - started > limit_s:
        raise late
    return said


def _failed(post: Post, closed: Action, why: str) -> Verdict:
    action: Action = "pass" if post.on_error == "open" else closed
    return Verdict(action=action, reason=f"it failed ({why}), and fails {post.on_error}")
