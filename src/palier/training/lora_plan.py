"""How a student is taught: sized to the lessons and to the machine, and everything that its result depends on. Pure.

Two runs of one plan on one machine give the same weights, however often they were interrupted: what is taught in a step
depends on the seed and its number alone.
"""

from __future__ import annotations

import hashlib
import math
import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import msgspec
import numpy as np

from palier.types import Data

FORMAT = 1
TARGETS = ("q_proj", "k_proj", "v_proj", "o_proj", "gate_proj", "up_proj", "down_proj")
"""All projections of a layer: with all of them a low rank is enough (Dettmers et al., 2023, section 4)."""
BATCH = 8
"""Lessons of a step, on any machine; how many of them are worked on at once is the machine's."""
RATE = 1e-3
"""On SmolLM2-135M, after 8 steps of 4 lessons, loss on others is 9.97 -> 6.67 at 5e-4 and -> 3.49 at 2e-3; large models
want less (2e-4 for 7B: Dettmers et al., 2023).
"""
MOST_STEPS = 20_000
HELD_OUT = 32
"""Lessons that are not taught, to show the loss of at each checkpoint."""
_FROM = 40
"""Lessons from which on some are held out."""
_PASSES = (2.0, 10.0)
_SEEN = 1000
"""How often lessons are seen in all, where that is between two and ten passes over them."""
_LEAST_STEPS = 20


class Row(Data, frozen=True, array_like=True):
    """A lesson in tokens. Loss is on those of the answer, the last of which ends it."""

    prompt: tuple[int, ...]
    answer: tuple[int, ...]
    weight: float = 1.0
    held_out: bool = False


class Plan(Data, frozen=True, kw_only=True):
    """Everything that the result depends on but the machine."""

    palier_plan: int = FORMAT
    base: str
    base_sha256: str
    lessons: int
    lessons_sha256: str
    """Of the rows, as tokens."""
    seed: int = 0
    rank: int = 8
    alpha: float = 16.0
    targets: tuple[str, ...] = TARGETS
    steps: int = 100
    batch: int = BATCH
    length: int = 0
    """Tokens of the longest lesson."""
    rate: float = RATE
    """Of AdamW, reached over the first steps and falling to 0 on a line."""
    warm: int = 5
    """Steps over which the rate rises."""
    every: int = 10
    """Steps from checkpoint to checkpoint."""
    minutes: float = 0.0
    """How long it may take: fewer steps are made where they would take longer. 0: as long as they take."""

    @property
    def digest(self) -> str:
        """SHA-256 of the plan."""
        return hashlib.sha256(msgspec.json.encode(self)).hexdigest()


def difference(one: Plan, other: Plan) -> list[str]:
    """The names of the fields in which two plans differ."""
    return [name for name in Plan.__struct_fields__ if getattr(one, name) != getattr(other, name)]


def sized(rows: Sequence[Row], *, base: str, base_sha256: str, **said: Any) -> Plan:
    """The plan for `rows`; what is `said` stands, and the rest follows from their number.

    Few lessons are seen up to ten times, many twice; the rank grows once there is more to hold.
    """
    taught = sum(not row.held_out for row in rows)
    batch = min(int(said.get("batch") or BATCH), taught)
    passes = min(max(_SEEN / taught, _PASSES[0]), _PASSES[1])
    steps = min(max(math.ceil(taught * passes / batch), _LEAST_STEPS), MOST_STEPS)
    given = {name: value for name, value in said.items() if value}
    steps = int(given.get("steps", steps))
    rank = int(given.get("rank", 8 if taught < 2000 else 16))
    found: dict[str, Any] = {
        "steps": steps,
        "rank": rank,
        "alpha": 2.0 * rank,
        "batch": batch,
        "warm": max(1, min(steps // 10, 50)),
        "every": max(1, min(50, steps // 10)),
        **given,
        "length": max(len(row.prompt) + len(row.answer) for row in rows),
    }
    return Plan(base=base, base_sha256=base_sha256, lessons=len(rows), lessons_sha256=digest(rows), **found)


def held_out(rows: Sequence[Row]) -> tuple[Row, ...]:
    """`rows`, a tenth of them held out (32 at most) where none is and there are enough: by a hash of the prompt, so
    that what is asked twice stays on one side.
    """
    if len(rows) < _FROM or any(row.held_out for row in rows):
        return tuple(rows)
    prompts = sorted({row.prompt for row in rows}, key=lambda prompt: hashlib.sha256(repr(prompt).encode()).digest())
    chosen = set(prompts[: min(len(prompts) // 10, HELD_OUT)])
    return tuple(msgspec.structs.replace(row, held_out=row.prompt in chosen) for row in rows)


def digest(rows: Sequence[Row]) -> str:
    """SHA-256 of lessons as tokens."""
    return hashlib.sha256(msgspec.json.encode(rows)).hexdigest()


def order(count: int, seed: int, batch: int, step: int) -> list[int]:
    """Which of `count` lessons step number `step` (from 0) teaches: each once a pass, each pass in its own order."""
    first = step * batch
    found: list[int] = []
    while len(found) < batch:
        turn, place = divmod(first + len(found), count)
        shuffled = np.random.Generator(np.random.Philox(key=seed, counter=turn << 64)).permutation(count)
        found += shuffled[place : place + batch - len(found)].tolist()
    return found


def rate_at(plan: Plan, steps: int, step: int) -> float:
    """The rate of step number `step` (from 0) of `steps`."""
    rising = min(1.0, (step + 1) / plan.warm)
    falling = (steps - step) / max(steps - plan.warm, 1)
    return plan.rate * min(rising, falling, 1.0)


def at_once(plan: Plan, width: int, layers: int, free_bytes: int) -> int:
    """How many lessons of a step fit in half of `free_bytes` (float32): about 34 numbers of `width` a token and layer
    are kept for the way back (Korthikanti et al., 2022, equation 2, without the attention's own), and its scores.
    """
    row = plan.length * layers * (34 * width + 2 * plan.length * 9) * 4
    return min(max(free_bytes // 2 // row, 1), plan.batch)


def free_memory() -> int:
    """Bytes that may be used: what Linux says is available, else half of what there is."""
    try:
        for line in Path("/proc/meminfo").read_text(encoding="ascii").splitlines():
            if line.startswith("MemAvailable:"):
                return int(line.split()[1]) * 1024
    except (OSError, ValueError, IndexError):
        pass
    return os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") // 2
