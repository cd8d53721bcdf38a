"""Forgetting what benchmarks keep: results and reports that stand on a document, or on a request that is forgotten.

A benchmark that runs meanwhile has its own copy of the documents. It is told, and leaves out what is to be forgotten
when it ends; what is left of one that was killed is deleted here.
"""

from __future__ import annotations

import asyncio
import logging
import os
import shutil
from collections.abc import Iterable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

import msgspec

from palier.cases import Case, Outcome
from palier.errors import StoreError
from palier.evals.figures import Report, Run
from palier.evals.runs.kept import Line, Results, clean
from palier.interfaces import Erasure
from palier.stores.folder import DataFolder
from palier.stores.ledger import SqliteLedger

log = logging.getLogger("palier.bench")


@dataclass(frozen=True, slots=True)
class BenchFolder:
    """Where the benchmarks of an installation keep what they keep; `data` is its data folder."""

    data: Path

    @property
    def path(self) -> Path:
        return self.data / "bench"

    @property
    def work(self) -> Path:
        """Copies, for as long as a benchmark runs."""
        return self.path / "work"

    @property
    def results(self) -> Path:
        """See `evals.kept`."""
        return self.path / "results"

    @property
    def reports(self) -> Path:
        return self.path / "reports"

    def report(self, name: str) -> Path:
        """Where a report of that name goes. Raises `StoreError`."""
        try:
            for folder in (self.path, self.reports):
                folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        except OSError as error:
            raise StoreError(f"{self.reports} cannot be made: {error.strerror}") from None
        return self.reports / name

    def clean(self, older_s: float) -> tuple[int, int]:
        """Delete results and reports that no run has used for `older_s` seconds: how many files, and bytes."""
        files, size = Results(self.results).clean(older_s)
        more, larger = clean(self.reports.glob("*.*"), older_s)
        return files + more, size + larger

    @property
    def forgotten(self) -> Path:
        """Erasures that the benchmark that runs has yet to hear of, a line each."""
        return self.path / "forgotten.jsonl"


class ErasableBench:
    """`interfaces.Erasable`."""

    def __init__(self, folder: BenchFolder, ledger: SqliteLedger) -> None:
        self._folder = folder
        self._ledger = ledger

    async def forget(self, erasure: Erasure, *, dry_run: bool = False) -> dict[str, int]:
        """See `interfaces.Erasable`. Of a late request alone nothing is kept yet: it is in no suite."""
        if not (erasure.user or erasure.document) or not self._folder.path.exists():
            return {}
        if not dry_run:
            await asyncio.to_thread(_tell_running, self._folder, erasure)
        dropped, reports = await asyncio.to_thread(_drop, self._folder, erasure, dry_run)
        counts = {"results": len(dropped), "reports": reports}
        left = await self._ledger.forget([outcome.trace for outcome in dropped if outcome.trace], dry_run=dry_run)
        return {kind: count for kind, count in {**counts, **left}.items() if count}

    async def scrub(self, erasure: Erasure) -> None:
        """See `interfaces.Erasable`. Files are written anew without it: the disk's own blocks are not overwritten."""


def forget_late(folder: BenchFolder) -> list[Erasure]:
    """Forget what was told while a benchmark ran, and give it. To be called by who owns the folder."""
    try:
        told = folder.forgotten.read_bytes().splitlines()
    except FileNotFoundError:
        return []
    except OSError as error:
        raise StoreError(f"{folder.forgotten} cannot be read: {error.strerror}") from None
    erasures = []
    for line in told:
        with suppress(msgspec.DecodeError):  # cut short by a kill: whoever wrote it does it again
            erasures.append(msgspec.json.decode(line, type=Erasure))
    for erasure in erasures:
        _drop(folder, erasure, dry_run=False)
    folder.forgotten.unlink(missing_ok=True)
    return erasures


def without(run: Run, erasure: Erasure) -> Run:
    """`run` without the cases that stand on what is forgotten."""
    gone = _concerned_cases(run.cases, (o for found in run.outcomes.values() for o in found.values()), erasure)
    if not gone:
        return run
    outcomes = {
        name: {case: outcome for case, outcome in found.items() if case not in gone}
        for name, found in run.outcomes.items()
    }
    return msgspec.structs.replace(
        run,
        cases=tuple(case for case in run.cases if case.id not in gone),
        outcomes=outcomes,
        notes=(*run.notes, f"{len(gone)} cases are left out: what they stand on was forgotten meanwhile"),
    )


def _tell_running(folder: BenchFolder, erasure: Erasure) -> None:
    """Leave word for the benchmark that runs; without one, delete what a killed one left."""
    if DataFolder(folder.path).holder() is None:
        with suppress(FileNotFoundError):
            shutil.rmtree(folder.work)
        return
    try:
        descriptor = os.open(folder.forgotten, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
        with os.fdopen(descriptor, "wb") as file:
            file.write(msgspec.json.encode(erasure) + b"\n")
    except OSError as error:
        raise StoreError(f"{folder.forgotten} cannot be written: {error.strerror}") from None
    log.warning("a benchmark is running: what it keeps of this goes when it ends")


def _drop(folder: BenchFolder, erasure: Erasure, dry_run: bool) -> tuple[list[Outcome], int]:
    """Outcomes that were dropped, and how many reports lost cases."""

    def concerned(line: Line) -> bool:
        return _origin(line.origin, erasure) or _stands_on(line.outcome, erasure)

    dropped = Results(folder.results).drop(concerned, dry_run=dry_run)
    reports = [path for path in sorted(folder.reports.glob("*.json")) if _shorten(path, erasure, dry_run)]
    return dropped, len(reports)


def _origin(origin: str, erasure: Erasure) -> bool:
    """Whether a case was made from what is forgotten."""
    kind, _, name = origin.partition(":")
    if kind == "trace":
        return name in erasure.requests
    return kind == "document" and bool(erasure.document) and name == _document(erasure)


def _stands_on(outcome: Outcome, erasure: Erasure) -> bool:
    return bool(erasure.document) and any(passage.document == _document(erasure) for passage in outcome.retrieved)


def _document(erasure: Erasure) -> str:
    return f"{erasure.collection}/{erasure.document}"


def _concerned_cases(cases: Iterable[Case], outcomes: Iterable[Outcome], erasure: Erasure) -> set[str]:
    made = {case.id for case in cases if _origin(case.origin, erasure) or _asks_for(case, erasure)}
    return made | {outcome.id for outcome in outcomes if _stands_on(outcome, erasure)}


def _asks_for(case: Case, erasure: Erasure) -> bool:
    """Whether its answer is to be found in what is forgotten."""
    return bool(erasure.document) and not {erasure.document, _document(erasure)}.isdisjoint(case.relevant)


def _shorten(path: Path, erasure: Erasure, dry_run: bool) -> bool:
    """Take the cases concerned out of a report, and of the pages drawn from it; its figures stay. Whether any was."""
    try:
        report = msgspec.json.decode(path.read_bytes(), type=Report)
    except (OSError, msgspec.MsgspecError) as error:
        log.warning("%s cannot be read, and may hold what is forgotten: %s", path, error)
        return False
    gone = _concerned_cases(report.cases, report.outcomes, erasure)
    if not gone or dry_run:
        return bool(gone)
    left = msgspec.structs.replace(
        report,
        cases=tuple(case for case in report.cases if case.id not in gone),
        outcomes=tuple(outcome for outcome in report.outcomes if outcome.id not in gone),
    )
    try:
        for page in (path.with_suffix(".html"), path.with_suffix(".md")):
            page.unlink(missing_ok=True)  # drawn again from the report: palier bench report
        beside = path.with_name(f".{path.name}.new")
        beside.unlink(missing_ok=True)
        with os.fdopen(os.open(beside, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as file:
            file.write(msgspec.json.encode(left))
        beside.rename(path)
    except OSError as error:
        raise StoreError(f"{path} cannot be written: {error.strerror}") from None
    return True
