"""When another round of learning begins, and what all of them may take: hours and energy, a day or a month.

What was taken is kept as it goes, so that whoever is killed and started again has no more than its budget. One watches
a data folder at a time.
"""

from __future__ import annotations

import asyncio
import contextlib
import fcntl
import hashlib
import os
import time
from collections.abc import Awaitable, Callable, Iterable, Iterator
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import msgspec

from palier.config import Learning
from palier.errors import ConfigurationError, DataFolderBusy, PalierError, StoreError
from palier.metrics.meters import Meters
from palier.training import checkpoints
from palier.types import Data

BEAT_S = 20.0
"""How often what a round takes is written down: a kill forgets no more than that."""
_KEPT_DAYS = 62
_DIGEST = 6


class Day(Data, frozen=True, kw_only=True):
    """What rounds took on a day; energy as far as it is known, and of how many seconds it is not."""

    seconds: float = 0.0
    watt_hours: float = 0.0
    unmetered_s: float = 0.0


class Book(Data, frozen=True, kw_only=True):
    """What is kept: days by date, and by route the lessons of its last round, as digests of their ids."""

    days: dict[str, Day] = msgspec.field(default_factory=dict)
    seen: dict[str, frozenset[str]] = msgspec.field(default_factory=dict)


class Gauge:
    """Seconds, and watt-hours by meters or by declared watts, since it was last read."""

    def __init__(self, meters: Meters, watts: float | None, clock: Callable[[], float] = time.monotonic) -> None:
        self._meters, self._watts, self._clock = meters, watts, clock
        self._at, self._before = clock(), meters.read()

    @property
    def knows(self) -> bool:
        """Whether energy is known at all."""
        return bool(self._meters.domains) or self._watts is not None

    @property
    def method(self) -> str:
        """Of its energy, in words."""
        if self._meters.domains:
            return self._meters.method
        return "unknown" if self._watts is None else f"estimated: {self._watts:g} W declared x time"

    def read(self) -> tuple[float, float | None]:
        """Since it was made or read last."""
        now = self._clock()
        seconds, self._at = now - self._at, now
        metered = self._meters.since(self._before) if self._meters.domains else None
        self._before = self._meters.read()
        if metered is None and self._watts is not None:
            metered = self._watts * seconds / 3600
        return seconds, metered


class Pace:
    """The book of a data folder, and its budget. `clock` is the time of day."""

    def __init__(self, file: Path, budget: Learning, clock: Callable[[], float] = time.time) -> None:
        """Raises `StoreError` where the file cannot be read."""
        self._file, self._budget, self._clock = file, budget, clock
        try:
            self._book = msgspec.json.decode(file.read_bytes(), type=Book)
        except FileNotFoundError:
            self._book = Book()
        except (OSError, msgspec.MsgspecError) as error:
            raise StoreError(
                f"{file} cannot be read: {str(error)[:200]}",
                hint="move it away: what was taken is then forgotten",
            ) from None

    def new(self, route: str, lessons: Iterable[str]) -> int:
        """How many of these lessons (by id) were in no round of the route."""
        return len(_digests(lessons) - self._book.seen.get(route, frozenset()))

    def saw(self, route: str, lessons: Iterable[str]) -> None:
        """These lessons were in a round that is done. Raises `StoreError`."""
        self._keep(msgspec.structs.replace(self._book, seen={**self._book.seen, route: _digests(lessons)}))

    def took(self, seconds: float, watt_hours: float | None) -> None:
        """Write down what was taken just now. Raises `StoreError`."""
        today = self._today()
        before = self._book.days.get(today.isoformat(), Day())
        after = Day(
            seconds=before.seconds + seconds,
            watt_hours=before.watt_hours + (watt_hours or 0.0),
            unmetered_s=before.unmetered_s + (seconds if watt_hours is None else 0.0),
        )
        oldest = (today - timedelta(days=_KEPT_DAYS)).isoformat()
        days = {day: one for day, one in self._book.days.items() if day >= oldest}
        self._keep(msgspec.structs.replace(self._book, days={**days, today.isoformat(): after}))

    def taken(self) -> Day:
        """Of the budget's day or month, as far as it went."""
        begins = self._today().isoformat()[: len("2026-11" if self._budget.per == "month" else "2026-11-26")]
        some = [one for day, one in self._book.days.items() if day.startswith(begins)]
        return Day(
            seconds=sum(one.seconds for one in some),
            watt_hours=sum(one.watt_hours for one in some),
            unmetered_s=sum(one.unmetered_s for one in some),
        )

    def spent(self) -> str:
        """Why nothing may be taken now, and until when; empty where something may."""
        budget, taken = self._budget, self.taken()
        until = self._renewed().strftime("%Y-%m-%d %H:%M UTC")
        if budget.hours is not None and taken.seconds >= budget.hours * 3600:
            return f"the {budget.hours:g} hours of this {budget.per} are spent: it goes on at {until}"
        if budget.kwh is not None and taken.watt_hours >= budget.kwh * 1000:
            return f"the {budget.kwh:g} kWh of this {budget.per} are spent: it goes on at {until}"
        return ""

    def beat_s(self) -> float:
        """How long it may go on until it is asked again."""
        if self._budget.hours is None:
            return BEAT_S
        return min(BEAT_S, max(self._budget.hours * 3600 - self.taken().seconds, 0.0))

    def _renewed(self) -> datetime:
        today = datetime(*self._today().timetuple()[:3], tzinfo=UTC)
        if self._budget.per == "day":
            return today + timedelta(days=1)
        return (today.replace(day=1) + timedelta(days=32)).replace(day=1)

    def _today(self) -> date:
        return datetime.fromtimestamp(self._clock(), UTC).date()

    def _keep(self, book: Book) -> None:
        self._book = book  # also where it cannot be kept: what was taken is taken
        checkpoints.write(self._file, msgspec.json.encode(book))


def check_known(gauge: Gauge, budget: Learning, words: str) -> None:
    """Raise `ConfigurationError` where energy is budgeted and nothing tells it: unknown is not 0."""
    if budget.kwh is not None and not gauge.knows:
        raise ConfigurationError(
            f"[learning] kwh is {budget.kwh:g}, and nothing here tells what is taken: {words}",
            hint="`watts` of [learning] says what this machine takes while it teaches",
        )


@contextlib.contextmanager
def alone(file: Path) -> Iterator[None]:
    """Raise `DataFolderBusy` where another watches this data folder; goes with the process, however that ends."""
    descriptor = os.open(file.with_suffix(".lock"), os.O_CREAT | os.O_RDWR, 0o600)
    try:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            raise DataFolderBusy(
                f"another palier learn --watch works on {file.parent}", hint="one is enough; or stop that one"
            ) from None
        yield
    finally:
        os.close(descriptor)


async def within(pace: Pace, gauge: Gauge, go: Callable[[], Awaitable[int]]) -> int | None:
    """The status of a round, `go`; None where the budget was spent before it was done: it goes on in the next one.

    Raises what the round raises. Cancelled, it ends the round, which takes a checkpoint's time.
    """
    gauge.read()
    task = asyncio.ensure_future(go())
    try:
        while not pace.spent():
            done, _ = await asyncio.wait([task], timeout=pace.beat_s())
            pace.took(*gauge.read())
            if done:
                return task.result()
        return None
    finally:
        if not task.done():
            task.cancel()
            await asyncio.wait([task])
            pace.took(*gauge.read())


async def watch(
    pace: Pace,
    gauge: Gauge,
    budget: Learning,
    route: str,
    look: Callable[[], Awaitable[Iterable[str]]],
    go: Callable[[], Awaitable[int]],
    *,
    say: Callable[[str], None],
    complain: Callable[[PalierError], None],
    sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
) -> None:
    """A round whenever enough new lessons wait and the budget has room; until it is cancelled.

    `look` gives the ids of the lessons that are accepted, `go` is a round. What goes wrong is told by `complain`, and
    tried again at the next look. The same is said once, however often it is so.
    """
    said = ""

    def once(words: str) -> None:
        nonlocal said
        if words != said:
            say(words)
        said = words

    while True:
        try:
            lessons = list(await look())
            count = pace.new(route, lessons)
            if count < budget.least_new:
                once(f"{count} new lessons wait, and from {budget.least_new} on a round begins")
            elif why := pace.spent():
                once(why)
            else:
                once(f"{count} new lessons: a round begins")
                if await within(pace, gauge, go) is None:
                    continue  # which says why
                pace.saw(route, lessons)
                taken = pace.taken()
                energy = f", {taken.watt_hours / 1000:.3g} kWh ({gauge.method})" if gauge.knows else ""
                once(f"this {budget.per}, rounds took {taken.seconds / 3600:.3g} hours{energy}")
        except PalierError as error:
            complain(error)
        await sleep(budget.every_s)


def _digests(lessons: Iterable[str]) -> frozenset[str]:
    return frozenset(hashlib.blake2b(one.encode(), digest_size=_DIGEST).hexdigest() for one in lessons)
