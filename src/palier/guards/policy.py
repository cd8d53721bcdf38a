"""Kind `policy`: what may not be said here. Rules in a TOML file, each with words, patterns or examples.

    [[rules]]
    name = "promises"
    reason = "it promises what only a contract may"
    words = ["nous vous garantissons", "we guarantee"]
    examples = ["Vous serez remboursé sans condition.", "You will get your money back whatever happens."]
    counter_examples = ["Voici comment demander un remboursement."]
    threshold = 0.7

A sentence breaks a rule where it holds one of its words or patterns, or where it is nearer than `threshold` (cosine of
sentence embeddings) to one of its examples, and nearer than to any counter-example.
"""

from __future__ import annotations

import re
import tomllib
import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import NamedTuple

import msgspec
import numpy as np

from palier.config import Guard as Settings
from palier.errors import ConfigurationError
from palier.guards.failing import DEFAULTS, failing
from palier.guards.literals import needed, plainly
from palier.guards.said import strings_of
from palier.interfaces import Encoder, Resources, Vectors
from palier.interfaces.guarding import Action, Context, Span, Verdict
from palier.text import fold, tokens, windows

MAX_RULES, MAX_EXAMPLES, MAX_SENTENCES = 100, 2_000, 2_000
MOST = 200_000
"""Characters of a text that is looked at; a longer one does not pass."""


class Rule(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """One `[[rules]]`."""

    name: str
    reason: str = ""
    action: Action | None = None
    """Instead of the guard's."""
    words: tuple[str, ...] = ()
    patterns: tuple[str, ...] = ()
    examples: tuple[str, ...] = ()
    counter_examples: tuple[str, ...] = ()
    threshold: float = 0.7


class _File(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    rules: tuple[Rule, ...]


@dataclass(frozen=True, slots=True)
class _Ready:
    """A rule as it is looked for."""

    rule: Rule
    phrases: tuple[str, ...]
    """Each between spaces."""
    patterns: tuple[_Pattern, ...]


class _Pattern(NamedTuple):
    """A regular expression, and what a text must hold one of for it to match (`literals`); none: nothing is known."""

    search: re.Pattern[str]
    needed: frozenset[str]


def build(name: str, settings: Settings, resources: Resources) -> Policy:
    """A `Policy` from `[guards.NAME]`. Raises `ConfigurationError` naming the rule that is wrong."""
    if not settings.file:
        raise ConfigurationError(f"guard `{name}` has no `file`", hint="a TOML file of [[rules]]")
    return made(name, settings, load(name, resources.resolve(settings.file)), resources.encoder)


def load(name: str, path: Path) -> tuple[Rule, ...]:
    """The rules of a file of the guard `name`. Raises `ConfigurationError`."""
    try:
        return read(name, path.read_text("utf-8"), f"{path}: ")
    except OSError as error:
        raise ConfigurationError(f"guard `{name}`: {path} cannot be read: {error.strerror}") from None
    except UnicodeDecodeError as error:
        raise ConfigurationError(f"guard `{name}`: {path}: {error}") from None


def read(name: str, text: str, where: str = "") -> tuple[Rule, ...]:
    """The rules of a TOML text. Raises `ConfigurationError`."""
    try:
        return msgspec.convert(tomllib.loads(text), _File).rules
    except (ValueError, msgspec.ValidationError) as error:
        raise ConfigurationError(f"guard `{name}`: {where}{error}") from None


def made(name: str, settings: Settings, rules: tuple[Rule, ...], encoder: Encoder) -> Policy:
    """The guard of these rules. Raises `ConfigurationError` naming the one that is wrong."""
    return Policy(name, settings, [_ready(name, rule) for rule in _checked(name, rules)], encoder)


def _checked(name: str, rules: tuple[Rule, ...]) -> tuple[Rule, ...]:
    if not 0 < len(rules) <= MAX_RULES:
        raise ConfigurationError(f"guard `{name}` has {len(rules)} rules", hint=f"1 to {MAX_RULES}")
    for rule in rules:
        at = f"guard `{name}`, rule `{rule.name}`"
        if not (rule.words or rule.patterns or rule.examples):
            raise ConfigurationError(f"{at} has neither words nor patterns nor examples", hint="it would find nothing")
        if not 0 < rule.threshold <= 1:
            raise ConfigurationError(f"{at}: threshold {rule.threshold:g} is not in (0, 1]")
        if len(rule.examples) + len(rule.counter_examples) > MAX_EXAMPLES:
            raise ConfigurationError(f"{at} has more than {MAX_EXAMPLES} examples")
    return rules


def _ready(name: str, rule: Rule) -> _Ready:
    patterns = []
    for pattern in rule.patterns:
        try:
            patterns.append(_Pattern(re.compile(pattern), needed(pattern)))
        except (re.error, RecursionError, OverflowError) as error:
            shown = pattern if len(pattern) <= 80 else f"{pattern[:80]}…"
            at = f"guard `{name}`, rule `{rule.name}`"
            raise ConfigurationError(f"{at}: `{shown}` is no regular expression: {error}") from None
    phrases = (" ".join(tokens(words)) for words in rule.words)
    return _Ready(rule, tuple(f" {phrase} " for phrase in phrases if phrase), tuple(patterns))


class Policy:
    """`interfaces.Guard`. The score is the highest similarity to an example, 1 where words or patterns are there."""

    sentences = True

    def __init__(self, name: str, settings: Settings, rules: list[_Ready], encoder: Encoder) -> None:
        self.name = name
        self._settings = settings
        self._rules = rules
        self._encoder = encoder
        self._embeds = any(ready.rule.examples for ready in rules)
        self._examples: dict[str, tuple[Vectors, Vectors | None]] = {}

    async def check(self, text: str, context: Context) -> Verdict:
        """See `interfaces.Guard`. The strictest action of the rules that are broken counts."""
        if len(text) > MOST:
            return failing(self._settings, context, f"it has more than {MOST} characters", score=1.0)
        whole, text = text, strings_of(text) or text
        spans = windows(text)
        if len(spans) > MAX_SENTENCES:
            return failing(self._settings, context, f"it has more than {MAX_SENTENCES} sentences", score=1.0)
        said = [text[start:end] for start, end in spans]
        if not said:
            return Verdict(score=0.0)
        near = await self._near(said) if self._embeds else {}
        reads = [_read(sentence) for sentence in said]
        there = plainly("\n".join(reading for read in reads for reading in read.readings))
        patterns = [
            [one.search for one in ready.patterns if not one.needed or any(part in there for part in one.needed)]
            for ready in self._rules
        ]
        broken: list[tuple[_Ready, Span]] = []
        highest = 0.0
        for place, (read, (start, end)) in enumerate(zip(reads, spans, strict=True)):
            for ready, searches in zip(self._rules, patterns, strict=True):
                similarity, counter = near.get(ready.rule.name, {}).get(place, (0.0, -1.0))
                written = _written(ready.phrases, searches, read)
                highest = max(highest, 1.0 if written else similarity)
                if written or (similarity >= ready.rule.threshold and similarity > counter):
                    reason = ready.rule.reason or ready.rule.name
                    score = 1.0 if written else round(similarity, 4)
                    broken.append((ready, Span(start=start, end=end, reason=reason, score=score)))
        if not broken:
            return Verdict(score=round(highest, 4))
        action = max((self._action(ready.rule, context) for ready, _ in broken), key=_STRICTNESS.index)
        reasons = dict.fromkeys(span.reason for _, span in broken)
        kept = () if whole != text else tuple(span for _, span in broken)
        return Verdict(action=action, score=round(highest, 4), reason="; ".join(reasons), spans=kept)

    def _action(self, rule: Rule, context: Context) -> Action:
        return rule.action or self._settings.action or DEFAULTS[context.place]

    async def _near(self, said: list[str]) -> dict[str, dict[int, tuple[float, float]]]:
        """Of each rule with examples, for each sentence: how near its nearest example is, and counter-example."""
        if not self._examples:
            found: dict[str, tuple[Vectors, Vectors | None]] = {}
            for ready in self._rules:
                if ready.rule.examples:
                    against = ready.rule.counter_examples
                    counter = await self._encoder.encode(against) if against else None
                    found[ready.rule.name] = await self._encoder.encode(ready.rule.examples), counter
            self._examples = found
        vectors = await self._encoder.encode(said)
        near: dict[str, dict[int, tuple[float, float]]] = {}
        for name, (examples, counter) in self._examples.items():
            most = (vectors @ examples.T).max(axis=1)
            least = (vectors @ counter.T).max(axis=1) if counter is not None else np.full(len(said), -1.0)
            near[name] = {n: (float(a), float(b)) for n, (a, b) in enumerate(zip(most, least, strict=True))}
        return near


_STRICTNESS: tuple[Action, ...] = ("pass", "mend", "climb", "refuse")


class _Read(NamedTuple):
    """A sentence as rules read it."""

    words: str
    """Its words, folded, each between spaces."""
    readings: tuple[str, ...]
    """As it stands; in other spaces, without signs of no width nor emphasis; and that without accents."""


@lru_cache(maxsize=512)
def _read(sentence: str) -> _Read:
    """Remembered: several guards of a place read the same text."""
    plain = _plain(sentence)
    return _Read(f" {' '.join(tokens(plain))} ", tuple(dict.fromkeys((sentence, plain, fold(plain)))))


def _written(phrases: Sequence[str], patterns: Sequence[re.Pattern[str]], read: _Read) -> bool:
    """Whether it holds one of these words or patterns, in any of its readings."""
    if any(phrase in read.words for phrase in phrases):
        return True
    return any(pattern.search(reading) for pattern in patterns for reading in read.readings)


def _plain(text: str) -> str:
    """As it is read: compatibility forms made one (NFKC), without what has no width or marks emphasis, one space."""
    seen = text
    if not text.isascii():
        seen = unicodedata.normalize("NFKC", text)
        if not seen.isprintable():  # what has no width is not; neither is a line's end
            seen = "".join(c for c in seen if c.isascii() or unicodedata.category(c) != "Cf")
    return " ".join(_EMPHASIS.sub("", seen).split())


_EMPHASIS = re.compile(r"[*_~`]+")
