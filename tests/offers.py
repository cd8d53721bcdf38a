"""A small benchmark that was run: enough of everything a report shows, and hostile where users' texts may be."""

from __future__ import annotations

import random
from collections.abc import Sequence

import msgspec
import numpy as np

from palier.cases import Case, Outcome, Published, Retrieved, Suite
from palier.evals.figures import Candidate, Run
from palier.interfaces.measuring import Floats, Metric
from palier.types import Label, Quantity, Usage


class Exact:
    """Whether the answer is a reference: (value, 1) of each case."""

    name = "exact"
    kind = "proportion"
    better = "higher"
    low, high = 0.0, 1.0

    def statistics(self, case: Case, outcome: Outcome) -> Sequence[float] | None:
        if not case.references:
            return None
        return (float(outcome.output.strip() in case.references), 1.0)

    def combine(self, sums: Floats) -> Floats:
        with np.errstate(all="ignore"):
            return np.asarray(sums[..., 0] / sums[..., 1])


class Length(Exact):
    """Characters of the answer; a mean without an end."""

    name = "length"
    kind = "mean"
    better = "lower"
    low, high = 0.0, float("inf")

    def statistics(self, case: Case, outcome: Outcome) -> Sequence[float] | None:
        return (float(len(outcome.output)), 1.0)


METRICS: tuple[Metric, ...] = (Exact(), Length())  # type: ignore[assignment]

HOSTILE = (
    "<script>alert(1)</script>",
    "</script><img src=x onerror=alert(1)>",
    "\u202egnp.exe \x1b[31mred\x1b[0m \u2066x",
    "lone \ud800 surrogate",
    "--> <!-- ]]> &amp; \"quoted\" 'single' `code` | pipe @someone",
    "https://evil.example/track.png javascript:alert(1) ![x](http://evil.example/x.png)",
)


def cases(n: int = 60) -> tuple[Case, ...]:
    found = []
    for i in range(n):
        language = "fr" if i % 3 else "en"
        found.append(
            Case(
                id=f"case-{i:03}",
                input=f"Combien coûte l'offre numéro {i} ?" if language == "fr" else f"What does offer {i} cost?",
                references=(f"The offer costs {i}.99 euros a month",),
                split="holdout" if i % 4 == 0 else "dev",
                family=f"f{i // 2}",
                kind="paraphrase" if i % 2 else "original",
                language=language,
                tags=("prices", "mobile" if i % 2 else "fibre"),
            )
        )
    return tuple(found)


def outcome(case: Case, candidate: str, right: bool, rng: random.Random, *, price: float, ms: float) -> Outcome:
    wrong = case.references[0].replace(".99", ".49").replace("costs", "should cost about")
    return Outcome(
        id=case.id,
        candidate=candidate,
        output=case.references[0] if right else wrong,
        tier="tier-2" if candidate == "cascade" and rng.random() < 0.3 else "tier-1",
        model="small",
        confidence=round(min(max(0.8 * right + 0.3 * rng.random(), 0.02), 0.99), 3),
        decision="kept: above its threshold",
        retrieved=(Retrieved(document="offers/fibre.md", cited=True, text="The offer costs that much."),),
        label=Label.CONFIDENTIAL,
        usage=Usage(prompt=400, completion=20),
        cost=Quantity(value=price, low=price, high=price, basis="measured", method="tokens counted, declared price"),
        energy=Quantity(value=0.02, low=0.0, high=0.02, basis="estimated", method="declared power x busy time"),
        carbon=Quantity(
            value=0.001, low=0.0, high=0.001, basis="estimated", method="declared power x busy time, zone FR"
        ),
        latency_ms=ms * (0.5 + rng.random()),
        first_ms=ms * 0.2,
        concurrency=4,
        created=1_790_000_000.0,
    )


SHARES = {"tier-1": (0.55, 0.00002, 300.0), "tier-2": (0.9, 0.002, 1400.0), "cascade": (0.88, 0.0007, 600.0)}


def run(
    n: int = 60, *, seed: int = 1, shares: dict[str, tuple[float, float, float]] = SHARES, hostile: bool = False
) -> Run:
    """Three that ran, one simulated, one published; with `hostile`, texts that must be inert everywhere."""
    rng = random.Random(seed)
    asked = cases(n)
    if hostile:
        asked = tuple(
            msgspec.structs.replace(c, input=HOSTILE[i % len(HOSTILE)], tags=(HOSTILE[i % 3],))
            for i, c in enumerate(asked)
        )
    outcomes: dict[str, dict[str, Outcome]] = {}
    described = []
    for place, (name, (share, price, ms)) in enumerate({**shares, "big": (0.95, 0.01, 2500.0)}.items()):
        found = {}
        for i, case in enumerate(asked):
            one = outcome(case, name, rng.random() < share, rng, price=price, ms=ms)
            if i % 23 == 7 + place:
                one = msgspec.structs.replace(
                    one,
                    status="failed",
                    output="",
                    error="upstream_timeout: no first token",
                    cost=Quantity(value=0.0, low=0.0, high=0.0, basis="measured", method="nothing was generated"),
                )
            elif i % 19 == 3 + place:
                one = msgspec.structs.replace(one, status="abstained", output="", said="I do not know.")
            elif hostile and i % 2:
                one = msgspec.structs.replace(one, output=HOSTILE[i % len(HOSTILE)])
            found[case.id] = one
        outcomes[name] = found
        described.append(
            Candidate(
                name=name,
                kind="cascade" if name == "cascade" else "tier",
                models=("small", "large") if name == "cascade" else ("small",),
                parameters=(135_000_000, 7_000_000_000, 7_000_000_000, 70_000_000_000)[place],
                licence="apache-2.0",
                languages=("fr", "en"),
                on_premises=name != "big",
                simulated=name == "big",
            )
        )
    described.append(
        Candidate(
            name="leaderboard",
            kind="published",
            published=Published(quality=0.8558, cost=0.00333, cases=5000, source="a paper, table 2"),
        )
    )
    suite = Suite(name="offers", version="3", title="Questions about offers", digest="0123456789abcdef", cases=asked)
    return Run(
        suite=suite,
        cases=asked,
        candidates=tuple(described),
        outcomes=outcomes,
        machine={"cpu": "2 cores", "memory": "8 GB"},
        command="palier bench offers",
        created=1_790_000_000.0,
        collections={"kb": "12 documents, 1a2b3c"},
    )
