"""A suite of cases: `suite.toml` and its JSON lines, read, checked, named by its content, and written.

Whatever is wrong is one `InvalidRequest` that names file, line, field and what to do: a benchmark rests on every line.
"""

from __future__ import annotations

import functools
import hashlib
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import msgspec

from palier.cases import Case, Suite
from palier.errors import ConfigurationError, InvalidRequest
from palier.evals.suites.case_lines import MAX_LINE, Reading, case_of, line_of, suggested, told
from palier.evals.suites.splitting import split_of
from palier.evals.suites.suite_toml import CASES, SETTINGS, check_known, named, parse_suite, read_toml, settings_text
from palier.types import JSON

MAX_CASES = 200_000
MAX_FAULTS = 10_000
"""Lines that are no cases, before it is another kind of file."""
_FILE = ("file", "columns", "values")


class Fault(NamedTuple):
    """A line that is no case: the error that names its place."""

    file: Path
    line: int
    error: InvalidRequest


class Loaded(NamedTuple):
    """A suite, and what is to be told of its files. `files` are those of its cases, `faults` the lines left out."""

    suite: Suite
    settings: Path | None
    files: tuple[Path, ...]
    faults: tuple[Fault, ...]
    places: dict[str, str]
    """Where each case stands, by id: `FILE line N`."""


def load(path: str | Path, *, skip_bad: bool = False) -> Suite:
    """The suite at `path`: its folder, its `suite.toml`, or a bare file of JSON lines (default settings).

    A case without `split` is on the dev side; with `holdout = 0.4` in suite.toml, on the side that a hash of its family
    gives. `Suite.digest` names all of the content (SHA-256 of canonical JSON): it does not change with the order of the
    cases, nor with the files they stand in. Of imported results it names the file, not what stands in it.

    Raises `InvalidRequest` naming file, line and field for the first line that is no case (`skip_bad` leaves such lines
    out: `read` tells which), and `ConfigurationError` for the settings.
    """
    return read(path, skip_bad=skip_bad).suite


def read(path: str | Path, *, skip_bad: bool = False) -> Loaded:
    """As `load`, with the files and the lines that were left out."""
    settings, tree, folder = _opened(Path(path))
    sources = _sources(tree, folder, settings)
    suite = parse_suite(tree, folder, settings)
    cases, faults, places = _cases(sources, suite, skip_bad=skip_bad)
    if faults and not cases:
        raise faults[0].error
    if not cases:
        where = ", ".join(str(file) for file, _ in sources)
        raise InvalidRequest(f"{where}: there is no case", hint="one JSON line a case: {id, input, reference, split}")
    suite = msgspec.structs.replace(suite, cases=tuple(cases))
    if suite.task == "classification" and not suite.labels:
        suite = msgspec.structs.replace(suite, labels=tuple(sorted({r for case in cases for r in case.references})))
    suite = msgspec.structs.replace(suite, digest=digest(suite))
    return Loaded(_at(suite, folder), settings, tuple(file for file, _ in sources), tuple(faults), places)


def digest(suite: Suite) -> str:
    """SHA-256 of its content as canonical JSON: what is as by default is left out, cases stand in order of id."""
    content = told(msgspec.structs.replace(suite, cases=(), digest=""))
    cases = [told(case) for case in sorted(suite.cases, key=lambda case: case.id)]
    whole = msgspec.json.encode(["palier-suite-1", content, cases], order="sorted")
    return hashlib.sha256(whole).hexdigest()


# --- the settings ------------------------------------------------------------------------------------------------


def _opened(path: Path) -> tuple[Path | None, JSON, Path]:
    """The settings' file (None for bare lines), what stands in it, and the folder that names start at."""
    if path.is_dir():
        if (path / SETTINGS).exists() or not (path / CASES).exists():
            return path / SETTINGS, read_toml(path / SETTINGS), path
        return None, {"name": named(path.resolve().name), "cases": [CASES]}, path
    if path.suffix == ".toml":
        return path, read_toml(path), path.parent
    name = path.resolve().parent.name if path.name == CASES else path.stem
    return None, {"name": named(name), "cases": [path.name]}, path.parent


def _at(suite: Suite, folder: Path) -> Suite:
    """With the files of results where they stand: names in suite.toml start at its folder."""
    imported = {
        name: msgspec.structs.replace(declared, results=str(folder / declared.results))
        for name, declared in suite.candidates.items()
        if declared.results
    }
    return msgspec.structs.replace(suite, candidates={**suite.candidates, **imported})


# --- the cases ---------------------------------------------------------------------------------------------------


def _sources(tree: JSON, folder: Path, settings: Path | None) -> list[tuple[Path, Reading]]:
    """The files of cases, and how each is to be read."""
    where = str(settings or "settings")
    given = tree.get("cases", [CASES])
    given = [given] if isinstance(given, (str, dict)) else given
    if not isinstance(given, list) or not given:
        raise ConfigurationError(f"{where}: `cases` must be a list of files", hint=f'cases = ["{CASES}"]')
    shared = _reading(tree, where, _side(tree.get("holdout"), where))
    sources: list[tuple[Path, Reading]] = []
    for entry in given:
        if isinstance(entry, str):
            sources.append((folder / entry, shared))
            continue
        if not isinstance(entry, dict) or not isinstance(entry.get("file"), str):
            raise ConfigurationError(f"{where}: `cases` holds what is no file", hint='a name, or {file = "..."}')
        at = f"{where}: cases, {entry['file']}"
        check_known(entry, _FILE, at)
        sources.append((folder / entry["file"], _reading({**tree, **entry}, at, shared.split_of)))
    if len({file.resolve() for file, _ in sources}) < len(sources):
        raise ConfigurationError(f"{where}: `cases` names a file twice")
    return sources


def _side(holdout: Any, where: str) -> Any:
    if holdout is None:
        return None
    if not isinstance(holdout, (int, float)) or isinstance(holdout, bool) or not 0 <= holdout <= 1:
        raise ConfigurationError(f"{where}: `holdout` must be a share between 0 and 1")
    return functools.partial(split_of, holdout=float(holdout))


def _reading(tree: JSON, where: str, split: Any) -> Reading:
    columns, values = tree.get("columns"), tree.get("values", {})
    if columns is not None and not isinstance(columns, dict):
        raise ConfigurationError(f"{where}: `columns` must be a table of field = column")
    if not isinstance(values, dict) or not all(isinstance(words, dict) for words in values.values()):
        raise ConfigurationError(f"{where}: `values` must hold a table for each field")
    known = (*Case.__struct_fields__, "reference")
    check_known(columns or {}, known, f"{where}: [columns]")
    check_known(values, known, f"{where}: [values]")
    read: dict[str, str | tuple[str, ...]] = {}
    for field, names in (columns or {}).items():
        listed = isinstance(names, list) and all(isinstance(name, str) for name in names)
        if not listed and not isinstance(names, str):
            raise ConfigurationError(f"{where}: [columns] `{field}` must name a column, or a list of them")
        read[field] = tuple(names) if listed else names
    return Reading(columns=read or None, values=values, split_of=split)


def _cases(
    sources: Sequence[tuple[Path, Reading]], suite: Suite, *, skip_bad: bool
) -> tuple[list[Case], list[Fault], dict[str, str]]:
    cases: list[Case] = []
    faults: list[Fault] = []
    places: dict[str, str] = {}
    for file, reading in sources:
        for number, line in _lines(file):
            where = f"{file} line {number}"
            try:
                case = case_of(line, where, suite.task, reading)
                _fits(case, where, suite, places)
            except InvalidRequest as error:
                if not skip_bad:
                    raise
                faults.append(Fault(file, number, error))
                if len(faults) > MAX_FAULTS:
                    raise InvalidRequest(
                        f"{where}: more than {MAX_FAULTS} lines are no cases", hint=str(error)
                    ) from None
                continue
            places[case.id] = where
            cases.append(case)
            if len(cases) > MAX_CASES:
                raise InvalidRequest(f"{where}: more than {MAX_CASES} cases", hint="a sample of them is as good")
    return cases, faults, places


def _fits(case: Case, where: str, suite: Suite, places: dict[str, str]) -> None:
    """That it has an id of its own, and its labels are the suite's."""
    if case.id in places:
        raise InvalidRequest(
            f"{where}: the id `{case.id}` is that of {places[case.id]}",
            hint="each case has an id of its own; cases that ask the same share a `family`",
            param="id",
        )
    if suite.labels and (foreign := next((r for r in case.references if r not in suite.labels), None)):
        raise InvalidRequest(
            f"{where}: `{foreign}` is none of the suite's labels",
            hint=f"{suggested(foreign, suite.labels[:30])} Or leave `labels` out of suite.toml: then the cases say",
            param="reference",
        )


def _lines(file: Path) -> Iterator[tuple[int, bytes]]:
    """Number and bytes of each line that is not blank; of one over the limit, a little more than may be."""
    if file.is_char_device() or file.is_block_device() or file.is_socket():
        raise ConfigurationError(f"{file} is no file", hint="a file of cases, one JSON line each")
    try:
        stream = file.open("rb")
    except FileNotFoundError:
        raise ConfigurationError(
            f"{file} does not exist",
            hint="`cases` of suite.toml names files beside it; palier bench init makes a suite",
        ) from None
    except OSError as error:
        raise ConfigurationError(f"{file} cannot be read: {error.strerror}") from None
    with stream:
        number = 0
        while line := stream.readline(MAX_LINE + 2):
            number += 1
            rest = line
            while len(rest) == MAX_LINE + 2 and not rest.endswith(b"\n"):
                rest = stream.readline(MAX_LINE + 2)
            if line.strip():
                yield number, line


# --- writing -----------------------------------------------------------------------------------------------------


def dump(suite: Suite, folder: Path) -> None:
    """Write `suite` into `folder`: `suite.toml`, `cases.jsonl`, `schema.json` of an extraction. `load` gives it back.

    Files of results are named from the folder on.
    """
    (folder / CASES).write_bytes(b"".join(map(line_of, suite.cases)))
    if suite.schema is not None:
        (folder / "schema.json").write_bytes(msgspec.json.format(msgspec.json.encode(suite.schema)) + b"\n")
    (folder / SETTINGS).write_text(settings_text(suite, folder), encoding="utf-8")
