"""What is wrong with a suite, or weakens what it can say: `palier bench check`.

An error makes its figures wrong (the same question on both sides of the split); a warning makes them weak (too few
cases); a note is worth knowing.
"""

from __future__ import annotations

import math
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Iterator, Sequence, Sized
from typing import Literal, get_args

import msgspec

from palier.cases import Case, Split, Suite
from palier.evals.suites.splitting import near_duplicates
from palier.evals.suites.suite import Fault
from palier.metrics.matching import contains
from palier.text import detect, figures, fold, terms, tokens
from palier.types import JSON, Data

Severity = Literal["error", "warning", "note"]

SHOWN = 20
"""Cases that a finding names, at most; `count` says how many there are."""
FEW_OF_A_LABEL = 10
IMBALANCE = 10.0
"""A label this many times as common as another one is told."""
LANGUAGE_SHARE = 0.1
_Z = 1.959964
"""Of a 95 % interval."""
_SUPPOSED = 0.8
"""Quality at which the width of the interval is judged."""


class Finding(Data, frozen=True, kw_only=True):
    """One thing found. `cases` are ids, the first `SHOWN` of `count`; pairs stand as `A = B`."""

    severity: Severity
    check: str
    message: str
    hint: str = ""
    count: int = 0
    cases: tuple[str, ...] = ()


def check(
    suite: Suite, *, faults: Sequence[Fault] = (), width: float = 0.1, documents: frozenset[str] | None = None
) -> list[Finding]:
    """All findings, errors first. `faults` are lines that were no cases.

    `width` is that of the wanted 95 % interval from end to end; `documents` the ids that the route's collections hold
    (None: not looked at).
    """
    found = [
        *_faults(faults),
        *_duplicates(suite),
        *_families(suite),
        *_references(suite),
        *_evidence(suite),
        *_labels(suite),
        *_languages(suite),
        *_sizes(suite, width),
        *_relevant(suite, documents),
    ]
    return sorted(found, key=lambda finding: get_args(Severity).index(finding.severity))


def _finding(severity: Severity, name: str, message: str, cases: Iterable[str] = (), hint: str = "") -> Finding:
    listed = list(cases)
    return Finding(
        severity=severity,
        check=name,
        message=message,
        hint=hint,
        count=len(listed),
        cases=tuple(listed[:SHOWN]),
    )


def _count(found: Sized, noun: str) -> str:
    """`1 pair`, `2 pairs`."""
    plural = f"{noun[:-1]}ies" if noun.endswith("y") else f"{noun}s"
    return f"{len(found)} {noun if len(found) == 1 else plural}"


def _faults(faults: Sequence[Fault]) -> Iterator[Finding]:
    if faults:
        first = faults[0].error
        message = f"{_count(faults, 'line')} not read as cases; the first: {first.message}"
        places = (f"{fault.file.name}:{fault.line}" for fault in faults)
        yield _finding("error", "lines", message, places, first.hint)


# --- duplicates and leaks ----------------------------------------------------------------------------------------


def _duplicates(suite: Suite) -> Iterator[Finding]:
    """Cases that ask nearly the same and are not said to be one family."""
    cases = suite.cases
    told = near_duplicates([_whole(case) for case in cases])
    kinds: dict[tuple[bool, bool], list[str]] = defaultdict(list)
    contradictions: list[str] = []
    for pair in told.found:
        one, other = cases[pair.first], cases[pair.second]
        if pair.similarity == 1.0 and one.references and other.references and not _agree(one, other):
            contradictions.append(f"{one.id} = {other.id}")
        if one.group != other.group:
            kinds[one.split != other.split, pair.similarity == 1.0].append(f"{one.id} = {other.id}")
    apart = "make them one `family`, on one side, or take one of them out"
    asking = {True: "asking the same", False: "asking nearly the same"}
    for exact in (True, False):
        if pairs := kinds[True, exact]:
            message = (
                f"{_count(pairs, 'pair')} of cases {asking[exact]} in `dev` and in `holdout`: the holdout is no secret"
            )
            yield _finding("error", "leak", message, pairs, apart)
        if pairs := kinds[False, exact]:
            message = f"{_count(pairs, 'pair')} of cases {asking[exact]}, counted as two"
            yield _finding("warning", "duplicate", message, pairs, "make them one `family`, or take one of them out")
    if contradictions:
        message = f"{_count(contradictions, 'pair')} of cases asking the same, with different references"
        yield _finding("warning", "contradiction", message, contradictions, "give both all the answers that will do")
    if not told.complete:
        yield _finding("warning", "duplicate", "too many cases are alike: not all of them were compared")


def _agree(one: Case, other: Case) -> bool:
    return bool({fold(text) for text in one.references} & {fold(text) for text in other.references})


def _whole(case: Case) -> str:
    """What is asked, with the evidence that makes it another question and the turns before."""
    before = [message.content for message in case.messages[:-1]]
    return "\n".join([case.question, *before, *case.evidence])


def _families(suite: Suite) -> Iterator[Finding]:
    sides: dict[str, set[str]] = defaultdict(set)
    for case in suite.cases:
        sides[case.group].add(case.split)
    if torn := [name for name, split in sides.items() if len(split) > 1]:
        message = f"{_count(torn, 'family')} on both sides of the split: what is tried on dev is known in the holdout"
        yield _finding("error", "family", message, torn, "put all cases of a family into one split")
    originals = {case.group for case in suite.cases if case.kind == "original"}
    if orphans := [case.id for case in suite.cases if case.kind != "original" and case.group not in originals]:
        message = f"{_count(orphans, 'paraphrase')} or perturbations without an original to compare with"
        yield _finding("warning", "family", message, orphans, "`family` names the id (or the family) of the original")


# --- references --------------------------------------------------------------------------------------------------


def _references(suite: Suite) -> Iterator[Finding]:
    def lacking(case: Case) -> bool:
        return bool(case.references) and not any(contains(text, case.must_contain) for text in case.references)

    if odd := [case.id for case in suite.cases if lacking(case)]:
        message = f"{_count(odd, 'reference')} without what `must_contain` asks for"
        yield _finding("warning", "reference", message, odd, "correct the one or the other")
    if told := [case.id for case in suite.cases if not case.answerable and case.references]:
        message = f"{_count(told, 'case')} with `answerable: false` and a reference, which is taken for how to say so"
        yield _finding("note", "reference", message, told)
    if suite.task == "extraction":
        yield from _extracted(suite)
    if suite.task in ("summary", "rewriting", "translation"):
        copies = [case.id for case in suite.cases if any(tokens(r) == tokens(case.question) for r in case.references)]
        if copies:
            yield _finding(
                "warning", "reference", f"{_count(copies, 'reference')} repeating the input word for word", copies
            )
    if suite.task == "qa" and all(case.answerable for case in suite.cases):
        message = "every case has an answer: whether a candidate says that it does not know is not measured"
        yield _finding("note", "unanswerable", message, hint="add some with `answerable: false`")


def _extracted(suite: Suite) -> Iterator[Finding]:
    """References whose fields are not the schema's."""
    if suite.schema is None:
        yield _finding("warning", "schema", "there is no `schema`: whether answers fit one is not measured")
        return
    schema = suite.schema
    wrong: list[str] = []
    first = ""
    for case in suite.cases:
        for reference in case.references:
            if fault := misfit(msgspec.json.decode(reference), schema):
                first = first or fault
                wrong.append(case.id)
                break
    if wrong:
        yield _finding(
            "error", "schema", f"{_count(wrong, 'reference')} not fitting the schema; the first: {first}", wrong
        )


_KINDS: dict[str, Callable[[object], bool]] = {
    "object": lambda value: isinstance(value, dict),
    "array": lambda value: isinstance(value, list),
    "string": lambda value: isinstance(value, str),
    "integer": lambda value: isinstance(value, int) and not isinstance(value, bool),
    "number": lambda value: isinstance(value, (int, float)) and not isinstance(value, bool),
    "boolean": lambda value: isinstance(value, bool),
    "null": lambda value: value is None,
}


def misfit(value: object, schema: JSON, where: str = "$") -> str:
    """Why `value` does not fit, by `type`, `enum`, `required`, `properties`, `additionalProperties` and `items`.

    "" where it does as far as these go: the keywords that name fields and words, which is where references go wrong.
    """
    kinds = schema.get("type", [])
    kinds = [kinds] if isinstance(kinds, str) else kinds
    if kinds and not any(_KINDS[kind](value) for kind in kinds if kind in _KINDS):
        return f"{where} is not of type {' or '.join(kinds)}"
    if "enum" in schema and value not in schema["enum"]:
        return f"{where} is none of the `enum`"
    if isinstance(value, dict):
        return _misfit_object(value, schema, where)
    if isinstance(value, list) and isinstance(schema.get("items"), dict):
        faults = (misfit(item, schema["items"], f"{where}[{place}]") for place, item in enumerate(value))
        return next(filter(None, faults), "")
    return ""


def _misfit_object(value: JSON, schema: JSON, where: str) -> str:
    known = schema.get("properties", {})
    if missing := [name for name in schema.get("required", ()) if name not in value]:
        return f"{where} lacks `{missing[0]}`"
    if schema.get("additionalProperties") is False and (extra := [name for name in value if name not in known]):
        return f"{where} has `{extra[0]}`, which the schema does not know"
    faults = (
        misfit(value[name], known[name], f"{where}.{name}") for name in value if isinstance(known.get(name), dict)
    )
    return next(filter(None, faults), "")


def _evidence(suite: Suite) -> Iterator[Finding]:
    if suite.task != "qa":
        return
    doubtful = [
        case.id
        for case in suite.cases
        if case.evidence and case.answerable and not any(_stands_in(r, case.evidence) for r in case.references)
    ]
    if doubtful:
        message = f"{_count(doubtful, 'reference')} with words or numbers that are not in the `evidence`"
        yield _finding("warning", "evidence", message, doubtful, "a candidate cannot find them there, and should not")


def _stands_in(reference: str, evidence: Sequence[str]) -> bool:
    """A short answer word for word; a longer one with its numbers and three of five of its words."""
    whole = "\n".join(evidence)
    words, known = tokens(reference), tokens(whole)
    if len(words) <= 6:
        return f" {' '.join(words)} " in f" {' '.join(known)} "
    there = {figure.value for figure in figures(whole, names=False)}
    if any(figure.value not in there and figure.text not in whole for figure in figures(reference, names=False)):
        return False
    language = detect(whole)
    said, stems = terms(reference, language), set(terms(whole, language))
    return sum(term in stems for term in said) >= 0.6 * len(said)


# --- balance and size --------------------------------------------------------------------------------------------


def _labels(suite: Suite) -> Iterator[Finding]:
    if suite.task != "classification":
        return
    counts = Counter(reference for case in suite.cases for reference in case.references[:1])
    if empty := [label for label in suite.labels if not counts[label]]:
        yield _finding("warning", "labels", f"{_count(empty, 'label')} without a case", empty)
    if counts:
        (most, many), (least, few) = counts.most_common()[0], counts.most_common()[-1]
        if many > IMBALANCE * few:
            message = f"`{most}` has {many} cases, `{least}` {few}: accuracy is mostly that of the common ones"
            yield _finding("warning", "labels", message, hint="go by macro-F1, or add cases of the rare ones")
    for split in get_args(Split):
        here = Counter(reference for case in suite.split(split) for reference in case.references[:1])
        rare = [label for label in counts if here and here[label] < FEW_OF_A_LABEL]
        if rare:
            message = (
                f"{_count(rare, 'label')} with fewer than {FEW_OF_A_LABEL} cases in `{split}`: too few to tell of each"
            )
            yield _finding("warning", "labels", message, rare)


def _languages(suite: Suite) -> Iterator[Finding]:
    """Where cases do not say it is detected, and a few short ones wrongly: those in a hundred say nothing."""
    said = {case.language for case in suite.cases}
    counts = Counter(case.language or suite.language or detect(case.question) for case in suite.cases)
    counts = Counter({n: c for n, c in counts.items() if n and (n in said or c > 0.01 * len(suite.cases))})
    if rare := [name for name, count in counts.items() if count < LANGUAGE_SHARE * len(suite.cases)]:
        told = ", ".join(f"{name} {count}" for name, count in counts.most_common())
        message = f"some languages have few cases ({told}): the figures are those of the common ones"
        yield _finding("note", "languages", message, rare)


def _sizes(suite: Suite, width: float) -> Iterator[Finding]:
    """Families are what counts: cases of one stand or fall together."""
    needed = cases_needed(width)
    for split in get_args(Split):
        count = len({case.group for case in suite.split(split)})
        if not count:
            message = f"no case is in `{split}`: whether a candidate was fitted to what it is judged by cannot be told"
            yield _finding(
                "warning", "size", message, hint="give cases a `split`, or set `holdout = 0.4` in suite.toml"
            )
        elif count < needed:
            wide = wilson_width(count)
            message = (
                f"`{split}` has {count} independent cases: at a quality of {_SUPPOSED:g} its 95 % interval is"
                f" {wide:.2f} wide; {width:g} needs {needed}"
            )
            yield _finding("warning", "size", message)


def wilson_width(count: int, share: float = _SUPPOSED) -> float:
    """From end to end, of the 95 % interval of a share of `count` cases (E. B. Wilson, JASA 22, 1927)."""
    z2 = _Z * _Z
    return 2 * _Z / (1 + z2 / count) * math.sqrt(share * (1 - share) / count + z2 / (4 * count * count))


def cases_needed(width: float, share: float = _SUPPOSED) -> int:
    """The fewest cases whose interval is at most `width` wide. `width` in (0, 1)."""
    low, high = 1, 2
    while wilson_width(high, share) > width:
        low, high = high, high * 2
    while low < high:
        middle = (low + high) // 2
        low, high = (low, middle) if wilson_width(middle, share) <= width else (middle + 1, high)
    return high


def _relevant(suite: Suite, documents: frozenset[str] | None) -> Iterator[Finding]:
    if documents is None:
        return
    missing = Counter(name for case in suite.cases for name in case.relevant if name not in documents)
    if missing:
        cases = [f"{case.id}: {name}" for case in suite.cases for name in case.relevant if name in missing]
        message = f"{_count(missing, 'document')} named by `relevant` and not in the route's collections"
        yield _finding("warning", "relevant", message, cases, "ingest them, or correct their ids (palier search)")
