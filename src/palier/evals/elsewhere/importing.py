"""Results from elsewhere as a candidate's: palier's own lines, lm-eval's samples, Inspect's logs, published figures.

Each sample is matched with a case of the suite: by its id, else by its text, which must be that of one case alone. By
order only where there are as many samples as cases and every text agrees. What matches nothing is listed.
The formats: `samples_*.jsonl` of EleutherAI's lm-evaluation-harness (`--log_samples`), and the JSON or `.eval` logs
(version 2) of UK AISI's Inspect. Files are read as data of strangers: of a bounded size, and nothing in them is run.
"""

from __future__ import annotations

import lzma
import math
import zipfile
import zlib
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, BinaryIO

import msgspec

from palier.cases import MOST_AMOUNT, Case, Outcome, Published, Suite
from palier.errors import ConfigurationError, unfit
from palier.evals.elsewhere import logs
from palier.evals.elsewhere.logs import MAX_SAMPLES, MAX_TEXT, Form, Sample
from palier.evals.figures import Candidate, Estimate, Run
from palier.types import JSON

MAX_BYTES = 1 << 30
"""Of a file, and of all that a zip unpacks to."""
MAX_LINE = 64 << 20
"""Of a line, and of one entry of a zip."""


class Imported(dict[str, Outcome]):
    """Outcomes by case, with what could not be used."""

    def __init__(self, outcomes: Mapping[str, Outcome], form: Form, unmatched: Sequence[str], notes: Sequence[str]):
        super().__init__(outcomes)
        self.form = form
        self.unmatched = tuple(unmatched)
        """Samples that are no case of the suite, by their id or place."""
        self.notes = tuple(notes)


def read_results(path: Path, suite: Suite, *, candidate: str = "") -> Imported:
    """The outcomes in a file, by the id of their case; `candidate` names them (for palier's own lines: chooses them).

    Raises `ConfigurationError` naming file and place where it cannot be read, holds no sample of the suite, or holds
    two for one case.
    """
    form, samples, notes = _read(path, candidate)
    if not samples:
        raise ConfigurationError(f"{path} holds no results")
    matched, unmatched = _match(path, samples, suite.cases)
    if not matched:
        first = ", ".join(s.id or s.place for s in samples[:3])
        raise ConfigurationError(
            f"{path}: none of its {len(samples)} samples ({first}, ...) is a case of the suite `{suite.name}`",
            hint="ids or texts must be those of the suite's cases",
        )
    if unmatched:
        notes.append(f"{path.name}: {len(unmatched)} of {len(samples)} samples are no case of the suite")
    matched = {case: _named_alike(outcome) for case, outcome in matched.items()}
    lacking = len(suite.cases) - len(matched)
    if lacking:
        notes.append(
            f"{path.name}: {lacking} of {len(suite.cases)} cases have no result, and are left out of its figures"
        )
    return Imported(matched, form, unmatched, notes)


_ALIKE = {
    "accuracy": ("acc", "choice", "match", "exact"),
    "exact_match": ("em", "exact", "match", "acc"),
    "token_f1": ("f1",),
    "rouge_l": ("rougeL",),
}
"""What lm-eval and Inspect call metrics of ours, each in the order they are looked for."""


def _named_alike(outcome: Outcome) -> Outcome:
    """With the names of our metrics, too, where a log gives figures alone: those within [0, 1]."""
    found = dict(outcome.metrics)
    for ours, theirs in _ALIKE.items():
        given = next((found[name] for name in theirs if name in found), None)
        if ours not in found and given is not None and 0.0 <= given <= 1.0:
            found[ours] = given
    return msgspec.structs.replace(outcome, metrics=found) if outcome.metrics else outcome


def read_run(path: Path, suite: Suite) -> tuple[Run, tuple[str, ...]]:
    """A file of results as a run, ready to be measured, with notes; palier's own lines may be of several candidates.

    Raises `ConfigurationError` as `read_results` does.
    """
    names = _candidates_in(path) or [path.stem]
    found = {name: read_results(path, suite, candidate=name) for name in names}
    asked = {case for outcomes in found.values() for case in outcomes}
    run = Run(
        suite=suite,
        cases=tuple(case for case in suite.cases if case.id in asked),
        candidates=tuple(Candidate(name=name, kind="imported") for name in names),
        outcomes={name: dict(outcomes) for name, outcomes in found.items()},
    )
    return run, tuple(dict.fromkeys(note for outcomes in found.values() for note in outcomes.notes))


class _Named(msgspec.Struct):
    candidate: str = ""


def _candidates_in(path: Path) -> list[str]:
    """The candidates that palier's own lines name; none of other formats. What is wrong is said by `read_results`."""
    names: dict[str, None] = {}
    if path.suffix in (".json", ".eval"):
        return []
    try:
        with path.open("rb") as file:
            for _ in range(MAX_SAMPLES):
                line = file.readline(MAX_LINE)
                if not line:
                    break
                name = msgspec.json.decode(line, type=_Named).candidate if line.strip() else ""
                names |= {name: None} if name else {}
    except (OSError, msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
        return []
    return list(names)


def published(figures: Published, *, proportion: bool = True) -> Estimate:
    """A published quality; Wilson's interval where the page says of how many cases, and it is a share of them."""
    from palier.metrics.intervals import wilson

    n = figures.cases or 0
    if n > 0 and proportion and 0.0 <= figures.quality <= 1.0:
        low, high = wilson(figures.quality * n, n)
        return Estimate(value=figures.quality, low=low, high=high, n=n, families=n, method="Wilson, given n")
    return Estimate(value=figures.quality, n=n, families=n, method="given, without an interval")


# --- reading ---------------------------------------------------------------------------------------------------------


def _read(path: Path, candidate: str) -> tuple[Form, list[Sample], list[str]]:
    try:
        size = path.stat().st_size
        if not path.is_file():
            raise ConfigurationError(f"{path} is no file")
        if size > MAX_BYTES:
            raise ConfigurationError(f"{path} has {size} bytes, more than {MAX_BYTES}", hint="import a part of it")
        with path.open("rb") as file:
            start = file.read(4)
            file.seek(0)
            if start == b"PK\x03\x04":
                return logs.inspected(path, _unpacked(path, file))
            if path.suffix == ".json":
                return _whole(path, file.read(MAX_BYTES + 1))
            return _lines(path, file, candidate)
    except OSError as error:
        raise ConfigurationError(f"{path} cannot be read: {error.strerror}") from None


def _decoded(content: bytes, where: str) -> Any:
    try:
        return msgspec.json.decode(content)
    except (msgspec.MsgspecError, UnicodeDecodeError) as error:
        raise ConfigurationError(f"{where} is not JSON: {error}", hint=_nan_hint(content)) from None
    except RecursionError:
        raise ConfigurationError(f"{where} is nested too deeply") from None


def _nan_hint(content: bytes) -> str:
    return "NaN and Infinity are no JSON" if b"NaN" in content or b"Infinity" in content else ""


def _object(value: Any, where: str) -> JSON:
    if not isinstance(value, dict):
        raise ConfigurationError(f"{where} is not a JSON object")
    return value


def _whole(path: Path, content: bytes) -> tuple[Form, list[Sample], list[str]]:
    log = _object(_decoded(content, str(path)), str(path))
    samples = log.get("samples")
    if isinstance(samples, list) and "eval" in log:
        status = log.get("status")
        found = logs.inspected(
            path, ((f"samples[{i}]", _object(s, f"{path}: samples[{i}]")) for i, s in enumerate(samples))
        )
        if status not in ("success", None):
            found[2].append(f"{path.name}: its status is `{str(status)[:40]}`: it may not hold all of its samples")
        return found
    raise ConfigurationError(
        f"{path} is no Inspect log: it has no `eval` and `samples`",
        hint="lm-eval's results are in its samples_*.jsonl (--log_samples)",
    )


def _unpacked(path: Path, file: BinaryIO) -> Iterator[tuple[str, JSON]]:
    """The samples of an `.eval` file, a zip of `samples/ID_epoch_N.json`, within the limits."""
    left = MAX_BYTES
    try:
        with zipfile.ZipFile(file) as archive:
            names = [n for n in archive.namelist() if n.startswith("samples/") and n.endswith(".json")]
            if not names:
                raise ConfigurationError(f"{path} is a zip without samples/*.json: no log of Inspect")
            if len(names) > MAX_SAMPLES:
                raise ConfigurationError(f"{path} holds {len(names)} samples, more than {MAX_SAMPLES}")
            for name in names:
                with archive.open(name) as entry:  # the size in its header may lie: what is read counts
                    content = entry.read(min(MAX_LINE, left) + 1)
                left -= len(content)
                if len(content) > MAX_LINE or left < 0:
                    raise ConfigurationError(f"{path}: {name} unpacks to more than is allowed")
                yield name, _object(_decoded(content, f"{path}: {name}"), f"{path}: {name}")
    except (zipfile.BadZipFile, NotImplementedError, zlib.error, lzma.LZMAError, EOFError, RuntimeError) as error:
        raise ConfigurationError(
            f"{path} cannot be unpacked: {error}", hint="`inspect log convert --to json` writes one that can be read"
        ) from None


def _lines(path: Path, file: BinaryIO, candidate: str) -> tuple[Form, list[Sample], list[str]]:
    rows: list[tuple[str, JSON]] = []
    while line := file.readline(MAX_LINE + 1):
        where = f"line {len(rows) + 1}"
        if len(line) > MAX_LINE:
            raise ConfigurationError(f"{path}: {where} has more than {MAX_LINE} bytes")
        if not line.strip():
            continue
        if len(rows) >= MAX_SAMPLES:
            raise ConfigurationError(f"{path} holds more than {MAX_SAMPLES} samples")
        rows.append((where, _object(_decoded(line, f"{path}: {where}"), f"{path}: {where}")))
    if not rows:
        return "palier", [], []
    first = rows[0][1]
    if "doc_id" in first:
        return logs.lm_eval(path, rows)
    if "id" in first:
        return _own(path, rows, candidate)
    raise ConfigurationError(
        f"{path}: line 1 is no result: it has neither `id` (palier) nor `doc_id` (lm-eval)",
        hint="palier's own results, lm-eval's samples_*.jsonl, or an Inspect log (.json, .eval)",
    )


# --- palier's own ----------------------------------------------------------------------------------------------------


def _own(path: Path, rows: Sequence[tuple[str, JSON]], candidate: str) -> tuple[Form, list[Sample], list[str]]:
    """Lines of `Outcome`s; a plain {id, output} will do, its metrics, cost and latency where they are there."""
    samples = []
    for where, row in rows:
        try:
            outcome = msgspec.convert({"candidate": candidate, **_plain(row)}, Outcome)
        except msgspec.ValidationError as error:
            raise ConfigurationError(f"{path}: {where}: {unfit(error)}") from None
        _check_amounts(path, where, outcome)
        metrics = {k: v for k, v in outcome.metrics.items() if math.isfinite(v)}
        outcome = msgspec.structs.replace(outcome, metrics=metrics, output=outcome.output[:MAX_TEXT])
        texts = (row["input"],) if isinstance(row.get("input"), str) else ()
        samples.append(Sample(place=where, id=outcome.id, texts=texts, outcome=outcome))
    names = dict.fromkeys(str(row["candidate"]) for _, row in rows if row.get("candidate"))
    if len(names) > 1 and candidate in names:
        samples = [sample for sample in samples if sample.outcome.candidate == candidate]
    elif len(names) > 1:
        raise ConfigurationError(
            f"{path} holds results of {len(names)} candidates: {', '.join(sorted(names)[:8])}",
            hint="name the candidate as one of them, or keep each in a file of its own",
        )
    if candidate:
        samples = [_named(sample, candidate) for sample in samples]
    return "palier", samples, []


def _check_amounts(path: Path, where: str, outcome: Outcome) -> None:
    """Raise `ConfigurationError` for times and amounts that nothing takes."""
    given = {
        "latency_ms": outcome.latency_ms,
        "first_ms": outcome.first_ms,
        "cost": outcome.cost.value,
        "energy_wh": outcome.energy.value,
        "carbon_g": outcome.carbon.value,
    }
    for field, value in given.items():
        if value is not None and not 0 <= value <= MOST_AMOUNT:
            raise ConfigurationError(f"{path}: {where}: {field} is {value:g}", hint=f"from 0 to {MOST_AMOUNT:g}")


def _named(sample: Sample, candidate: str) -> Sample:
    outcome = msgspec.structs.replace(sample.outcome, candidate=candidate)
    return msgspec.structs.replace(sample, outcome=outcome)


def _plain(row: JSON) -> JSON:
    """Bare numbers of cost and energy, as the documented lines have them, become quantities."""
    found = dict(row)
    if isinstance(row.get("id"), int) and not isinstance(row["id"], bool):
        found["id"] = str(row["id"])
    for field, source in (("cost", "cost"), ("energy", "energy_wh"), ("carbon", "carbon_g")):
        if (value := logs.finite(row.get(source))) is not None:
            found[field] = msgspec.to_builtins(logs.given(value))
    return found


# --- matching --------------------------------------------------------------------------------------------------------


def _match(path: Path, samples: Sequence[Sample], cases: Sequence[Case]) -> tuple[dict[str, Outcome], list[str]]:
    by_id = {case.id: case for case in cases}
    by_text = _texts(cases)
    matched: dict[str, Outcome] = {}
    places: dict[str, str] = {}
    unmatched: list[str] = []
    ids_agree = _ids_agree(samples, by_id)
    for sample in samples:
        case = by_id.get(sample.id) if ids_agree else None
        if case is None:
            found = {c.id: c for text in sample.texts if (c := by_text.get(_flat(text))) is not None}
            case = next(iter(found.values())) if len(found) == 1 else None
        if case is None:
            unmatched.append(f"{sample.id or 'no id'} ({sample.place})")
            continue
        if case.id in matched:
            raise ConfigurationError(f"{path}: {places[case.id]} and {sample.place} are both the case `{case.id}`")
        matched[case.id] = msgspec.structs.replace(sample.outcome, id=case.id)
        places[case.id] = sample.place
    if unmatched and len(samples) == len(cases) and (ordered := _in_order(samples, cases)):
        return ordered, []
    return {case.id: matched[case.id] for case in cases if case.id in matched}, unmatched


def _ids_agree(samples: Sequence[Sample], by_id: Mapping[str, Case]) -> bool:
    """Whether ids mean cases. A log that numbers its samples 0, 1, 2 need not mean the cases that are numbered so:
    where a sample says what was asked and it is nothing like its namesake, no id is believed."""
    for sample in samples:
        case = by_id.get(sample.id)
        if case is None or not sample.texts or not case.question:
            continue
        asked = _flat(case.question)
        if not any(asked in text or text in asked for text in map(_flat, sample.texts) if text):
            return False
    return True


def _texts(cases: Sequence[Case]) -> dict[str, Case]:
    """Cases by what they ask, without those that ask the same as another."""
    counts = Counter(_flat(case.question) for case in cases)
    return {text: case for case in cases if (text := _flat(case.question)) and counts[text] == 1}


def _in_order(samples: Sequence[Sample], cases: Sequence[Case]) -> dict[str, Outcome]:
    """One after another, where every sample's text holds what its case asks; empty where one does not."""
    found = {}
    for sample, case in zip(samples, cases, strict=True):
        asked = _flat(case.question)
        if not asked or not any(asked in _flat(text) for text in sample.texts):
            return {}
        found[case.id] = msgspec.structs.replace(sample.outcome, id=case.id)
    return found


def _flat(text: str) -> str:
    return " ".join(text.split())
