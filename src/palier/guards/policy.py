"""Kind `policy`: what may not be said here. Rules in a TOML file, each with words, patterns or examples.

    [[rules]]
    name = "promises"
    reason = "it promises what only a contract may"
    words = ["nous vous garantissons", "we guarantee"]
    examples = ["Vous serez remboursé sans condition.", "You will get your money back whatever happens."]
    counter_examples = ["Voici comment demander un remboursement."]
    threshold = 0.7

A sentence breaks a rule where it holds one of its words or patterns, or where it is nearer than `threshold` (cosine of
sentence embeddings) to one of its examples, and nearer than to any counter-example. Of JSON the sentences are those
of what it says (`said`).
"""

from __future__ import annotations

import re
import tomllib
from pathlib import Path
from typing import NamedTuple

import msgspec
import numpy as np

from palier.config import Guard as Settings
from palier.errors import ConfigurationError
from palier.guards import backtracking
from palier.guards.failing import DEFAULTS, failing
from palier.guards.said import strings_of
from palier.guards.written import Written
from palier.interfaces import Encoder, Resources, Vectors
from palier.interfaces.guarding import Action, Context, Span, Verdict
from palier.text import tokens, windows

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
    rules = _checked(name, rules)
    return Policy(name, settings, rules, Written([(_phrases(rule), _patterns(name, rule)) for rule in rules]), encoder)


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


def _phrases(rule: Rule) -> list[str]:
    return [phrase for words in rule.words if (phrase := " ".join(tokens(words)))]


def _patterns(name: str, rule: Rule) -> list[re.Pattern[str]]:
    patterns, at = [], f"guard `{name}`, rule `{rule.name}`"
    for pattern in rule.patterns:
        try:
            compiled = re.compile(pattern)
        except (re.error, RecursionError, OverflowError) as error:
            shown = pattern if len(pattern) <= 80 else f"{pattern[:80]}…"
            raise ConfigurationError(f"{at}: `{shown}` is no regular expression: {error}") from None
        backtracking.check(compiled, at)
        patterns.append(compiled)
    return patterns


class _Near(NamedTuple):
    """Of the sentences of a text, how near the nearest is to an example of a rule, and those that break it."""

    highest: float
    places: dict[int, float]


class Policy:
    """`interfaces.Guard`. The score is the highest similarity to an example, 1 where words or patterns are there."""

    sentences = True

    def __init__(
        self, name: str, settings: Settings, rules: tuple[Rule, ...], written: Written, encoder: Encoder
    ) -> None:
        self.name = name
        self._settings = settings
        self._rules = rules
        self._written = written
        self._encoder = encoder
        self._examples: dict[int, tuple[Vectors, Vectors | None]] = {}
        self.shares = any(rule.examples for rule in rules)

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
        near = await self._near(said) if self.shares else {}
        written = await self._written.places(said)
        highest = max((one.highest for one in near.values()), default=0.0)
        broken: list[tuple[Rule, Span]] = []
        for place in sorted({*written, *(place for one in near.values() for place in one.places)}):
            start, end = spans[place]
            for number, rule in enumerate(self._rules):
                score = self._score(number, place, written, near)
                if score is not None:
                    broken.append((rule, Span(start=start, end=end, reason=rule.reason or rule.name, score=score)))
                    highest = max(highest, score)
        if not broken:
            return Verdict(score=round(highest, 4))
        action = max((self._action(rule, context) for rule, _ in broken), key=_STRICTNESS.index)
        reasons = dict.fromkeys(span.reason for _, span in broken)
        kept = () if whole != text else tuple(span for _, span in broken)
        return Verdict(action=action, score=round(highest, 4), reason="; ".join(reasons), spans=kept)

    def _score(self, number: int, place: int, written: dict[int, set[int]], near: dict[int, _Near]) -> float | None:
        """Of a rule in a sentence that breaks it."""
        if number in written.get(place, ()):
            return 1.0
        similarity = near[number].places.get(place) if number in near else None
        return None if similarity is None else round(similarity, 4)

    def _action(self, rule: Rule, context: Context) -> Action:
        return rule.action or self._settings.action or DEFAULTS[context.place]

    async def _near(self, said: list[str]) -> dict[int, _Near]:
        """Of each rule with examples, by its number."""
        if not self._examples:
            found: dict[int, tuple[Vectors, Vectors | None]] = {}
            for number, rule in enumerate(self._rules):
                if rule.examples:
                    counter = await self._encoder.encode(rule.counter_examples) if rule.counter_examples else None
                    found[number] = await self._encoder.encode(rule.examples), counter
            self._examples = found
        vectors = await self._encoder.encode(said)
        near: dict[int, _Near] = {}
        for number, (examples, counter) in self._examples.items():
            most = (vectors @ examples.T).max(axis=1).astype(np.float64)
            least = (vectors @ counter.T).max(axis=1).astype(np.float64) if counter is not None else -1.0
            breaks = np.flatnonzero((most >= self._rules[number].threshold) & (most > least)).tolist()
            most = most.clip(0.0, 1.0)  # a cosine is one only nearly
            near[number] = _Near(float(most.max()), {place: float(most[place]) for place in breaks})
        return near


_STRICTNESS: tuple[Action, ...] = ("pass", "mend", "climb", "refuse")
