"""A route that promises something, in miniature: its own head is sure of nothing, and a suite by which a better one can
be certified: most messages are clear, and of the others nobody below the top can tell."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path

import msgspec
from tests.heads import FILLERS, TOPICS
from tests.unit.app.test_gate import shuffled
from tests.unit.app.test_students import ROUTE, settings

from palier import Palier
from palier.cases import Case, Suite
from palier.config import Settings, label_source
from palier.routing import policy as policies
from palier.routing.calibrator import Calibrator, Feature
from palier.routing.policy import Guarantee, Policy, PolicyTier

RISK = 0.1
UNCLEAR = ("hello there", "good morning to you", "a question if I may", "it is me again")


def cases(dev: int = 200, holdout: int = 120) -> tuple[Case, ...]:
    """Every fifth is unclear. Each has a number of its own, so that none asks what another asks."""
    names, found = list(TOPICS), []
    for n in range(dev + holdout):
        name = names[n % 4]
        said = f"{TOPICS[name][n % 5]} {FILLERS[(n + 3) % 8]} {FILLERS[(n * 5) % 8]} please"
        text = f"{UNCLEAR[(n // 5) % 4] if n % 5 == 4 else said} {n + 1000}"
        split = "dev" if n < dev else "holdout"
        found.append(Case(id=f"c{n}", input=text, references=(name,), split=split))
    return tuple(found)


def suite(dev: int = 200, holdout: int = 120) -> Suite:
    return Suite(name="intents", task="classification", route=ROUTE, labels=tuple(TOPICS), cases=cases(dev, holdout))


def promising(folder: Path, **route: object) -> Settings:
    """The settings of a route with a policy, which keeps nothing; its last tier is always right."""
    (folder / "own.head").write_bytes(shuffled())
    rules = [{"match": case.input, "answer": case.references[0]} for case in cases(400)]
    (folder / "script.jsonl").write_text("".join(json.dumps(rule) + "\n" for rule in rules))
    plain = settings(folder)
    named = msgspec.structs.replace(plain.routes[ROUTE], audit=1.0, policy="own.policy.json", **route)
    declared = msgspec.structs.replace(plain, routes={ROUTE: named})
    (folder / "own.policy.json").write_bytes(policies.dump(asyncio.run(own_policy(declared))))
    return declared


async def own_policy(declared: Settings, risk: float = RISK) -> Policy:
    """For all that the route is made of now."""
    async with Palier.open(declared) as p:
        (status,) = await p.status()
    named = declared.routes[ROUTE]
    source = label_source(named) if named.label_source == "agreement" else named.label_source
    promise = Guarantee(
        target="kept",
        risk=risk,
        confidence=0.95,
        labels=300,
        certified=300,
        kept=1,
        observed=0.0,
        upper=risk,
        fitted="2026-11-25",
        label_source=source,
    )
    sure = Calibrator(features=(Feature(name="confidence", mean=0.0, scale=1.0, coefficient=1.0),), intercept=0.0)
    tiers = (PolicyTier(name="tier-1", threshold=0.99, calibrator=sure), PolicyTier(name="tier-2"))
    return Policy(tiers=tiers, guarantee=promise, fingerprint=status.fingerprint, route=ROUTE)
