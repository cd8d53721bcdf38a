"""How far a benchmark is, on standard error: a bar on a terminal, a line now and then elsewhere."""

from __future__ import annotations

import time
from collections.abc import Callable
from contextlib import AbstractContextManager
from typing import TYPE_CHECKING, Self

from palier.cases import Outcome
from palier.cli import terminal

if TYPE_CHECKING:
    from rich.progress import Progress as RichProgress
    from rich.progress import TaskID

EVERY_S = 10.0
"""Between two lines."""


class Bar(AbstractContextManager["Bar"]):
    """`evals.running.Progress`; `candidates` is how many there are."""

    def __init__(self, candidates: int) -> None:
        self._candidates = candidates
        self._begun = 0
        self._bar: RichProgress | None = None
        self._task: TaskID | None = None
        self._name = ""
        self._total = self._asked = self._failed = self._kept = 0
        self._started = self._told = 0.0

    def __enter__(self) -> Self:
        if terminal.err().is_terminal:
            self._bar = _bar()
            self._bar.start()
        return self

    def __exit__(self, *_: object) -> None:
        if self._bar is not None:
            self._bar.stop()

    def begin(self, candidate: str, cases: int, kept: int) -> None:
        """See `Progress`."""
        self._begun += 1
        self._name, self._total, self._kept = terminal.one_line(candidate, 40), cases, kept
        self._asked = self._failed = 0
        self._started = self._told = time.monotonic()
        if self._bar is not None:
            self._task = self._bar.add_task(self._name, total=cases, completed=kept, failed="")
        else:
            before = f", {kept} of them answered before" if kept else ""
            terminal.note(f"[{self._begun}/{self._candidates}] {self._name}: {cases} cases{before}")

    def done(self, outcome: Outcome) -> None:
        """See `Progress`."""
        self._asked += 1
        self._failed += outcome.status == "failed"
        if self._bar is not None and self._task is not None:
            failed = f"{self._failed} failed" if self._failed else ""
            self._bar.update(self._task, advance=1, failed=failed)
        elif time.monotonic() - self._told >= EVERY_S:
            self._told = time.monotonic()
            terminal.note(f"  {self._state()}, {self._left()}")

    def end(self) -> None:
        """See `Progress`."""
        if self._bar is None and self._asked:
            terminal.note(f"  {self._state()} in {_duration(time.monotonic() - self._started)}")

    def counts(self, name: str) -> Callable[[int, int], None]:
        """For work that tells how much of how many is done."""

        def told(done: int, total: int) -> None:
            if self._name != name:
                self.begin(name, total, 0)
            if done == total or self._bar is not None or time.monotonic() - self._told >= EVERY_S:
                self._told = time.monotonic()
                self._asked = done
                if self._bar is not None and self._task is not None:
                    self._bar.update(self._task, completed=done)
                else:
                    terminal.note(f"  {self._state()}")

        return told

    def _state(self) -> str:
        failed = f", {self._failed} failed" if self._failed else ""
        return f"{self._kept + self._asked} of {self._total}{failed}"

    def _left(self) -> str:
        passed = time.monotonic() - self._started
        left = self._total - self._kept - self._asked
        return f"about {_duration(passed / self._asked * left)} left"


def _bar() -> RichProgress:
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

    return Progress(
        TextColumn("{task.description}", markup=False),
        BarColumn(),
        MofNCompleteColumn(),
        TimeRemainingColumn(),
        TextColumn("{task.fields[failed]}", style="red", markup=False),
        console=terminal.err(),
    )


def _duration(seconds: float) -> str:
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    if hours:
        return f"{hours} h {minutes} min"
    return f"{minutes} min {rest} s" if minutes else f"{rest} s"
