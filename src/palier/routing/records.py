"""Records: what every tier said to a question, how right it was and what it cost. What policies are fitted on.

A line of JSON each (docs/reference/jsonl.md). `read` is strict: a bound rests on every line.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterable, Sequence
from typing import Literal

import msgspec

from palier.errors import InvalidRequest
from palier.types import Data, Features

Sampled = Literal["audit", "suite"] | bool | None


class TierRecord(Data, frozen=True, kw_only=True):
    """One tier on one question. `correct` or `score` (in [0, 1]) judges its answer as it would be served.

    No `features`: there was nothing to judge by, and it is never kept. `skipped`: it could not honour the question, or
    might not receive it; then nothing else is needed.
    """

    name: str
    features: Features = msgspec.field(default_factory=dict)
    correct: bool | None = None
    score: float | None = None
    cost: float | None = None
    latency_ms: float | None = None
    energy_wh: float | None = None
    skipped: bool = False

    @property
    def loss(self) -> float | None:
        """0 (right) to 1 (wrong); None where nobody judged it."""
        if self.correct is not None:
            return 0.0 if self.correct else 1.0
        return None if self.score is None else 1.0 - self.score


class Record(Data, frozen=True, kw_only=True):
    """One question on every tier, lowest first.

    `sampled` says how it came to be judged: drawn for `audit` before any decision (or true), part of a `suite` (or
    not said), or false: traffic that nobody drew, on which no bound can rest. `label_source` names who judged.
    `fingerprint` is that of the route when it was recorded.
    """

    id: str
    tiers: tuple[TierRecord, ...]
    segment: str = ""
    text: str | None = None
    sampled: Sampled = None
    label_source: str = ""
    fingerprint: str = ""

    @property
    def drawn(self) -> bool:
        """Whether a bound may rest on it."""
        return self.sampled is not False

    @property
    def named(self) -> tuple[str, ...]:
        """The names of its tiers."""
        return tuple(tier.name for tier in self.tiers)


_FIELDS = {
    "": frozenset(Record.__struct_fields__),
    "tiers": frozenset(TierRecord.__struct_fields__),
}
_decoder = msgspec.json.Decoder(Record)


def parse(line: bytes | str, number: int) -> Record:
    """One line. Raises `InvalidRequest` naming the line and the field."""
    try:
        record = _decoder.decode(line)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as error:
        raise InvalidRequest(f"line {number}: {_explain(error)}") from None
    if not record.tiers:
        raise InvalidRequest(f"line {number}: `tiers` is empty", param="tiers")
    if repeated := [name for name, count in Counter(record.named).items() if count > 1]:
        raise InvalidRequest(f"line {number}: two tiers are named `{repeated[0]}`", param="tiers")
    for tier in record.tiers:
        _check_numbers(tier, number)
    return record


def _explain(error: Exception) -> str:
    return str(error).replace(" - at `$.", ": `").replace("[...]", "")


def _check_numbers(tier: TierRecord, number: int) -> None:
    """JSON has no NaN, but 1e999 is read as infinite."""
    where = f"line {number}, tier `{tier.name}`"
    if tier.score is not None and tier.correct is not None:
        raise InvalidRequest(f"{where}: `correct` and `score` say the same thing twice; give one", param="score")
    if tier.score is not None and not 0.0 <= tier.score <= 1.0:
        raise InvalidRequest(f"{where}: `score` is {tier.score}, and must be in [0, 1]", param="score")
    for name in ("cost", "latency_ms", "energy_wh"):
        value = getattr(tier, name)
        if value is not None and not (math.isfinite(value) and value >= 0):
            raise InvalidRequest(f"{where}: `{name}` is {value}, and must be a number from 0", param=name)
    for name, value in tier.features.items():
        if not math.isfinite(value):
            raise InvalidRequest(f"{where}: feature `{name}` is {value}", param="features")


def check_together(records: Sequence[Record]) -> None:
    """That they are one set: distinct ids, the same tiers in one order. Raises `InvalidRequest`."""
    if not records:
        raise InvalidRequest("there are no records", hint="one JSON line a question; see docs/reference/jsonl.md")
    names = records[0].named
    seen: set[str] = set()
    for number, record in enumerate(records, 1):
        if record.id in seen:
            raise InvalidRequest(
                f"record {number}: id `{record.id}` comes twice",
                hint="a question counts once: every record has an id of its own",
                param="id",
            )
        seen.add(record.id)
        if record.named != names:
            raise InvalidRequest(
                f"record {number} (`{record.id}`) has the tiers {', '.join(record.named)}; the first has"
                f" {', '.join(names)}",
                hint="every record names the same tiers in the same order; one that was not asked is `skipped`",
                param="tiers",
            )


def unknown_fields(lines: Iterable[bytes | str]) -> dict[str, int]:
    """Fields that no reader knows, with how many lines have them: reducers report them."""
    found: Counter[str] = Counter()
    for line in lines:
        tree = msgspec.json.decode(line)
        found.update(name for name in tree if name not in _FIELDS[""])
        for tier in tree.get("tiers", ()):
            found.update(f"tiers.{name}" for name in tier if name not in _FIELDS["tiers"])
    return dict(found)
