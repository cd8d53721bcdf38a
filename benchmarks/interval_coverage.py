"""Do the intervals of the benchmark hold the truth, and do its comparisons err as seldom as they say? By simulation.

    python -m benchmarks.interval_coverage

The truth is known, for the cases are drawn from a distribution; each is drawn anew and given to the shipped functions
with their defaults. `share` is how often it came out so, `error` its standard error. Wilson's interval of independent
cases needs no simulation: its coverage is summed over the binomial distribution. The bar is 0.95 +- 0.015 at 200
cases. Three and a half minutes on one core.
"""

from __future__ import annotations

import argparse
import math
import sys
import time
from collections.abc import Callable
from statistics import NormalDist
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from benchmarks.results import keep
from palier.evals.estimates import curve
from palier.evals.estimates.comparing import difference_of
from palier.evals.estimates.overfit import apart
from palier.evals.figures import Estimate
from palier.metrics.differences import fieller, holm, needed, paired_p, paired_shares
from palier.metrics.intervals import families_of, resample, student, wilson, wilson_of_families

Array = NDArray[np.float64]
Random = np.random.Generator
Ends = tuple[float, float]

SIZES = {50: 2000, 200: 2000, 1000: 400}
"""How often each size is drawn."""
TESTED = 1000
"""How often a test is."""
LEVEL = 0.05
CLASSES = np.array([0.4, 0.25, 0.15, 0.12, 0.08])
RARE = np.array([0.5, 0.25, 0.15, 0.07, 0.03])
_NORMAL = NormalDist()


class Drawn(NamedTuple):
    """Statistics (n, k) and families (n,)."""

    rows: Array
    groups: NDArray[np.intp]


# --- the figures ---------------------------------------------------------------------------------------------------


def mean(sums: Array) -> Array:
    return np.asarray(sums[..., 0] / sums[..., 1])


def macro_f1(sums: Array) -> Array:
    """Of true positives, predicted and actual, each of k / 3 classes."""
    right, said, there = np.split(sums, 3, axis=-1)
    of = np.where(said + there > 0, 2 * right / np.maximum(said + there, 1e-9), 0.0)
    return np.asarray(of.sum(axis=-1) / np.maximum((said + there > 0).sum(axis=-1), 1))


def bleu_like(sums: Array) -> Array:
    """Geometric mean of the precision of words and pairs, with the penalty for what is short."""
    words = np.maximum(sums[..., 0], 1e-9) / sums[..., 1]
    pairs = np.maximum(sums[..., 2], 1e-9) / sums[..., 3]
    return np.asarray(np.sqrt(words * pairs) * np.minimum(1.0, np.exp(1 - sums[..., 5] / sums[..., 4])))


def with_ones(values: Array) -> Array:
    return np.column_stack((values, np.ones(len(values))))


# --- what is drawn -------------------------------------------------------------------------------------------------


def skewed(random: Random, n: int) -> Drawn:
    """Scores of mean 0.2, most of them near 0."""
    return Drawn(with_ones(random.beta(0.5, 2.0, n)), np.arange(n))


def token_f1(random: Random, n: int) -> Drawn:
    """A quarter is 0, half is 1, the others between."""
    kind = random.random(n)
    return Drawn(with_ones(np.where(kind < 0.25, 0.0, np.where(kind < 0.75, 1.0, random.beta(3, 2, n)))), np.arange(n))


def labelled(random: Random, n: int, classes: Array = CLASSES) -> Drawn:
    """Five classes, the rarest 8 %; three quarters are known, the others are any of the five, by chance."""
    label = random.choice(len(classes), n, p=classes)
    said = np.where(random.random(n) < 0.75, label, random.integers(0, len(classes), n))
    one, other = np.eye(len(classes))[label], np.eye(len(classes))[said]
    return Drawn(np.hstack((one * other, other, one)), np.arange(n))


def rarely_labelled(random: Random, n: int) -> Drawn:
    """The same, the rarest class being 3 %: one or two of fifty cases, six of two hundred."""
    return labelled(random, n, RARE)


def translated(random: Random, n: int) -> Drawn:
    """Sentences of 5 to 40 words, of which some are well translated and some badly."""
    words = random.integers(5, 41, n)
    wrote = np.maximum((words * random.uniform(0.7, 1.2, n)).astype(int), 2)
    matched = random.binomial(np.minimum(words, wrote), random.beta(2.4, 1.6, n))
    pairs = random.binomial(np.maximum(matched - 1, 0), 0.6)
    return Drawn(np.column_stack((matched, wrote, pairs, wrote - 1, wrote, words)).astype(float), np.arange(n))


def families(random: Random, n: int, members: int = 5) -> NDArray[np.intp]:
    """Of 1 to `members` cases each, as many as n cases make."""
    sizes = random.integers(1, members + 1, n)
    return np.repeat(np.arange(n), sizes)[:n]


def clustered(random: Random, n: int, share: float = 0.8, alike: float = 0.6) -> Drawn:
    """Right or wrong, `alike` being the correlation within a family on the scale of a normal."""
    groups = families(random, n)
    own, whole = random.normal(size=n), random.normal(size=groups.max() + 1)[groups]
    right = math.sqrt(alike) * whole + math.sqrt(1 - alike) * own < _NORMAL.inv_cdf(share)
    return Drawn(with_ones(right.astype(float)), groups)


def clustered_scores(random: Random, n: int) -> Drawn:
    """Scores between, of mean 0.5: a family has a level of its own."""
    groups = families(random, n)
    level = random.beta(0.6, 0.6, groups.max() + 1)[groups]
    return Drawn(with_ones(level + random.uniform(-0.1, 0.1, n)), groups)


def two_answer(random: Random, n: int, shares: Ends, alike: float) -> tuple[Array, Array]:
    """Two candidates, right or wrong (n,) each, on cases that are hard or easy for both."""
    hard = random.normal(size=n)
    own = [math.sqrt(alike) * hard + math.sqrt(1 - alike) * random.normal(size=n) for _ in shares]
    first, second = ((x < _NORMAL.inv_cdf(p)).astype(float) for x, p in zip(own, shares, strict=True))
    return first, second


# --- coverage ------------------------------------------------------------------------------------------------------


def exact_wilson(n: int, p: float) -> float:
    """The chance that the interval holds p."""
    ends = [wilson(k, n) for k in range(n + 1)]
    logs = [math.lgamma(n + 1) - math.lgamma(k + 1) - math.lgamma(n - k + 1) for k in range(n + 1)]
    return sum(
        math.exp(log + k * math.log(p) + (n - k) * math.log1p(-p))
        for k, (log, (low, high)) in enumerate(zip(logs, ends, strict=True))
        if low <= p <= high
    )


def wilsons(n: int) -> dict[str, Any]:
    around = [exact_wilson(n, p) for p in np.arange(0.93, 0.9701, 0.002)]
    wide = [exact_wilson(n, p) for p in np.arange(0.5, 0.991, 0.01)]
    return {
        **{f"p={p}": {"share": round(exact_wilson(n, p), 4), "exact": True} for p in (0.5, 0.8, 0.95)},
        "p=0.93..0.97, mean": {"share": round(float(np.mean(around)), 4), "exact": True},
        "p=0.50..0.99, mean": {"share": round(float(np.mean(wide)), 4), "exact": True, "least": round(min(wide), 4)},
    }


def by_bca(combine: Callable[[Array], Array]) -> Callable[[Drawn, int], Ends]:
    return lambda drawn, seed: resample(drawn.rows, combine, drawn.groups, seed=seed).interval()


def by_wilson_of_families(drawn: Drawn, seed: int) -> Ends:
    return wilson_of_families(drawn.rows[:, 0], drawn.groups)


def by_wilson(drawn: Drawn, seed: int) -> Ends:
    """What would be wrong: as if all cases were independent."""
    return wilson(float(drawn.rows[:, 0].sum()), len(drawn.rows))


Cell = tuple[Callable[[Random, int], Drawn], Callable[[Drawn, int], Ends], Callable[[], float]]


def population(draw: Callable[[Random, int], Drawn], combine: Callable[[Array], Array]) -> Callable[[], float]:
    """The figure of two million cases."""

    def of() -> float:
        random = np.random.default_rng(99)
        sums = sum(draw(random, 100_000).rows.sum(axis=0) for _ in range(20))
        return float(combine(np.asarray(sums)))

    return of


def cells() -> dict[str, Cell]:
    return {
        "BCa, mean of skewed scores": (skewed, by_bca(mean), lambda: 0.2),
        "BCa, mean token F1": (token_f1, by_bca(mean), lambda: 0.65),
        "BCa, macro-F1": (labelled, by_bca(macro_f1), population(labelled, macro_f1)),
        "BCa, macro-F1, a rare class": (
            rarely_labelled,
            by_bca(macro_f1),
            population(rarely_labelled, macro_f1),
        ),
        "BCa, BLEU-like": (translated, by_bca(bleu_like), population(translated, bleu_like)),
        "BCa, mean of families": (clustered_scores, by_bca(mean), lambda: 0.5),
        "Wilson, families": (clustered, by_wilson_of_families, lambda: 0.8),
        "Wilson, families, p=0.95": (lambda r, n: clustered(r, n, 0.95), by_wilson_of_families, lambda: 0.95),
        "not used: BCa of the same families": (clustered, by_bca(mean), lambda: 0.8),
        "not used: BCa of the same families, p=0.95": (lambda r, n: clustered(r, n, 0.95), by_bca(mean), lambda: 0.95),
        "not used: Wilson, families taken for cases": (clustered, by_wilson, lambda: 0.8),
    }


def covered(cell: Cell, n: int, repeats: int, seed: int = 1) -> dict[str, Any]:
    """How often the interval holds the truth, and how often it lies below and above it."""
    draw, interval, truth_of = cell
    random, truth = np.random.default_rng(seed), truth_of()
    below = above = 0
    for repeat in range(repeats):
        low, high = interval(draw(random, n), repeat)
        below, above = below + (not high >= truth), above + (low > truth)
    return {**counted(repeats - below - above, repeats), "too_low": below / repeats, "too_high": above / repeats}


def counted(times: int, repeats: int) -> dict[str, Any]:
    share = times / repeats
    return {"share": round(share, 4), "error": round(math.sqrt(share * (1 - share) / repeats), 4), "repeats": repeats}


def bonett_price(first: Array, second: Array) -> Ends:
    """Wald's interval after one more case of each disagreement (Bonett and Price, 2012)."""
    n = len(first) + 2
    more, less = (float(np.sum(first > second)) + 1) / n, (float(np.sum(first < second)) + 1) / n
    half = _NORMAL.inv_cdf(0.975) * math.sqrt((more + less - (more - less) ** 2) / n)
    return more - less - half, more - less + half


# --- differences, gaps, prices, curves -----------------------------------------------------------------------------


def of_two(n: int, repeats: int, shares: Ends, alike: float) -> dict[str, Any]:
    """The difference of two proportions on the same cases: as shipped, and by BCa."""
    random, truth, held = np.random.default_rng(2), shares[0] - shares[1], [0, 0, 0]
    for repeat in range(repeats):
        first, second = two_answer(random, n, shares, alike)
        rows = with_ones(first - second)
        for place, (low, high) in enumerate(
            (paired_shares(first, second), resample(rows, mean, seed=repeat).interval(), bonett_price(first, second))
        ):
            held[place] += low <= truth <= high
    return {
        "Tango": counted(held[0], repeats),
        "not used: BCa": counted(held[1], repeats),
        "not used: Bonett and Price": counted(held[2], repeats),
    }


def of_scores(n: int, repeats: int) -> dict[str, Any]:
    """The paired difference of two skewed scores, and what a point of it costs: both intervals."""
    random, held, priced, unbounded = np.random.default_rng(3), 0, 0, 0
    for repeat in range(repeats):
        shared = random.beta(0.5, 2.0, n)
        first, second = np.sqrt(shared), shared * random.random(n) * 2
        cost = random.lognormal(0.0, 0.8, n)
        truth = float(np.exp(0.32)), _root_mean() - 0.2
        low, high = resample(with_ones(first - second), mean, seed=repeat).interval()
        held += low <= truth[1] <= high
        gains = np.column_stack((cost, first - second))
        low, high = fieller(*gains.mean(axis=0), np.cov(gains.T) / n, student(0.975, n - 1))
        priced += low <= truth[0] / truth[1] <= high
        unbounded += math.isnan(low)
    return {
        "BCa, paired mean": counted(held, repeats),
        "Fieller, price of a point": counted(priced, repeats - unbounded),
    }


def _root_mean() -> float:
    """Of the square root of a Beta(0.5, 2)."""
    return math.exp(math.lgamma(1.0) + math.lgamma(2.5) - math.lgamma(0.5) - math.lgamma(3.0))


def of_splits(n: int, repeats: int) -> dict[str, Any]:
    """The gap between two splits, the holdout half as large as dev: proportions .9 and .8."""
    random, held = np.random.default_rng(4), 0
    sizes = (n * 2 // 3, n - n * 2 // 3)
    for _ in range(repeats):
        sides = []
        for size, p in zip(sizes, (0.9, 0.8), strict=True):
            right = int(random.binomial(size, p))
            low, high = wilson(right, size)
            sides.append(Estimate(value=right / size, low=low, high=high))
        low, high = apart(*sides)
        held += low <= 0.1 <= high
    return {"Newcombe, two splits": counted(held, repeats)}


def of_curves(repeats: int) -> dict[str, Any]:
    """The band at its middle, of eight models that stray from a logistic curve by .03, measured on 200 cases."""
    random, held = np.random.default_rng(5), 0
    sizes = np.array([0.1, 0.3, 0.5, 1, 3, 7, 14, 70]) * 1e9
    x = np.log10(sizes)
    truth = 1 / (1 + np.exp(-(x - 9)))
    middle = 1 / (1 + math.exp(-((x.min() + x.max()) / 2 - 9)))
    for _ in range(repeats):
        own = np.clip(truth + random.normal(0, 0.03, 8), 0.01, 0.99)
        right = random.binomial(200, own)
        models = [
            curve.Sized(str(i), int(size), Estimate(value=k / 200, low=wilson(k, 200)[0], high=wilson(k, 200)[1]))
            for i, (size, k) in enumerate(zip(sizes, right, strict=True))
        ]
        point = curve.fit(models, 0.0, 1.0)["points"][curve.POINTS // 2]
        held += point["low"] <= middle <= point["high"]
    return {"band of the curve, 8 sizes": counted(held, repeats)}


# --- tests ---------------------------------------------------------------------------------------------------------


Two = Callable[[Random, int], tuple[Array, Array, NDArray[np.intp] | None]]


def two_labelled(random: Random, n: int) -> tuple[Array, Array, None]:
    rows, _ = labelled(random, n)
    label = rows[:, 10:]
    other = np.where(random.random(n) < 0.75, label.argmax(axis=1), random.integers(0, 5, n))
    said = np.eye(5)[other]
    return rows, np.hstack((label * said, said, label)), None


def two_families(random: Random, n: int) -> tuple[Array, Array, NDArray[np.intp]]:
    groups = families(random, n)
    values = []
    shared = random.normal(size=n)[groups]
    for _ in range(2):
        x = 0.5 * shared + 0.6 * random.normal(size=n)[groups] + math.sqrt(0.39) * random.normal(size=n)
        values.append(with_ones((x < _NORMAL.inv_cdf(0.7)).astype(float)))
    return values[0], values[1], groups


def two_proportions(shares: Ends, alike: float) -> Two:
    def draw(random: Random, n: int) -> tuple[Array, Array, None]:
        first, second = two_answer(random, n, shares, alike)
        return with_ones(first), with_ones(second), None

    return draw


def two_shapes(random: Random, n: int) -> tuple[Array, Array, None]:
    """The same mean, 0.2, in another shape: the two are not exchangeable."""
    return with_ones(random.beta(0.5, 2.0, n)), with_ones((random.random(n) < 0.2).astype(float)), None


def rare_wins(random: Random, n: int) -> tuple[Array, Array, None]:
    """One wins one case in twenty by .38, and loses .02 on each other: equal in the mean, and far from exchangeable."""
    other = np.full(n, 0.5)
    return with_ones(other + np.where(random.random(n) < 0.05, 0.38, -0.02)), with_ones(other), None


NULLS: dict[str, tuple[Two, Callable[[Array], Array]]] = {
    "proportions of .8": (two_proportions((0.8, 0.8), 0.5), mean),
    "proportions of .8, much alike": (two_proportions((0.8, 0.8), 0.95), mean),
    "means of other shapes": (two_shapes, mean),
    "families": (two_families, mean),
    "macro-F1": (two_labelled, macro_f1),
    "one wins rarely and much": (rare_wins, mean),
}


def told(draw: Two, combine: Callable[[Array], Array], n: int, repeats: int) -> dict[str, Any]:
    """How often p is at most .05."""
    random, times = np.random.default_rng(6), 0
    for repeat in range(repeats):
        first, second, groups = draw(random, n)
        times += paired_p(first, second, combine, groups, seed=repeat, draws=4000) <= LEVEL
    return counted(times, repeats)


def by_others(draw: Two, combine: Callable[[Array], Array], n: int, repeats: int) -> dict[str, Any]:
    """The same by what is not used: the centred bootstrap, and the randomisation test whose ties count whole."""
    random, times = np.random.default_rng(6), {"centred bootstrap": 0, "exact randomisation": 0}
    for repeat in range(repeats):
        first, second, groups = draw(random, n)
        width = first.shape[1]
        less = difference_of(combine, width)
        found = resample(np.hstack((first, second)), less, groups, seed=repeat)
        as_much = np.sum(np.abs(found.drawn - found.value) >= abs(found.value) - 1e-9)
        times["centred bootstrap"] += (as_much + 1) / (len(found.drawn) + 1) <= LEVEL
        apart_by, alike = families_of(first - second, groups)
        flips = 2.0 * np.random.default_rng(repeat).binomial(alike, 0.5, (2000, len(alike))) - alike
        total, swapped = (first + second).sum(axis=0), flips @ apart_by
        figures = np.abs(combine((total + swapped) / 2) - combine((total - swapped) / 2))
        times["exact randomisation"] += (np.sum(figures >= abs(found.value) - 1e-9) + 1) / 2001 <= LEVEL
    return {f"not used: {name}": counted(count, repeats) for name, count in times.items()}


def any_told(n: int, repeats: int, candidates: int = 12) -> dict[str, Any]:
    """How often Holm tells any of `candidates` apart from a baseline that is as good as each."""
    random, times, plain = np.random.default_rng(7), 0, 0
    for repeat in range(repeats):
        hard = random.normal(size=n)
        right = [(0.7 * hard + 0.714 * random.normal(size=n) < 0.8).astype(float) for _ in range(candidates + 1)]
        p = [paired_p(with_ones(one), with_ones(right[0]), mean, seed=repeat, draws=4000) for one in right[1:]]
        times, plain = times + (min(holm(p)) <= LEVEL), plain + (min(p) <= LEVEL)
    return {"Holm": counted(times, repeats), "not used: uncorrected": counted(plain, repeats)}


def power_at_needed(repeats: int) -> dict[str, Any]:
    """Of as many cases as `needed` asks for .80 against .86, given the true difference and error of 100 cases."""
    big = two_answer(np.random.default_rng(8), 1_000_000, (0.86, 0.80), 0.5)
    apart_by = big[0] - big[1]
    more = needed(float(apart_by.mean()), float(apart_by.std()) / 10, 100, 100)
    assert more is not None
    return {"cases": 100 + more, "wanted": 0.8, **told(two_proportions((0.86, 0.80), 0.5), mean, 100 + more, repeats)}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--share", type=float, default=1.0, help="of the repeats, to try it out")
    share = parser.parse_args().share

    def times(repeats: int) -> int:
        return max(int(repeats * share), 20)

    started = time.monotonic()
    figures: dict[str, Any] = {}
    for n, repeats in SIZES.items():
        figures[f"n={n}"] = found = {"Wilson": wilsons(n)}
        for name, cell in cells().items():
            found[name] = covered(cell, n, times(repeats))
        found["difference of .86 and .80"] = of_two(n, times(repeats), (0.86, 0.80), 0.5)
        found["difference of .97 and .95"] = of_two(n, times(repeats), (0.97, 0.95), 0.5)
        found |= of_scores(n, times(repeats)) | of_splits(n, times(repeats))
        print(f"n={n}: {time.monotonic() - started:.0f} s", file=sys.stderr)
    figures |= of_curves(times(TESTED))
    figures["told though equal"] = {
        f"{name}, n={n}": told(draw, combine, n, times(TESTED))
        for name, (draw, combine) in NULLS.items()
        for n in (50, 200, 500)
    }
    figures["told though equal, by what is not used"] = {
        f"{name}, n=50": by_others(*NULLS[name], 50, times(TESTED)) for name in NULLS
    }
    figures["any of 12 told though equal, n=200"] = any_told(200, times(TESTED))
    figures["told, of as many cases as needed"] = power_at_needed(times(TESTED))
    figures["seconds"] = round(time.monotonic() - started)
    keep("interval_coverage", figures)


if __name__ == "__main__":
    main()
