"""The reports that an installation keeps, by name: listed, looked at without a text of theirs, and two compared.

A report may be large: these are meant for a worker process, and what they give is small.
"""

from __future__ import annotations

import re
from pathlib import Path

import msgspec

from palier.errors import ConfigurationError, InvalidRequest, NotFound
from palier.evals.figures import FORMAT, Report
from palier.evals.reports.changes import Changes, changes
from palier.evals.reports.report import load, without_texts
from palier.evals.reports.results import MOST, REPORTS
from palier.types import Data, Label

_NAME = re.compile(r"[\w.-]{1,200}")


class Shelved(Data, frozen=True, kw_only=True):
    """One report in a list."""

    name: str
    suite: str
    version: str
    title: str
    label: Label
    """Of its file, which may hold texts."""
    created: float
    quality: str
    candidates: tuple[str, ...]
    cases: int


class _Suite(Data, frozen=True, kw_only=True):
    name: str
    version: str
    title: str = ""
    cases: dict[str, int] = msgspec.field(default_factory=dict)
    label: Label = Label.INTERNAL


class _Named(Data, frozen=True, kw_only=True):
    name: str


class _Slim(Data, frozen=True, kw_only=True):
    """What of a report is looked at."""

    format: str
    suite: _Suite
    quality: str
    created: float = 0.0
    candidates: tuple[_Named, ...] = ()


def listed(data: Path) -> tuple[Shelved, ...]:
    """Those of the data folder, the newest first, at most `MOST` files; what is no report is left out."""
    found = []
    for path in _files(data):
        try:
            report = msgspec.json.decode(path.read_bytes(), type=_Slim)
        except (OSError, msgspec.MsgspecError, RecursionError):
            continue
        if report.format == FORMAT:
            found.append(_shelved(path.stem, report))
    return tuple(sorted(found, key=lambda one: (-one.created, one.name)))


def opened(data: Path, name: str) -> Report:
    """The figures of one: no text, no case, no answer. Raises `NotFound`, and `InvalidRequest` where it is none."""
    return msgspec.structs.replace(without_texts(_load(data, name)), cases=(), outcomes=(), measured=(), settings=None)


def compared(data: Path, before: str, after: str, *also: str) -> Changes:
    """What changed from one to the other: by quality, and by the metrics in `also`.

    Raises what `opened` does, and `InvalidRequest` where they are of two suites.
    """
    one, other = _load(data, before), _load(data, after)
    try:
        return changes(one, other, compared=also)
    except ConfigurationError as error:
        raise InvalidRequest(error.message) from None


def _files(data: Path) -> list[Path]:
    try:
        files = [(path.stat().st_mtime, path) for path in (data / REPORTS).glob("*.json")]
    except OSError:
        return []
    return [path for _, path in sorted(files, reverse=True)[:MOST] if _NAME.fullmatch(path.stem)]


def _shelved(name: str, report: _Slim) -> Shelved:
    suite = report.suite
    return Shelved(
        name=name,
        suite=suite.name,
        version=suite.version,
        title=suite.title,
        label=suite.label,
        created=report.created if 0 <= report.created < 1e11 else 0.0,
        quality=report.quality,
        candidates=tuple(candidate.name for candidate in report.candidates),
        cases=sum(suite.cases.values()),
    )


def _load(data: Path, name: str) -> Report:
    path = data / REPORTS / f"{name}.json"
    if not _NAME.fullmatch(name) or not path.is_file():
        raise NotFound(f"there is no report `{name[:80]}`", hint="`palier bench SUITE` writes one")
    try:
        return load(path)
    except ConfigurationError as error:
        raise InvalidRequest(error.message.replace(str(path), f"`{name}`")) from None
