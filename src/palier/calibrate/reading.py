"""Lines to records that a bound may rest on: drawn for it, judged by one source, recorded under one fingerprint."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from palier.errors import InvalidRequest
from palier.routing.records import Record, parse, unknown_fields

MAX_RECORDS = 1_000_000


@dataclass(frozen=True, slots=True)
class Reading:
    """The records to use, and what is to be told of the rest: `notes` are sentences for a person."""

    records: tuple[Record, ...]
    label_source: str
    fingerprint: str
    notes: tuple[str, ...]


def read(lines: Iterable[bytes], *, label_source: str = "", skip_bad: bool = False) -> Reading:
    """Records from JSON lines. Raises `InvalidRequest` naming line and field; `skip_bad` leaves such lines out.

    Those that nobody drew (`sampled: false`) are left out and counted. Of several label sources one must be named.
    """
    notes: list[str] = []
    records, unknown, bad = _parsed(lines, skip_bad=skip_bad)
    if bad:
        notes.append(f"{bad} bad lines were left out")
    notes += [f"unknown field `{name}` in {count} lines was not read" for name, count in sorted(unknown.items())]
    drawn = [record for record in records if record.drawn]
    if len(drawn) < len(records):
        notes.append(f"{len(records) - len(drawn)} records of traffic that nobody drew were left out")
    if records and not drawn:
        raise InvalidRequest(
            "no record was drawn: a bound cannot rest on traffic that was not chosen by chance",
            hint="[routes.NAME] audit draws some; a suite of your own needs no `sampled`",
            param="sampled",
        )
    source, chosen = _of_one_source(drawn, label_source)
    if len(chosen) < len(drawn):
        notes.append(f"{len(drawn) - len(chosen)} records of another label source were left out")
    if vouched := sum(record.sampled is None for record in chosen):
        notes.append(f"{vouched} records do not say `sampled`: taken as a suite that you chose before you saw answers")
    unmarked = sum(not record.fingerprint for record in chosen)
    if unmarked:
        notes.append(f"{unmarked} records do not say what they were made under: you vouch that it is as it is now")
    return Reading(tuple(chosen), source, _one_fingerprint(chosen), tuple(notes))


def _parsed(lines: Iterable[bytes], *, skip_bad: bool) -> tuple[list[Record], Counter[str], int]:
    records: list[Record] = []
    unknown: Counter[str] = Counter()
    bad = 0
    for number, line in enumerate(lines, 1):
        if not line.strip():
            continue
        try:
            records.append(parse(line, number))
        except InvalidRequest:
            if not skip_bad:
                raise
            bad += 1
            continue
        unknown.update(unknown_fields([line]))
        if len(records) > MAX_RECORDS:
            raise InvalidRequest(f"more than {MAX_RECORDS} records", hint="a sample of them is as good")
    return records, unknown, bad


def _of_one_source(records: Sequence[Record], wanted: str) -> tuple[str, list[Record]]:
    sources = Counter(record.label_source for record in records)
    if wanted:
        if records and wanted not in sources:
            raise InvalidRequest(
                f"no record has the label source `{wanted}`",
                hint=f"there are: {', '.join(sorted(map(repr, sources)))}",
                param="label_source",
            )
        return wanted, [record for record in records if record.label_source == wanted]
    if len(sources) > 1:
        told = ", ".join(f"`{source}` ({count})" for source, count in sources.most_common())
        raise InvalidRequest(
            f"the labels are of several sources: {told}",
            hint="a bound rests on one: name it with --label-source",
            param="label_source",
        )
    return next(iter(sources), ""), list(records)


def _one_fingerprint(records: Sequence[Record]) -> str:
    """The fingerprint they say they were recorded under; some may say none."""
    found = Counter(record.fingerprint for record in records if record.fingerprint)
    if len(found) > 1:
        told = ", ".join(f"{name} ({count})" for name, count in found.most_common(4))
        raise InvalidRequest(
            f"the records were made under several fingerprints: {told}",
            hint="models, prompts or retrieval changed in between: take the records since then",
            param="fingerprint",
        )
    return next(iter(found), "")
