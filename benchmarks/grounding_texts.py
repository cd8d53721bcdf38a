"""Sentences with their passages, supported or not: of FaithDial and HaluEval, and made from the sample company's.

Ours are the recorded answers, sentence by sentence, with five passages as a retriever finds them, and sentences of the
documents themselves: true as they stand; untrue with a figure or a name of another, with what they say denied, with the
passages of other documents, or where they answer another question.
"""

from __future__ import annotations

import gzip
import json
import random
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path
from typing import Any

from palier.guards.claims import claims
from palier.retrieval import chunking, parsing
from palier.text import figures, sentences
from palier.text.support import read, share

COMPANY = Path(__file__).parent.parent / "examples" / "armorique"
SUITE = COMPANY / "suites" / "translation" / "cases.jsonl"
FOUND = 5
"""Passages that an answer stands on."""


@dataclass(frozen=True, slots=True)
class Case:
    """`right`: the passages support it. `made` says how it came about, `family` what it must not be torn from."""

    text: str
    question: str
    evidence: tuple[str, ...]
    right: bool
    made: str
    family: str


def lines(file: Path) -> list[dict[str, Any]]:
    """The rows of a JSON lines file, packed or not."""
    content = gzip.decompress(file.read_bytes()) if file.suffix == ".gz" else file.read_bytes()
    return [json.loads(line) for line in content.splitlines() if line.strip()]


def faithdial(folder: Path, *, whole: bool = True) -> list[Case]:
    """Responses of FaithDial's audit. `whole`: right is what is entailed and nothing else, whether it is called
    uncooperative or not; else what is called entailment alone, as the bar counts."""
    found = []
    for row in lines(folder / "faithdial_begin" / "dev.jsonl.gz"):
        named = {name.strip().replace("entailmentt", "entailment") for name in str(row["begin"]).split(",")}
        right = named <= {"entailment", "uncooperative"} and "entailment" in named if whole else named == {"entailment"}
        made = "+".join(sorted(named))
        found.append(Case(row["response"], row["history"] or "", (row["knowledge"],), right, made, row["knowledge"]))
    return found


def halueval(folder: Path) -> list[Case]:
    """Right and hallucinated answers to the same question."""
    return [
        Case(row[key], row["question"], (row["knowledge"],), right, key, row["knowledge"])
        for row in lines(folder / "halueval" / "qa_pairs_dev.jsonl.gz")
        for key, right in (("right_answer", True), ("hallucinated_answer", False))
    ]


# --- our own ---------------------------------------------------------------------------------------------------------


@cache
def passages() -> dict[str, tuple[str, ...]]:
    """The passages of each document of the sample company, as palier cuts them."""
    root = COMPANY / "documents"
    found: dict[str, tuple[str, ...]] = {}
    for file in sorted(path for path in root.rglob("*") if path.is_file()):
        name = str(file.relative_to(root))
        for parsed in parsing.parse_file(str(file), 2**22):
            if isinstance(parsed, parsing.Parsed):
                cut = chunking.split(name, parsed.text)
                found[name] = (*found.get(name, ()), *(passage.text for passage in cut))
    return found


def answers() -> list[dict[str, Any]]:
    """The recorded answers whose sources can be read."""
    return [row for row in lines(COMPANY / "teacher.jsonl") if all(source in passages() for source in row["sources"])]


def evidence(row: dict[str, Any], chance: random.Random, *, own: bool = True) -> tuple[str, ...]:
    """Five passages for a question: three of its sources at most (none: `own` False), the nearest others beside."""
    asked = read(f"{row['question']} {row['answer']}").stems
    from_sources = [text for source in row["sources"] for text in passages()[source]]
    nearest = sorted(from_sources, key=lambda text: -share(asked, read(text).stems))[: FOUND - 2] if own else []
    others = [text for name, texts in passages().items() if name not in row["sources"] for text in texts]
    wanted = read(row["question"]).stems
    others.sort(key=lambda text: -share(wanted, read(text).stems))
    found = [*nearest, *others[: FOUND - len(nearest)]]
    chance.shuffle(found)
    return tuple(found)


def company(seed: int = 3) -> Iterator[Case]:
    """Our own cases: those of the recorded answers, then those of the documents' sentences."""
    chance = random.Random(seed)
    rows = [row for row in answers() if row["kind"] not in ("calculation", "unanswerable")]
    pool = _pool()
    for row in rows:
        found, without = evidence(row, chance), evidence(row, chance, own=False)
        for text in said(row["answer"]):
            case = Case(text, row["question"], found, True, "answer", row["sources"][0])
            yield case
            yield replace(case, evidence=without, right=False, made="other passages")
            yield from spoilt(case, pool, chance)
        other = chance.choice([one for one in rows if one["language"] == row["language"] and one is not row])
        if not set(other["sources"]) & set(row["sources"]):
            for text in said(other["answer"])[:1]:
                yield Case(text, row["question"], found, False, "another answer", row["sources"][0])
    for name, texts in passages().items():
        for at, text in enumerate(texts[:6]):
            beside = tuple(texts[max(at - 2, 0) : at + 3])
            for one in [one for one in said(text) if not one.startswith("#")][:2]:
                case = Case(one, "", beside, True, "copy", name)
                yield case
                yield from spoilt(case, pool, chance)


def translated(seed: int = 5) -> Iterator[Case]:
    """Sentences beside their translation and two others, both ways; and beside others, or spoilt."""
    chance = random.Random(seed)
    rows = [(row["input"], row["references"][0] if "references" in row else row["reference"]) for row in lines(SUITE)]
    for pairs in (rows, [(english, french) for french, english in rows]):
        for at, (written, other) in enumerate(pairs):
            beside = tuple(pairs[(at + step) % len(pairs)][0] for step in (7, 13))
            case = Case(other, "", (beside[0], written, beside[1]), True, "translation", written)
            yield case
            yield replace(case, evidence=beside, right=False, made="other passages")
            yield from spoilt(case, _pool(), chance)


def said(text: str) -> list[str]:
    """The sentences of a text that claim something."""
    return [text[start:end] for start, end in sentences(text) if claims(text[start:end])]


def spoilt(case: Case, pool: Sequence[str], chance: random.Random) -> Iterator[Case]:
    """The case with a figure changed, with a name of another, and denied: each where it can be."""
    found = figures(case.text)
    numbers = [figure for figure in found if figure.kind != "name" and re.search(r"\d", figure.text)]
    if numbers:
        figure = chance.choice(numbers)
        yield replace(
            case, text=case.text.replace(figure.text, _other(figure.text, chance), 1), right=False, made="figure"
        )
    names = [figure for figure in found if figure.kind == "name"]
    if names and pool:
        name = chance.choice(names).text
        together = " ".join((*case.evidence, case.question)).casefold()
        other = next((one for one in chance.sample(pool, 20) if one.casefold() not in together), "")
        if other:
            yield replace(case, text=case.text.replace(name, other, 1), right=False, made="name")
    denied = turned(case.text)
    if denied:
        yield replace(case, text=denied, right=False, made="denied")


@cache
def _pool() -> tuple[str, ...]:
    """Names of the sample company."""
    found = {f.text for texts in passages().values() for text in texts for f in figures(text) if f.kind == "name"}
    return tuple(sorted(name for name in found if len(name) > 3))


def _other(written: str, chance: random.Random) -> str:
    """The same with one of its digits another: what a small model writes by mistake."""
    places = [at for at, letter in enumerate(written) if letter.isdigit()]
    at = chance.choice(places)
    digits = [d for d in "123456789" if d != written[at]]
    return written[:at] + chance.choice(digits) + written[at + 1 :]


_TURNS = (
    (r"\b(?:n'|ne )(est|a|ouvre|accepte)( \w+)? pas\b", r"\1\2"),
    (r"\bne (\w+)( \w+)? pas\b", r"\1\2"),
    (r"\b(is|are|was|can|must|does|do|will|has) not\b", r"\1"),
    (r"\bcannot\b", "can"),
    (r"\bsans\b", "avec"),
    (r"\bwithout\b", "with"),
    (r"\b(est|a|ouvre|accepte)\b(?! -)", r"n'\1 pas"),
    (r"\b(sont|peut|peuvent|doit|doivent|coûte|comprend|dure|donne|reste|permet|sera|va|faut)\b", r"ne \1 pas"),
    (r"\b(is|are|was|can|must|will|should|may)\b", r"\1 not"),
    (r"\b(costs|includes|lasts|gives|needs|takes|comes|works)\b", r"never \1"),
)


def turned(text: str) -> str:
    """`text` saying the contrary by one word, or the empty text where that is not simple."""
    for pattern, to in _TURNS:
        changed, count = re.subn(pattern, to, text, count=1)
        if count:
            return changed
    return ""


_FORCES = (
    (r"\b(?:certains|quelques|plusieurs)\b", "tous les"),
    (r"\bcertaines\b", "toutes les"),
    (r"\b(?:some|several|most|many)\b", "all"),
    (r"\b(?:parfois|souvent|généralement)\b", "toujours"),
    (r"\b(?:sometimes|often|usually|generally)\b", "always"),
    (r"\bpeut\b(?! (?:pas|être (?:ni|pas)))", "doit"),
    (r"\bpeuvent\b(?! pas)", "doivent"),
    (r"\bpouvez\b(?! pas)", "devez"),
    (r"\bdoit\b(?! (?:pas|être (?:ni|pas)))", "peut"),
    (r"\bdoivent\b(?! pas)", "peuvent"),
    (r"\bdevez\b(?! pas)", "pouvez"),
    (r"\b(?:may|can)\b(?! not)(?! \d)", "must"),
    (r"\bmust\b(?! not)", "may"),
)


def forced(text: str) -> str:
    """`text` saying all for some, always for at times, must for may or may for must; or the empty text."""
    for pattern, to in _FORCES:
        changed, count = re.subn(pattern, to, text, count=1)
        if count:
            return changed
    return ""
