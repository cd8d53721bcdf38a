"""What was taught and measured at the sample company: two versions of a student, and two reports of a benchmark."""

from __future__ import annotations

import hashlib
import time
from pathlib import Path

import msgspec
from tests import offers
from tests.heads import FILLERS, TOPICS, embed, taught
from tests.serving import Served

from palier.evals.figures import Estimate
from palier.evals.reports import report as reports
from palier.stores.versions import SqliteVersions
from palier.training import heads
from palier.training.examples import Example, gathered
from palier.training.promote import Check, Ruling, Terms
from palier.types import Label
from palier.versions import Version

ROUTE, OWN, OTHER = "desk", "terminate my contract", "say goodbye"
QUESTION = "cancel my fibre the box number 3"
DAY_S = 86_400.0
LIVE, SHADOW = "head-20261120a-7a22330929ac", "head-20261121b-7a22330929ad"
BETTER = {**offers.SHARES, "cascade": (0.93, 0.0007, 600.0)}


def prepare(folder: Path) -> Path:
    """Put what the settings name into `folder`."""
    (folder / "own.head").write_bytes(taught(("ngrams",)).content)
    return folder


def teach(gateway: Served) -> tuple[Version, Version]:
    """A version that answers on the desk, and one that answers beside it."""
    made = tuple(_version(n) for n in (1, 2))
    gateway.run(_keep(gateway, made[:1]))
    gateway.run(gateway.palier.students.promote_shadow(made[0].id, who="chloe"))
    gateway.run(_keep(gateway, made[1:]))
    return made  # type: ignore[return-value]


def spend(gateway: Served) -> None:
    """What the desk has taken of its budget."""
    budget = gateway.palier.budgets.of(ROUTE)
    assert budget is not None
    budget.add(budget.now(), "cost", 41.3, 3)


def measure(gateway: Served) -> None:
    """Two reports of a suite, a week apart."""
    folder = gateway.palier.settings.folder / "bench" / "reports"
    runs = {"offers-1": offers.run(240), "offers-2": offers.run(240, shares=BETTER)}
    for n, (name, run) in enumerate(runs.items()):
        run = msgspec.structs.replace(run, created=time.time() - (2 - n) * 7 * DAY_S)
        reports.write(reports.assemble(run, offers.METRICS), folder / f"{name}.json")


def _version(n: int) -> Version:
    return Version(
        id=(LIVE, SHADOW)[n - 1],
        route=ROUTE,
        tier="tier-1",
        student="head",
        files={"student.head": hashlib.sha256(_head()).hexdigest()},
        encoder="ngrams",
        lessons=hashlib.sha256(b"lessons %d" % n).hexdigest(),
        taught=727 + 180 * n,
        suite=hashlib.sha256(b"suite").hexdigest(),
        label=Label.INTERNAL,
        code="0.1.0",
        plan={"reads": "ngrams", "seed": 7},
        who="chloe",
        created=time.time() - (30 - 10 * n) * DAY_S,
    )


def _head() -> bytes:
    """One that calls one of the topics by another name."""
    rows = [
        Example(
            text=f"{words[i % 5]} {FILLERS[i % 8]} {FILLERS[(i * 3) % 8]} number {i}", label=OTHER if n == 0 else name
        )
        for n, (name, words) in enumerate(TOPICS.items())
        for i in range(20)
    ]
    return heads.teach(gathered(rows), embed, "words/1", reads=("ngrams",), ridges=(0.1,)).content


RULING = Ruling(
    passed=True,
    checks=(
        Check(
            name="quality",
            passed=True,
            reason="accuracy -0.007, at worst -0.028: it is not worse by 0.05",
            figure=Estimate(value=-0.007, low=-0.028, high=0.012, n=400),
        ),
        Check(name="guards", passed=True, reason="the route has none"),
        Check(name="gain", passed=True, reason="better: cost -5.55e-05 [-6.06e-05, -4.97e-05]"),
        Check(name="canaries", passed=True, reason="none of 8 planted lessons is recited"),
    ),
    use=1,
    terms=Terms(margin=0.05),
    cases=400,
    gained=0.0,
)


async def _keep(gateway: Served, made: tuple[Version, ...]) -> None:
    """In the registry, beside the running gateway, and in shadow."""
    folder = gateway.palier.folder
    registry = SqliteVersions.open(folder.state)
    for version in made:
        place = folder.students / version.id
        place.mkdir(parents=True)
        (place / "student.head").write_bytes(_head())
        await registry.add(version, [])
        await registry.shadow(version.id, msgspec.to_builtins(RULING))
    await registry.close()
