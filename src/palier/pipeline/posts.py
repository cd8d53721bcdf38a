"""Guards where they stand: which look at what, what one counts that fails, and what is written down of all.

A text is looked at by one guard after another until one does not let it through. One that fails or takes too long
counts as its settings say, and that is told: nothing passes in silence.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal

import msgspec

from palier.errors import PalierError
from palier.guards.failing import DEFAULTS
from palier.interfaces.guarding import Action, Context, Guard, Verdict
from palier.types import Guarded, GuardPlace

log = logging.getLogger("palier.guards")

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

    def note(self, post: Post, place: GuardPlace, tier: str, said: Verdict, took_ms: float, *, failed: bool) -> None:
        """Write down one verdict."""
        self._add(
            Guarded(
                guard=post.guard.name,
                place=place,
                tier=tier,
                action=said.action,
                reason=said.reason,
                score=said.score,
                failed=failed,
                took_ms=took_ms,
            )
        )

    def take(self, told: Log) -> None:
        """Write down what another holds."""
        for row in told.rows:
            self._add(row)

    def _add(self, new: Guarded) -> None:
        key = new.guard, new.place, new.tier
        row = self._rows.get(key)
        if row is None:
            self._rows[key] = new
            return
        stricter = _STRICTNESS.index(new.action) > _STRICTNESS.index(row.action)
        says = new if stricter or (new.failed and not row.failed) else row
        self._rows[key] = msgspec.structs.replace(
            row,
            action=new.action if stricter else row.action,
            reason=says.reason,
            score=max((score for score in (row.score, new.score) if score is not None), default=None),
            failed=row.failed or new.failed,
            texts=row.texts + new.texts,
            took_ms=row.took_ms + new.took_ms,
        )


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
) -> tuple[str, Stopped | None]:
    """As `look`, of guards that stand at several places. `unmendable`: why what one would mend stops instead; `empty`:
    also where nothing is left of it.

    All are asked at once, so that what they embed is embedded together, and heard in order: once one has mended the
    text, those after it are asked again; what is said after one has stopped it, nobody hears.
    """
    asked = _asked(stand, text)
    try:
        for number, (post, context) in enumerate(stand):
            verdict, took_ms, failed = await asked[number]
            told.note(post, context.place, tier, verdict, took_ms, failed=failed)
            if verdict.action == "mend" and not (unmendable and verdict.text != text):
                if verdict.text == text:
                    continue
                text = verdict.text
                if not text and not empty:
                    break
                _leave(asked[number + 1 :])
                asked[number + 1 :] = _asked(stand[number + 1 :], text)
            elif verdict.action == "mend":
                return text, Stopped(post, context.place, Verdict(action="climb", reason=unmendable))
            elif verdict.action != "pass":
                return text, Stopped(post, context.place, verdict)
    finally:
        _leave(asked)
    return text, None


def _asked(stand: Sequence[tuple[Post, Context]], text: str) -> list[asyncio.Task[tuple[Verdict, float, bool]]]:
    return [asyncio.create_task(_verdict(post, text, context)) for post, context in stand]


def _leave(asked: Sequence[asyncio.Task[tuple[Verdict, float, bool]]]) -> None:
    for task in asked:
        task.cancel()


async def _verdict(post: Post, text: str, context: Context) -> tuple[Verdict, float, bool]:
    """What a guard says, how long it took (ms), and whether it failed."""
    started, failed = time.perf_counter(), True
    try:
        async with asyncio.timeout(post.timeout_s):
            verdict = await post.guard.check(text, context)
        failed = False
    except TimeoutError:
        verdict = _failed(post, context, f"no verdict within {post.timeout_s:g} s")
    except PalierError as error:
        verdict = _failed(post, context, error.message)
    except Exception as error:  # a defect of a guard must not let a text through, nor end the request
        log.exception("guard %s failed", post.guard.name)
        verdict = _failed(post, context, type(error).__name__)
    return verdict, (time.perf_counter() - started) * 1000, failed


def _failed(post: Post, context: Context, why: str) -> Verdict:
    action: Action = "pass" if post.on_error == "open" else DEFAULTS[context.place]
    return Verdict(action=action, reason=f"it failed ({why}), and fails {post.on_error}")
