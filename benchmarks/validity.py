"""Does the promise hold, with the truth known: the share of calibration sets whose policy breaks it, and what it keeps.

    python -m benchmarks.validity --data DIR

Recorded answers (`populations`) are the whole truth; 500 calibration sets are drawn from them with replacement and
given to the shipped `fit`. Confidence 0.9: at most a tenth of the policies may have a risk above the target, by a
one-sided binomial test, Bonferroni over all cells. Beside it what the best threshold would keep, and what two other
rules do with the same scores: the usual one (the smallest threshold whose empirical risk is under the target, on all
rows), and fixed-sequence testing with one strict start.
"""

from __future__ import annotations

import argparse
import math
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from benchmarks.populations import Population, not_monotone, recorded, tied, tied_not_monotone
from benchmarks.results import data_folder, keep, mean_and_error
from palier.errors import InvalidRequest
from palier.routing.bounds import Floats, binomial_tail
from palier.routing.fitting import Aim, Fitted, fit
from palier.routing.risk import Certificate, Judged, Target, certify, tails, walk_path
from palier.routing.risk import Path as Walked

RISKS = (0.05, 0.10, 0.20, 0.30)
CONFIDENCE = 0.9
DELTA = 1.0 - CONFIDENCE
DRAWS = 500
SIZES = (150, 300, 1000)
SEVERAL = ("logprob", "tokens_in", "latency_ms", "noise_1", "noise_2")
CHECKED = 10
"""Draws of a cell in which the outcome is compared with that of a whole `fit` for the very target."""
BARS = {
    **{f"mmlu/2/300/{a:.2f}": c for a, c in ((0.10, 0.26), (0.20, 0.50), (0.30, 0.72))},
    **{f"mmlu/2/1000/{a:.2f}": c for a, c in ((0.10, 0.35), (0.20, 0.55), (0.30, 0.77))},
    **{f"triviaqa/2/1000/{a:.2f}": c for a, c in ((0.05, 0.45), (0.10, 0.65), (0.20, 0.90))},
}
"""Least coverage that is asked of a cell, within a standard error."""


class Truth(NamedTuple):
    """What a threshold does to the whole population, its rows sorted into a path (t,) by one fit's scores."""

    thresholds: Floats
    kept: Floats
    risk: Floats
    cost: Floats
    top_cost: float

    @classmethod
    def of(cls, population: Population, scores: Floats, target: Target) -> Truth:
        judged = Judged(scores, population.losses[:, :-1], population.losses[:, -1])
        path = walk_path(judged)
        # Costs run along the same path: what a row costs where it is served, against asking every tier.
        spent = np.cumsum(population.costs, axis=1)
        cost = walk_path(Judged(scores, spent[:, :-1], spent[:, -1])).total / len(population)
        return cls(path.thresholds, path.kept / len(population), path.risk(target), cost, float(spent[:, -1].mean()))

    def at(self, threshold: float) -> tuple[float, float, float]:
        """Share kept, risk and cost."""
        step = int(np.searchsorted(-self.thresholds, -threshold, side="right")) - 1
        if step < 0:
            return 0.0, 0.0, self.top_cost
        return float(self.kept[step]), float(self.risk[step]), float(self.cost[step])

    def oracle(self, alpha: float) -> float:
        """The largest share kept at a risk of at most `alpha`."""
        return float(self.kept[self.risk <= alpha].max(initial=0.0))


class Cell(NamedTuple):
    """One population, number of labels and target, in one draw: share kept and risk of each rule; None: none found."""

    own: tuple[float, float, float] | None
    usual: tuple[float, float, float] | None
    plain: tuple[float, float, float] | None
    oracle: float


def usual(path: Walked, alpha: float, target: Target) -> float | None:
    """The smallest threshold whose empirical risk is at most `alpha`."""
    under = np.flatnonzero(path.risk(target) <= alpha)
    return float(path.thresholds[under[-1]]) if under.size else None


def plain(path: Walked, alpha: float, target: Target) -> float | None:
    """Fixed-sequence testing from the strictest start that could pass, all of delta on it."""
    first = math.ceil(math.log(DELTA) / math.log1p(-alpha)) if target == "kept" else 0
    start = int(np.searchsorted(path.kept, first))
    failed = np.flatnonzero(tails(path, target, alpha)[start:] > DELTA)
    last = start + (int(failed[0]) if failed.size else len(path.kept) - start) - 1
    return float(path.thresholds[last]) if last >= start else None


def fitted_once(population: Population, drawn: NDArray[np.intp], target: Target) -> tuple[Fitted, Floats] | None:
    """The shipped fit and its scores of the whole population. It does not depend on the risk that is asked for."""
    try:
        fitted = fit(population.table(drawn), Aim(RISKS[-1], CONFIDENCE, target))
    except InvalidRequest:
        return None
    return fitted, np.column_stack(
        [c.probabilities(matrix) for c, matrix in zip(fitted.calibrators, population.features, strict=True)]
    )


def one_signal(population: Population, drawn: NDArray[np.intp]) -> tuple[Judged, Judged, Floats]:
    """A single signal needs no fit: its order is the path. As `fit` has it, but for the scale."""
    scores = population.features[0]
    losses, above = population.losses[drawn, :-1], population.losses[drawn, -1]
    judged = Judged(scores[drawn] - scores.min(), losses, above)
    return judged, judged, scores - scores.min()


def draw(
    population: Population, drawn: NDArray[np.intp], target: Target, risks: tuple[float, ...], *, check: bool
) -> Iterator[Cell]:
    """The cells of one calibration set, a risk each."""
    if population.single:
        certifying, every, scores = one_signal(population, drawn)
    else:
        found = fitted_once(population, drawn, target)
        if found is None:
            yield from [Cell(None, None, None, 0.0)] * len(risks)
            return
        fitted, scores = found
        every, rows = fitted.judged, fitted.certified
        certifying = Judged(every.scores[rows], every.losses[rows], every.above[rows])
    truth = Truth.of(population, scores, target)
    path = walk_path(certifying, alpha=None)
    whole = walk_path(every)
    for alpha in risks:
        certificate = certify(certifying, alpha=alpha, delta=DELTA, target=target)
        if check:
            check_shipped(population, drawn, Aim(alpha, CONFIDENCE, target), certificate)
        found_by = [
            certificate.threshold if certificate else None,
            usual(whole, alpha, target),
            plain(path, alpha, target) if target != "regret" else None,
        ]
        yield Cell(*(None if t is None else truth.at(t) for t in found_by), truth.oracle(alpha))


def check_shipped(population: Population, drawn: NDArray[np.intp], aim: Aim, certificate: Certificate | None) -> None:
    """That a whole `fit` for this very target comes to the same; where it refuses the signal, the walk is judged still."""
    try:
        own = fit(population.table(drawn), aim).certificate
    except InvalidRequest:
        return
    same = (own.kept, own.rows, own.risk) if own else None
    assert same == ((certificate.kept, certificate.rows, certificate.risk) if certificate else None)


def violations(found: list[tuple[float, float, float] | None], alpha: float) -> int:
    return sum(result is not None and result[1] > alpha + 1e-12 for result in found)


def figures_of(cells: list[Cell], alpha: float, top_cost: float) -> dict[str, Any]:
    own = [cell.own for cell in cells]
    broken = violations(own, alpha)

    def kept(found: list[tuple[float, float, float] | None]) -> list[float]:
        return [result[0] if result else 0.0 for result in found]

    def beside(found: list[tuple[float, float, float] | None]) -> dict[str, float]:
        return {
            "coverage": round(float(np.mean(kept(found))), 4),
            "violations": round(violations(found, alpha) / len(found), 4),
        }

    return {
        "violations": round(broken / len(cells), 4),
        "p_value": float(f"{above_tenth(broken, len(cells)):.3g}"),
        "coverage": mean_and_error(kept(own)),
        "not_certifiable": round(sum(result is None for result in own) / len(cells), 4),
        "cost": round(float(np.mean([result[2] if result else top_cost for result in own])), 1),
        "cost_top": round(top_cost, 1),
        "oracle": round(float(np.mean([cell.oracle for cell in cells])), 4),
        "usual": beside([cell.usual for cell in cells]),
        **({"plain": beside([cell.plain for cell in cells])} if any(cell.plain for cell in cells) else {}),
    }


def above_tenth(broken: int, draws: int) -> float:
    """P(so many violations or more), if each draw is one with probability delta."""
    return float(binomial_tail(draws - broken, draws, 1.0 - DELTA))


def measured(
    name: str, population: Population, size: int, risks: tuple[float, ...], *, target: Target = "kept", seed: int
) -> dict[str, Any]:
    """All cells of one population and number of labels, by name."""
    random = np.random.default_rng((seed, size))
    started = time.monotonic()
    found = [
        list(draw(population, random.integers(len(population), size=size), target, risks, check=number < CHECKED))
        for number in range(DRAWS)
    ]
    print(f"{name}/{size}: {time.monotonic() - started:.0f} s", file=sys.stderr, flush=True)
    top_cost = float(population.costs[:, -1].mean())
    return {
        f"{name}/{size}/{alpha:.2f}": figures_of([cells[at] for cells in found], alpha, top_cost)
        for at, alpha in enumerate(risks)
    }


def everything(folder: Path) -> dict[str, Any]:
    cells: dict[str, Any] = {}
    for questions in ("mmlu", "triviaqa"):
        for name, population in (
            (f"{questions}/2", recorded(folder, questions, 2)),
            (f"{questions}/3", recorded(folder, questions, 3)),
            (f"{questions}/2 several features", recorded(folder, questions, 2, SEVERAL)),
        ):
            for size in SIZES:
                cells |= measured(name, population, size, RISKS, seed=len(cells))
    several = recorded(folder, "mmlu", 3, SEVERAL)
    cells |= measured("mmlu/3 several features", several, 300, RISKS, seed=len(cells))
    mmlu = recorded(folder, "mmlu", 2)
    cells |= measured("mmlu/2 total", mmlu, 300, (0.20, 0.25, 0.30), target="total", seed=len(cells))
    cells |= measured("mmlu/2 regret", mmlu, 300, (0.05, 0.10, 0.15), target="regret", seed=len(cells))
    for made in (not_monotone, tied, tied_not_monotone):
        for alpha in RISKS:
            for size in (300, 1000):
                cells |= measured(made.__name__, made(alpha), size, (alpha,), seed=len(cells))
    return cells


def verdict(cells: dict[str, Any]) -> dict[str, Any]:
    """Bars, each with what was found, and whether it was passed."""
    worst = min(cells, key=lambda name: cells[name]["p_value"])
    adjusted = min(cells[worst]["p_value"] * len(cells), 1.0)
    bars = {}
    for name, least in BARS.items():
        found = cells[name]["coverage"]
        bars[name] = {"least": least, **found, "passed": found["mean"] + found["error"] >= least}
    falls = []
    for name, cell in cells.items():
        base, size, alpha = name.rsplit("/", 2)
        for more in (s for s in SIZES if s > int(size) and f"{base}/{s}/{alpha}" in cells):
            one, other = cell["coverage"], cells[f"{base}/{more}/{alpha}"]["coverage"]
            if other["mean"] + 2 * math.hypot(one["error"], other["error"]) < one["mean"]:
                falls.append(f"{name} -> {more}")
    return {
        "cells": len(cells),
        "worst_cell": worst,
        "worst_violations": cells[worst]["violations"],
        "worst_p_value": cells[worst]["p_value"],
        "bonferroni": round(adjusted, 4),
        "valid": adjusted > 0.05,
        "bars": bars,
        "bars_passed": all(bar["passed"] for bar in bars.values()),
        "coverage_falls_with_more_labels": falls,
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data")
    folder = data_folder(parser.parse_args().data)
    started = time.process_time()
    cells = everything(folder)
    keep("validity", {"verdict": verdict(cells), "cells": cells, "cpu_seconds": round(time.process_time() - started)})


if __name__ == "__main__":
    main()
