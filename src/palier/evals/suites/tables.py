"""A CSV file to cases: columns by their usual names, the delimiter and the task guessed."""

from __future__ import annotations

import csv
import re
from collections import Counter
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import NamedTuple, TextIO

import msgspec

from palier.cases import Case, Task
from palier.errors import ConfigurationError, InvalidRequest
from palier.evals.suites.case_lines import MAX_LINE, Reading, case_of
from palier.evals.suites.suite import MAX_CASES
from palier.text import fold
from palier.types import JSON

_COLUMNS = {
    "id": "id identifiant identifier",
    "input": "input question text texte message query prompt demande entree",
    "reference": "reference answer reponse expected response label etiquette intent intention category categorie target"
    " output sortie",
    "split": "split",
    "family": "family famille group groupe",
    "tags": "tags tag",
    "evidence": "evidence context contexte passage",
    "language": "language langue lang",
    "relevant": "relevant document documents",
    "must_contain": "must_contain doit_contenir",
    "answerable": "answerable repondable",
}
_SPLITS = {
    "dev": "dev train training validation valid val entrainement",
    "holdout": "holdout test eval evaluation",
}
_SIDE = {word: side for side, words in _SPLITS.items() for word in words.split()}
_MANY = {"tags": r"[|;,]", "relevant": r"[|;,]", "must_contain": r"\|"}
"""What stands between several in one cell. A comma or a semicolon may be a part of what must be contained: `29,99`."""
_TRUTH = {
    **dict.fromkeys(("true", "yes", "oui", "vrai", "1", "x"), True),
    **dict.fromkeys(("false", "no", "non", "faux", "0"), False),
}
_FEW = 100
"""Labels of a classification, at most, where it is guessed."""


class Table(NamedTuple):
    """The cases of a CSV file, what they ask for, and what is to be told."""

    cases: list[Case]
    task: Task
    splits: bool
    """The file has a column for them."""
    notes: tuple[str, ...]


def from_csv(file: Path, *, task: Task | None = None, skip_bad: bool = False) -> Table:
    """The rows of `file` as cases, without splits of their own where the file has none.

    The header names the columns (question, reponse, label, split...); `;`, `,` or tabs between them; UTF-8, with or
    without its mark. A row without a reference, or otherwise wrong, is an `InvalidRequest` naming line and column;
    `skip_bad` leaves it out and counts it. `answerable` (no, non, false) says that there is no answer; several
    `must_contain` are parted by `|`.
    """
    try:
        with file.open(encoding="utf-8-sig", newline="") as stream:
            return _read(stream, file, task, skip_bad=skip_bad)
    except OSError as error:
        raise ConfigurationError(f"{file} cannot be read: {error.strerror}") from None
    except UnicodeDecodeError:
        raise InvalidRequest(
            f"{file} is not UTF-8",
            hint='save it as "CSV UTF-8", or: iconv -f WINDOWS-1252 -t UTF-8',
        ) from None


def _read(stream: TextIO, file: Path, task: Task | None, *, skip_bad: bool) -> Table:
    header = stream.readline(MAX_LINE)
    delimiter = _delimiter(header)
    names = next(csv.reader([header], delimiter=delimiter), [])
    columns, ignored = _columns(names, file)
    rows = list(_rows(stream, delimiter, names, columns, file))
    chosen = task or _task(rows)
    cases: list[Case] = []
    bad: list[str] = []
    seen: dict[str, str] = {}
    width = len(str(len(rows)))
    for number, (where, row) in enumerate(rows, 1):
        row.setdefault("id", f"c{number:0{width}d}")
        try:
            cases.append(_case(row, where, chosen, seen))
        except InvalidRequest as error:
            if not skip_bad:
                raise
            bad.append(str(error.message))
    if not cases:
        raise InvalidRequest(f"{file} holds no row that is a case", hint=bad[0] if bad else "")
    notes = [f"the column `{name}` was not read" for name in ignored]
    if bad:
        notes.append(f"{len(bad)} rows were left out, the first: {bad[0]}")
    return Table(cases, chosen, "split" in columns, tuple(notes))


def _delimiter(header: str) -> str:
    """The commonest of `;`, `,` and tab in the header, outside quotes."""
    bare = re.sub(r'"[^"]*"', "", header)
    return max(";,\t", key=bare.count)


def _columns(names: Sequence[str], file: Path) -> tuple[dict[str, int], list[str]]:
    """Fields to places; and the columns that are none."""
    places: dict[str, int] = {}
    folded = [fold(name).strip().replace(" ", "_") for name in names]
    for field, words in _COLUMNS.items():
        found = [folded.index(word) for word in words.split() if word in folded]
        if found:
            places[field] = found[0]
    for field in ("input", "reference"):
        if field not in places:
            told = ", ".join(f"`{name}`" for name in names[:12])
            raise InvalidRequest(
                f"{file} has no column for `{field}`: there are {told or 'none'}",
                hint=f"name one of them in the first line: {', '.join(_COLUMNS[field].split())}",
                param=field,
            )
    return places, [name for place, name in enumerate(names) if place not in places.values() and name.strip()]


def _rows(
    stream: TextIO, delimiter: str, names: Sequence[str], columns: dict[str, int], file: Path
) -> Iterator[tuple[str, JSON]]:
    csv.field_size_limit(MAX_LINE)
    reader = csv.reader(stream, delimiter=delimiter)
    count = 0
    try:
        for cells in reader:
            where = f"{file} line {reader.line_num + 1}"
            if not any(cell.strip() for cell in cells):
                continue
            if len(cells) > len(names):
                raise InvalidRequest(
                    f"{where}: {len(cells)} cells under {len(names)} columns",
                    hint=f"put a text that holds `{delimiter}` or a line break into double quotes",
                )
            count += 1
            if count > MAX_CASES:
                raise InvalidRequest(f"{where}: more than {MAX_CASES} rows", hint="a sample of them is as good")
            yield where, {f: cells[p].strip() for f, p in columns.items() if p < len(cells) and cells[p].strip()}
    except csv.Error as error:
        raise InvalidRequest(f"{file} line {reader.line_num + 1}: {error}") from None


def _case(row: JSON, where: str, task: Task, seen: dict[str, str]) -> Case:
    for name, between in _MANY.items():
        if name in row:
            row[name] = [part.strip() for part in re.split(between, row[name]) if part.strip()]
    if "answerable" in row:
        truth = _TRUTH.get(fold(row["answerable"]))
        if truth is None:
            hint = f"one of {', '.join(_TRUTH)}"
            raise InvalidRequest(f"{where}: `answerable` is `{row['answerable']}`", hint=hint, param="answerable")
        row["answerable"] = truth
    if "split" in row:
        side = _SIDE.get(fold(row["split"]))
        if side is None:
            hint = f"one of {', '.join(_SIDE)}"
            raise InvalidRequest(f"{where}: `split` is `{row['split']}`", hint=hint, param="split")
        row["split"] = side
    case = case_of(msgspec.json.encode(row), where, task, Reading())
    if case.id in seen:
        raise InvalidRequest(f"{where}: the id `{case.id}` is that of {seen[case.id]}", param="id")
    seen[case.id] = where
    return case


def _task(rows: Sequence[tuple[str, JSON]]) -> Task:
    """Few distinct short references: classification; objects: extraction; else question answering."""
    references = [row["reference"] for _, row in rows if "reference" in row]
    if references and all(reference.startswith("{") for reference in references):
        return "extraction"
    kinds = Counter(references)
    short = all(len(reference.split()) <= 4 and len(reference) <= 60 for reference in kinds)
    few = len(kinds) <= _FEW and len(kinds) * 3 <= len(references)
    return "classification" if references and short and few else "qa"
