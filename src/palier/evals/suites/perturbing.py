"""The same questions as people type them: with slips of the finger, without accents, in capitals, without commas.

Deterministic: the same suite, kinds and seed make the same cases. Digits are never touched, nor what holds one (prices,
codes, `Menhir 6`), addresses, what `must_contain` or a reference to be extracted holds.
"""

from __future__ import annotations

import hashlib
import itertools
import random
import re
import tomllib
import unicodedata
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import msgspec

from palier.cases import Case, Suite
from palier.errors import InvalidRequest
from palier.evals.suites.suite_toml import CASES, read_toml, toml_value
from palier.text import detect, figures
from palier.types import Message

FILE = "perturbations.jsonl"

Words = list[tuple[str, bool]]
"""Pieces of a text in order, each with whether it may be changed."""


def perturb(suite: Suite, *, kinds: Sequence[str] = (), per_case: int = 1, seed: int = 7) -> list[Case]:
    """Up to `per_case` perturbations of each original case, of `kinds` (all where empty).

    They have the case's references, split and family, and `kind="perturbation"`; a text that a kind would leave as it
    is has none of it. Raises `InvalidRequest` for an unknown kind.
    """
    wanted = tuple(dict.fromkeys(kinds)) or KINDS
    if unknown := next((kind for kind in wanted if kind not in KINDS), None):
        raise InvalidRequest(f"there is no perturbation `{unknown}`", hint=f"one of {', '.join(KINDS)}", param="kinds")
    taken = {case.id for case in suite.cases if case.kind != "perturbation"}
    found = [
        made
        for case in suite.cases
        if case.kind == "original"
        for made in _of_case(case, suite, wanted, per_case, seed)
    ]
    if clash := next((case.id for case in found if case.id in taken), None):
        raise InvalidRequest(f"the id `{clash}` is that of another case", hint="give that case another id", param="id")
    return found


def _of_case(case: Case, suite: Suite, kinds: Sequence[str], per_case: int, seed: int) -> Iterator[Case]:
    text = case.question
    language = case.language or suite.language or detect(text)
    draw = _random(f"{seed}\n{case.id}")
    made = 0
    for kind in draw.sample(list(kinds), len(kinds)):
        if made == per_case:
            return
        chance = _random(f"{seed}\n{case.id}\n{kind}")
        changed = "".join(_CHANGES[kind](_pieces(text, _kept(case, suite)), chance, language))
        if changed == text or not changed.strip():
            continue
        made += 1
        yield msgspec.structs.replace(
            _asking(case, changed),
            id=f"{case.id}~{kind}",
            kind="perturbation",
            family=case.group,
            tags=(*case.tags, f"perturbation:{kind}"),
        )


def _random(named: str) -> random.Random:
    return random.Random(hashlib.sha256(named.encode("utf-8", "surrogatepass")).digest())  # noqa: S311  no secret


def _asking(case: Case, text: str) -> Case:
    """`case` with other words in its input, or in the last user turn."""
    if case.input:
        return msgspec.structs.replace(case, input=text)
    last = max(place for place, message in enumerate(case.messages) if message.role == "user")
    turn: Message = msgspec.structs.replace(case.messages[last], content=text)
    return msgspec.structs.replace(case, messages=(*case.messages[:last], turn, *case.messages[last + 1 :]))


# --- what stays --------------------------------------------------------------------------------------------------


def _kept(case: Case, suite: Suite) -> list[str]:
    """What must stand in the text as it is, where it does."""
    kept = list(case.must_contain)
    if suite.task == "extraction":
        kept += [value for reference in case.references for value in _values(msgspec.json.decode(reference))]
    return [text for text in kept if text.strip()]


def _values(tree: Any) -> Iterator[str]:
    if isinstance(tree, dict):
        for value in tree.values():
            yield from _values(value)
    elif isinstance(tree, list):
        for value in tree:
            yield from _values(value)
    elif isinstance(tree, str):
        yield tree


_WORD = re.compile(r"\S+")


def _pieces(text: str, kept: Sequence[str]) -> Words:
    """`text` cut into what may be changed and what may not."""
    shut = bytearray(len(text))
    spans = [match.span() for match in _WORD.finditer(text) if any(map(str.isdigit, match.group()))]
    spans += [match.span() for match in _WORD.finditer(text) if "@" in match.group() or "://" in match.group()]
    if unicodedata.is_normalized("NFC", text):  # else places of figures are not places of the text
        spans += [(f.start, f.start + len(f.text)) for f in figures(text) if any(map(str.isdigit, f.text))]
    for what in kept:
        spans += [match.span() for match in re.finditer(re.escape(what), text, re.IGNORECASE)]
    for start, end in spans:
        shut[start:end] = b"\1" * (end - start)
    pieces: Words = []
    start = 0
    for place in range(1, len(text) + 1):
        if place == len(text) or shut[place] != shut[start]:
            pieces.append((text[start:place], not shut[start]))
            start = place
    return pieces


# --- the kinds ---------------------------------------------------------------------------------------------------

_AZERTY = ("azertyuiop", "qsdfghjklm", "wxcvbn")
_QWERTY = ("qwertyuiop", "asdfghjkl", "zxcvbnm")
_LETTERS = re.compile(r"[^\W\d_]{4,}")
_TYPED_ON = 8
"""One slip about every so many words that are long enough."""


def _neighbours(rows: Sequence[str]) -> dict[str, str]:
    found: dict[str, str] = {}
    for row in rows:
        for left, right in itertools.pairwise(row):
            found[left] = found.get(left, "") + right
            found[right] = found.get(right, "") + left
    return found


_KEYS = {"fr": _neighbours(_AZERTY), "": _neighbours(_QWERTY)}


def _typos(pieces: Words, chance: random.Random, language: str) -> Iterator[str]:
    """A neighbouring key, two letters swapped, one left out or doubled; never the first of a word."""
    words = [(i, m.start(), m.end()) for i, (text, may) in enumerate(pieces) if may for m in _LETTERS.finditer(text)]
    slips = chance.sample(words, min(len(words), max(1, len(words) // _TYPED_ON)))
    keys = _KEYS.get(language, _KEYS[""])
    for place, (text, _) in enumerate(pieces):
        here = text
        for _, start, end in sorted((slip for slip in slips if slip[0] == place), reverse=True):
            here = here[:start] + _slipped(here[start:end], chance, keys) + here[end:]
        yield here


def _slipped(word: str, chance: random.Random, keys: dict[str, str]) -> str:
    at = chance.randrange(1, len(word) - 1)
    near = keys.get(word[at], "")
    made = {
        "swap": word[:at] + word[at + 1] + word[at] + word[at + 2 :],
        "drop": word[:at] + word[at + 1 :],
        "double": word[:at] + word[at] + word[at:],
        "near": word[:at] + chance.choice(near) + word[at + 1 :] if near else word,
    }
    told = [way for way in ("near", "swap", "drop", "double") if made[way] != word]
    return made[chance.choice(told)]


_ACCENTS = re.compile("[\u0300-\u036f]")


def _accents(pieces: Words, chance: random.Random, language: str) -> Iterator[str]:
    for text, may in pieces:
        plain = _ACCENTS.sub("", unicodedata.normalize("NFD", text))
        yield unicodedata.normalize("NFC", plain).replace("œ", "oe").replace("Œ", "OE") if may else text


def _case(pieces: Words, chance: random.Random, language: str) -> Iterator[str]:
    """All small letters, or all capitals."""
    up = chance.random() < 0.5
    lowered = [text.lower() if may else text for text, may in pieces]
    if not up and lowered != [text for text, _ in pieces]:
        yield from lowered
        return
    yield from (text.upper() if may else text for text, may in pieces)


_MARKS = re.compile(
    r"[ \u00a0\u202f]*[!?;:\u2026.,\u00ab\u00bb\u201c\u201d\"()]+(?=\s|$)|[\u00ab\u201c\"(][ \u00a0\u202f]*"
)


def _punctuation(pieces: Words, chance: random.Random, language: str) -> Iterator[str]:
    """Without marks; apostrophes and hyphens stay, which hold words together."""
    for text, may in pieces:
        yield _MARKS.sub("", text) if may else text


def _spacing(pieces: Words, chance: random.Random, language: str) -> Iterator[str]:
    """Some spaces doubled, one at least."""
    open_spaces = [(i, j) for i, (text, may) in enumerate(pieces) if may for j, c in enumerate(text) if c == " "]
    doubled = set(chance.sample(open_spaces, -(-len(open_spaces) // 3)))
    for i, (text, _) in enumerate(pieces):
        yield "".join("  " if (i, j) in doubled else c for j, c in enumerate(text))


_CHANGES: dict[str, Callable[[Words, random.Random, str], Iterator[str]]] = {
    "typos": _typos,
    "accents": _accents,
    "case": _case,
    "punctuation": _punctuation,
    "spacing": _spacing,
}
KINDS = tuple(_CHANGES)


# --- into the suite ----------------------------------------------------------------------------------------------

_ENTRY = re.compile(r"^cases[ \t]*=[ \t]*\[", re.MULTILINE)
_TABLE = re.compile(r"^[ \t]*\[", re.MULTILINE)


def entry(tree: dict[str, Any]) -> str:
    """What stands for the file in the list `cases`; its fields are palier's own, whatever `columns` says of others."""
    plain = not (tree.get("columns") or tree.get("values"))
    return toml_value(FILE) if plain else toml_value({"file": FILE, "columns": {}, "values": {}})


def with_entry(text: str, tree: dict[str, Any]) -> str | None:
    """The text of a suite.toml (`tree`, parsed) with the file in its `cases`, else as it was.

    None where that cannot be done by adding to one place.
    """
    added = entry(tree)
    if not isinstance(tree.get("cases", []), list):
        return None
    wanted = {**tree, "cases": [*tree.get("cases", [CASES]), tomllib.loads(f"x = {added}")["x"]]}
    table = _TABLE.search(text)
    head, rest = (text[: table.start()], text[table.start() :]) if table else (text, "")
    candidates = []
    if "cases" not in tree:
        gap = "" if not head or head.endswith("\n") else "\n"
        candidates.append(f"{head.rstrip()}\ncases = [{toml_value(CASES)}, {added}]\n{gap}\n{rest}")
    elif match := _ENTRY.search(text):
        for close in (m.start() for m in itertools.islice(re.finditer(r"\]", text[match.end() :]), 50)):
            inside = text[match.end() : match.end() + close].rstrip()
            comma = "" if inside.endswith(",") or not inside else ","
            space = " " if inside and "\n" not in inside else "\n    " if inside else ""
            end = text[match.end() + close :]
            candidates.append(f"{text[: match.end()]}{inside}{comma}{space}{added}{end}")
    for candidate in candidates:
        try:
            if tomllib.loads(candidate) == wanted:
                return candidate
        except tomllib.TOMLDecodeError:
            continue
    return None


def named_already(settings: Path) -> bool:
    """Whether the suite's `cases` name the file."""
    cases = read_toml(settings).get("cases", [])
    return any((item.get("file") if isinstance(item, dict) else item) == FILE for item in cases)
