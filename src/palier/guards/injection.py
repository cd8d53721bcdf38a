"""Kind `injection`: is somebody giving orders here who should not? In a message, or planted in a passage.

A message does not pass where a sentence of it turns the assistant against its rules (override, persona, leak of the
prompt, false authority, codes) or asks for help with plain harm. A passage, or what a tool returned, is data: there, a
sentence that gives a task to whoever answers does not pass either, harmless as it may be, and is left out (`mend`).

Each sentence is read by itself, undisguised (`disguise`), by a small head on signs (`signs`) that lets most of a clean
text through, then by one on its embedding and signs and on products of them. Both come with palier, fitted by
benchmarks/fit_injection.py to texts of the project and licensed parts of public sets, and measured on families of
attacks that were left out by benchmarks/injection.py. A score of 0.5 is the default limit.

Of a text, the first `disguise.MAX_CHARACTERS` are read. Of a longer one in which nothing is found, it cannot say: it
fails.
"""

from __future__ import annotations

import re
from bisect import bisect_left
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import msgspec
import numpy as np
from numpy.typing import NDArray

from palier.config import Guard as Settings
from palier.errors import ConfigurationError, InvalidRequest
from palier.guards import disguise, signs
from palier.guards.disguise import Reading
from palier.guards.failing import DEFAULTS, failing
from palier.guards.written import Turns
from palier.heads import file as head_file
from palier.heads.file import Head
from palier.interfaces import Encoder, Resources
from palier.interfaces.guarding import Context, Span, Verdict
from palier.text.sentences import LONGEST
from palier.types import GuardPlace

FITTED = Path(__file__).parent / "fitted"
THRESHOLD = 0.5
_ALWAYS = {"direct": 2, "indirect": 1}
"""So many sentences of a text, the most suspicious ones, are looked at closely whatever the first head says; of one of
more than `_SHORT`, one."""
_LET_THROUGH = 0.2
"""By which the first head's probability is multiplied where it lets a sentence through: below any limit in use."""
_SHORT = 6
"""Readings of a message that is also read as a whole."""
_REASONS = {
    "attack": "it turns the assistant against its rules",
    "harm": "it asks for help with harm",
    "planted": "a passage gives orders",
}
_FENCE = re.compile(r"\s*```.*?(?:```|\Z)", re.DOTALL)
_BLANK = re.compile(r"[ \t]{2,}|\n{3,}")

Side = Literal["direct", "indirect"]


def build(name: str, settings: Settings, resources: Resources) -> Injection:
    """An `Injection` from `[guards.NAME]`.

    Raises `ConfigurationError`: the weights are not there, or were fitted with another encoder or other signs.
    """
    if settings.file:
        raise ConfigurationError(
            f"guard `{name}`: `injection` takes no `file`", hint="leave it out: its weights come with palier"
        )
    expected = f"{resources.encoder.name}+{signs.name()}"
    sides = {}
    for side in ("direct", "indirect"):
        heads = [_loaded(FITTED / f"{side}{part}.head") for part in ("_first", "")]
        for head, wanted in zip(heads, (signs.name(), expected), strict=True):
            if head.header.encoder != wanted:
                raise ConfigurationError(
                    f"guard `{name}` was fitted with {head.header.encoder}, and here is {wanted}",
                    hint="use the built-in encoder, or fit it again: python -m benchmarks.fit_injection",
                )
        sides[side] = _Heads(heads[0], heads[1])
    return Injection(name, settings, sides, resources.encoder)


def read(text: str, place: GuardPlace) -> list[Reading]:
    """What is looked at: each sentence, and a short message as a whole too, for what is only said by several."""
    found = disguise.readings(text)
    if place == "input" and 2 <= len(found) <= _SHORT and len(text.strip()) <= LONGEST:
        start = len(text) - len(text.lstrip())
        found.append(Reading(disguise.cleaned(text.strip())[0], start, start + len(text.strip())))
    return found


def _groups(text: str, place: GuardPlace) -> Iterable[list[Reading]]:
    """`read`, some at a time where it is long."""
    return disguise.groups(text) if len(text) > LONGEST else iter([read(text, place)])


class _Heads:
    """The one that lets most through, and the one that says what it is."""

    def __init__(self, first: Head, second: Head) -> None:
        weights, bias = first.arrays["embedding"], first.arrays["bias"]
        self._first = signs.Scorer((weights[:, 1] - weights[:, 0]) / first.header.temperature)
        self._bias = float(bias[1] - bias[0]) / first.header.temperature
        self.second = second

    def suspicion(self, there: NDArray[np.bool_]) -> NDArray[np.float64]:
        """(n,), the probability that it is worth a close look; `there`: the signs that are present (n, signs)."""
        odds = self._first(there).astype(np.float64) + self._bias
        result: NDArray[np.float64] = 1 / (1 + np.exp(-odds))
        return result

    def kinds(self, vectors: NDArray[np.float32]) -> dict[str, NDArray[np.float64]]:
        """(n,) of each bad label: its probability against the harmless ones."""
        labels = self.second.header.labels
        linear = self.second.linear([""] * len(vectors), vectors).astype(np.float64)
        rest = np.logaddexp.reduce([linear[:, n] for n, label in enumerate(labels) if label in ("plain", "task")])
        if "harm" in labels:
            bad = {label: linear[:, labels.index(label)] - rest for label in ("attack", "harm")}
        else:  # in a passage, any order is one too many
            orders = np.logaddexp(linear[:, labels.index("attack")], linear[:, labels.index("task")])
            bad = {"planted": orders - linear[:, labels.index("plain")]}
        return {label: 1 / (1 + np.exp(-np.clip(odds, -30, 30))) for label, odds in bad.items()}


def _loaded(path: Path) -> Head:
    try:
        return head_file.load(path)
    except ConfigurationError as error:
        raise ConfigurationError(error.message, hint="they come with palier: install it again") from None


@dataclass(frozen=True, slots=True)
class _Found:
    """A sentence that does not pass."""

    reading: Reading
    kind: str
    score: float


class Injection:
    """`interfaces.Guard`. The score is that of the worst sentence, in [0, 1]; 0 for a text without any.

    Of a text that is not mended, nothing is read after the first sentences that do not pass; where it is mended, what
    follows what is read is not passed on.
    """

    sentences = True
    shares = True

    def __init__(self, name: str, settings: Settings, sides: dict[str, _Heads], encoder: Encoder) -> None:
        self.name = name
        self._settings = settings
        self._sides = sides
        self._encoder = encoder
        self.threshold = settings.threshold if settings.threshold is not None else THRESHOLD

    async def check(self, text: str, context: Context) -> Verdict:
        """See `interfaces.Guard`. Spans are the sentences that do not pass, in the text as it was given.

        Raises `InvalidRequest`: nothing is found, and not all of it was read.
        """
        side: Side = "indirect" if context.place == "evidence" else "direct"
        mends = (self._settings.action or DEFAULTS[context.place]) == "mend"
        worst, found, turns = 0.0, list[_Found](), Turns()
        for some in _groups(text, context.place):
            if turns.over:
                await turns.give()
            if some:
                score, bad = await self._judged(some, side)
                worst = max(worst, score)
                found += bad
            if found and not mends:
                break
        longer = len(text) > disguise.MAX_CHARACTERS
        if not found:
            if longer:
                raise InvalidRequest(
                    f"it has more than {disguise.MAX_CHARACTERS} characters, and what follows those is not read",
                    hint="look at parts of it, each by itself",
                )
            return Verdict(score=worst)
        spans = _spans(text, found)
        kinds = dict.fromkeys(one.kind for one in sorted(found, key=lambda one: -one.score))
        reason = "; ".join(_REASONS[kind] for kind in kinds)
        if mends and longer:
            reason += f"; what follows its first {disguise.MAX_CHARACTERS} characters is left out, unread"
        verdict = failing(self._settings, context, reason, score=worst, spans=spans)
        return msgspec.structs.replace(verdict, text=_without(text, spans)) if verdict.action == "mend" else verdict

    async def _judged(self, readings: Sequence[Reading], side: Side) -> tuple[float, list[_Found]]:
        """The score of the worst, and those that do not pass."""
        heads = self._sides[side]
        there = signs.present([reading.text for reading in readings])
        suspicion = heads.suspicion(there)
        close = set(np.flatnonzero(suspicion >= 0.5).tolist())
        close |= set(
            np.argsort(-suspicion, kind="stable")[: _ALWAYS[side] if len(readings) <= _SHORT + 1 else 1].tolist()
        )
        looked = sorted(close)
        rows = {text: row for row, text in enumerate(dict.fromkeys(readings[n].text for n in looked))}
        vectors = (await self._encoder.encode(list(rows)))[[rows[readings[n].text] for n in looked]]
        kinds = heads.kinds(np.concatenate([vectors, signs.pairs(there[looked])], axis=1))
        worst = max((_LET_THROUGH * float(s) for n, s in enumerate(suspicion) if n not in close), default=0.0)
        found = []
        for place, number in enumerate(looked):
            kind, score = max(((k, float(p[place])) for k, p in kinds.items()), key=lambda pair: pair[1])
            worst = max(worst, score)
            if score >= self.threshold:
                found.append(_Found(readings[number], kind, round(score, 4)))
        return round(worst, 4), found


def _spans(text: str, found: Sequence[_Found]) -> tuple[Span, ...]:
    """In order, each stretch once; a block of code that an order announces belongs to it.

    A message as a whole, and a sentence of which a line is found, are none where a part of them is.
    """
    spans: list[Span] = []
    for one in _narrow(found):
        start, end = one.reading.start, one.reading.end
        if text[start:end].rstrip().endswith(":") and (fence := _FENCE.match(text, end)):
            end = fence.end()
        if spans and start < spans[-1].end:
            last = spans[-1]
            worse = max(last.score or 0.0, one.score)
            spans[-1] = msgspec.structs.replace(last, end=max(last.end, end), score=worse)
            continue
        spans.append(Span(start=start, end=end, reason=_REASONS[one.kind], score=one.score))
    return tuple(spans)


def _narrow(found: Iterable[_Found]) -> Iterator[_Found]:
    """Those of which no part is found too, in order: each is laid beside those that begin in it."""
    stretches = sorted({(one.reading.start, one.reading.end) for one in found})
    for one in sorted(found, key=lambda one: (one.reading.start, -one.reading.end)):
        whole = one.reading.start, one.reading.end
        inside = stretches[bisect_left(stretches, (whole[0], 0)) : bisect_left(stretches, (whole[1], 0))]
        if not any(part != whole and part[1] <= whole[1] for part in inside):
            yield one


def _without(text: str, spans: Sequence[Span]) -> str:
    """What was read of the text, its spans left out; nothing where nothing is left but marks."""
    text, kept, at = text[: disguise.MAX_CHARACTERS], [], 0
    for span in spans:
        kept.append(text[at : span.start])
        at = span.end
    rest = _BLANK.sub(lambda match: match.group()[:2].strip(" \t") or " ", " ".join([*kept, text[at:]])).strip()
    return rest if any(character.isalnum() for character in rest) else ""
