"""What the outcomes of a candidate come to, beside quality: counts, shares, what it took, how long it took."""

from __future__ import annotations

import math
import time
from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from typing import TYPE_CHECKING

import msgspec
import numpy as np

from palier.cases import Case, Outcome, Published
from palier.evals.figures import Candidate, Latency, Metered, Quantiles, Resources, Run
from palier.evals.reports import wording
from palier.interfaces.measuring import Metric
from palier.metrics.cost import total
from palier.metrics.reliability import reliability_bins
from palier.types import JSON, Quantity, Usage

if TYPE_CHECKING:
    from palier.metrics.zones import Zone

MOST_ERRORS = 5
LEAST_CONFIDENCES = 20
"""Below so many, bins of confidence say nothing."""

LONG_S = 6 * 3600
"""Between the first and the last answer: from here on they are not of one sitting."""

Pairs = Sequence[tuple[Case, Outcome]]


# --- counts ----------------------------------------------------------------------------------------------------------


def counts(outcomes: Sequence[Outcome]) -> dict[str, int]:
    """How many were asked, answered, abstained from (and of those, not reached) and failed."""
    by_status = Counter(outcome.status for outcome in outcomes)
    return {
        "asked": len(outcomes),
        "answered": by_status["answered"],
        "abstained": by_status["abstained"],
        "failed": by_status["failed"],
        "unreached": unreached(outcomes),
    }


def errors(outcomes: Sequence[Outcome]) -> dict[str, int]:
    """The commonest errors, and all others together."""
    found = Counter(wording.one_line(o.error, 200) or "no reason given" for o in outcomes if o.status == "failed")
    common = dict(found.most_common(MOST_ERRORS))
    others = sum(found.values()) - sum(common.values())
    return {**common, "others": others} if others else common


def unreached(outcomes: Sequence[Outcome]) -> int:
    """How many were abstained from after a model failed that might have answered."""
    return sum(o.status == "abstained" and any(s.outcome == "failed" for s in o.spells) for o in outcomes)


def shares(outcomes: Sequence[Outcome]) -> dict[str, float]:
    """Of the answers, by the tier that gave them; empty where that is not known."""
    tiers = Counter(o.tier for o in outcomes if o.status == "answered" and o.tier)
    total = sum(tiers.values())
    return {tier: count / total for tier, count in sorted(tiers.items())}


def guarded(outcomes: Sequence[Outcome]) -> dict[str, dict[str, int]]:
    """By guard, in how many cases it looked, and what it did besides letting all of it pass."""
    found: dict[str, Counter[str]] = {}
    for outcome in outcomes:
        did: dict[str, set[str]] = {}
        for row in outcome.guards:
            words = did.setdefault(row.guard, {"looked"})
            words |= {row.action} - {"pass"}
            words |= {"failed"} if row.failed else set()
        for name, words in did.items():
            found.setdefault(name, Counter()).update(words)
    order = ("looked", "mend", "climb", "refuse", "failed")
    return {name: {word: count[word] for word in order if count[word]} for name, count in sorted(found.items())}


def by_tag(pairs: Pairs, most: int) -> dict[str, Pairs]:
    """The cases of each tag, language and kind that does not hold them all, the commonest first."""
    parts: dict[str, list[tuple[Case, Outcome]]] = {}
    for case, outcome in pairs:
        names = [
            *dict.fromkeys(case.tags),
            f"kind:{case.kind}",
            *([f"language:{case.language}"] if case.language else []),
        ]
        for name in names:
            parts.setdefault(name, []).append((case, outcome))
    whole = len(pairs)
    kept = sorted((n for n, p in parts.items() if len(p) < whole), key=lambda n: (-len(parts[n]), n))[:most]
    return {name: parts[name] for name in kept}


# --- what it took ----------------------------------------------------------------------------------------------------


def resources(
    outcomes: Sequence[Outcome], metered: Sequence[Metered], zone: Zone | None, away: Collection[str] = ()
) -> Resources:
    """The mean of a request, and the tokens. A meter's energy is taken rather than an estimate of the same requests.

    What models `away` took, which no meter of this machine sees, is added as it was estimated.
    """
    counted = [outcome.usage for outcome in outcomes if outcome.usage is not None]
    energy, weight = mean([o.energy for o in outcomes]), mean([o.carbon for o in outcomes])
    if (read := _metered(metered, len(outcomes))) is not None:
        unplaced = Quantity(method="no zone of electricity is set")
        weight = _weighed(read, energy, weight, zone) if zone is not None or not away else unplaced
        energy = read
        # Of a request that failed before any model was asked, nothing.
        if spent := [
            [s for s in o.spells if s.model in away and s.busy_ms] for o in outcomes if o.spells or o.status == "failed"
        ]:
            energy = total([energy, mean([total(s.energy for s in spells) for spells in spent])])
            weight = total([weight, mean([total(s.carbon for s in spells) for spells in spent])])
    return Resources(
        cost=mean([o.cost for o in outcomes]),
        energy=energy,
        carbon=weight,
        tokens=_tokens(counted) if counted else None,
        tokens_known=len(counted),
    )


def mean(quantities: Sequence[Quantity]) -> Quantity:
    """Of a request. Unknown where that of any is, with how many are known and, as `low`, what those come to."""
    n = len(quantities)
    if not n:
        return Quantity(method="nothing was asked")
    known = [q for q in quantities if q.value is not None]
    methods = Counter(q.method for q in quantities if q.method)
    lacking = Counter(q.method for q in quantities if q.value is None and q.method)
    low = sum(_or(q.low, q.value) for q in quantities) / n
    if len(known) < n:
        why = "; ".join(method for method, _ in lacking.most_common(2))
        return Quantity(low=low or None, method=f"known of {len(known)} of {n}{f': {why}' if why else ''}")
    method = "; ".join(method for method, _ in methods.most_common(3))
    return Quantity(
        value=sum(_or(q.value) for q in known) / n,
        low=low,
        high=sum(_or(q.high, q.value) for q in known) / n,
        basis="measured" if all(q.basis == "measured" for q in known) else "estimated",
        method=f"{method}; and others" if len(methods) > 3 else method,
    )


def _or(*values: float | None) -> float:
    """The first that is known, else 0: to be added to what is known."""
    return next((value for value in values if value is not None), 0.0)


def _metered(metered: Sequence[Metered], asked: int) -> Quantity | None:
    """Watt-hours of a request by the meters; None where they read nothing of this candidate."""
    cases = sum(len(one.cases) for one in metered)
    if not cases or not asked:
        return None
    value = sum(one.watt_hours for one in metered) / cases
    if not (math.isfinite(value) and value >= 0):
        return None
    methods = "; ".join(dict.fromkeys(one.method for one in metered if one.method)) or "meters of this machine"
    part = f", read on {cases} of {asked} requests" if cases != asked else ""
    return Quantity(value=value, low=value, high=value, basis="measured", method=f"{methods}{part}")


def _weighed(read: Quantity, estimated: Quantity, weight: Quantity, zone: Zone | None) -> Quantity:
    """Carbon of the energy that was read: by the zone, else by what the estimates of the same requests weigh."""
    if zone is not None:
        from palier.metrics.carbon import carbon

        return carbon(read, zone)
    if not estimated.value or weight.value is None or read.value is None:
        return Quantity(method=weight.method or "no zone of electricity is set")
    grams = read.value * weight.value / estimated.value
    return Quantity(value=grams, low=grams, high=grams, basis="estimated", method=f"{read.method}; {weight.method}")


def _tokens(usages: Sequence[Usage]) -> Usage:
    return Usage(
        prompt=sum(u.prompt for u in usages),
        completion=sum(u.completion for u in usages),
        cached=sum(u.cached for u in usages),
    )


def carbon_method(candidates: Sequence[Candidate]) -> str:
    """How carbon was found, over all candidates."""
    found = dict.fromkeys(c.resources.carbon.method for c in candidates if c.resources.carbon.value is not None)
    return "; ".join(method for method in found if method)[:2000]


def published(figures: Published) -> Resources:
    """What a page says of cost; of all else it says nothing."""
    unsaid = Quantity(method="not published")
    cost = figures.cost
    if cost is None:
        return Resources(cost=unsaid, energy=unsaid, carbon=unsaid)
    said = Quantity(value=cost, low=cost, high=cost, basis="estimated", method="as published")
    return Resources(cost=said, energy=unsaid, carbon=unsaid)


# --- how long it took ------------------------------------------------------------------------------------------------


def latency(outcomes: Sequence[Outcome]) -> Latency | None:
    """Quantiles of what did not fail, asked as many at once as most were: times under other loads are not mixed in."""
    timed = [o for o in outcomes if o.status != "failed" and o.latency_ms is not None]
    if not timed:
        return None
    concurrency = Counter(o.concurrency for o in timed).most_common(1)[0][0]
    same = [o for o in timed if o.concurrency == concurrency]
    return Latency(
        concurrency=concurrency,
        first=_quantiles([o.first_ms for o in same]),
        per_token=_quantiles([_per_token(o) for o in same]),
        total=_quantiles([o.latency_ms for o in same]),
    )


def _per_token(outcome: Outcome) -> float | None:
    """Milliseconds of each output token after the first; with no time of the first, over all of them."""
    tokens = outcome.usage.completion if outcome.usage else 0
    if outcome.latency_ms is None or tokens < 2:
        return None
    if outcome.first_ms is None:
        return outcome.latency_ms / tokens
    return max(outcome.latency_ms - outcome.first_ms, 0.0) / (tokens - 1)


def _quantiles(values: Sequence[float | None]) -> Quantiles | None:
    known = [value for value in values if value is not None and math.isfinite(value)]
    if not known:
        return None
    p50, p95, p99 = (float(v) for v in np.quantile(known, (0.5, 0.95, 0.99), method="inverted_cdf"))
    return Quantiles(p50=p50, p95=p95, p99=p99, n=len(known))


# --- confidence ------------------------------------------------------------------------------------------------------


def reliability(quality: Metric, pairs: Pairs) -> tuple[JSON, ...]:
    """Bins of confidence against quality, where that is right or wrong and enough answers came with a confidence."""
    if quality.kind != "proportion" or quality.better != "higher":
        return ()
    said, was = [], []
    for case, outcome in pairs:
        row = quality.statistics(case, outcome)
        confidence = outcome.confidence
        if row is not None and outcome.status == "answered" and confidence is not None and 0.0 <= confidence <= 1.0:
            said.append(confidence)
            was.append(float(quality.combine(np.asarray(row, dtype=np.float64))))
    if len(said) < LEAST_CONFIDENCES:
        return ()
    return tuple(msgspec.to_builtins(one) for one in reliability_bins(said, was))


# --- notes -----------------------------------------------------------------------------------------------------------


def notes(
    run: Run, candidates: Sequence[Candidate], outcomes: Mapping[str, Mapping[str, Outcome]], *, few: int
) -> tuple[str, ...]:
    """What whoever reads the figures must know of how they came."""
    found = []
    families = len({case.group for case in run.cases})
    if families < few:
        found.append(f"{families} independent cases are few: intervals are wide, and small differences cannot be told")
    if simulated := [c.name for c in candidates if c.simulated]:
        found.append(f"{wording.listed(simulated)}: simulated, made up for a study; every figure of it is")
    if shown := [c.name for c in candidates if c.kind == "published"]:
        found.append(f"{wording.listed(shown)}: published by others, measured on their cases and not on these")
    if any(case.split == "holdout" for case in run.cases):
        found.append("the holdout was used: what is chosen by it is no longer independent of it")
    if tuned := [c.name for c in candidates if c.tuned_on]:
        found.append(f"{wording.listed(tuned)}: tuned on dev; the holdout says what that is worth, see the gap")
    if failed := [f"{wording.one_line(c.name, 60)} {c.failed} of {c.asked}" for c in candidates if c.failed]:
        found.append(f"cases failed, and count as wrong answers: {', '.join(failed)}")
    for candidate in candidates:
        found += _notes_of(candidate, list(outcomes.get(candidate.name, {}).values()), len(run.cases))
    return tuple(found)


def _notes_of(candidate: Candidate, outcomes: Sequence[Outcome], cases: int) -> list[str]:
    if candidate.kind == "published":
        return []
    found = []
    name = wording.one_line(candidate.name, 60)
    if len(outcomes) < cases:
        found.append(f"{name}: {len(outcomes)} of {cases} cases have a result")
    if candidate.replayed:
        found.append(
            f"{name}: the answers of {wording.listed(candidate.replayed)} were recorded before and are replayed here:"
            " their times are those of reading a file, their cost and energy what the settings declare"
        )
    if candidate.unreached:
        found.append(
            f"{name}: {candidate.unreached} of its {candidate.abstained} abstentions came after a model had failed"
            " (`unreached` in conditions)"
        )
    if len(loads := sorted({o.concurrency for o in outcomes if o.latency_ms is not None})) > 1:
        words = wording.listed(str(load) for load in loads)
        found.append(f"{name}: asked {words} at once; its latency is that of the load most were asked under")
    days = [o.created for o in outcomes if o.created > 0]
    if days and max(days) - min(days) > LONG_S:
        first, last = (time.strftime("%d %B %Y", time.gmtime(day)) for day in (min(days), max(days)))
        found.append(f"{name}: asked from {first} to {last}, in more than one run")
    return found
