"""A lasting watch over one route: each signal's martingale, what began to drift, and what is over again.

Of all signals of a route, and over the whole life of its watch, the probability of a false alarm is at most what
`[drift] false_alarms` says: it is shared evenly among the signals, and each share holds for ever (`drift.martingale`).
A signal that drifts is told once. It is over when as many values as are kept, all of after the alarm, look like the
reference again; then its watch begins anew, with the same share.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import msgspec
import numpy as np

from palier.drift.comparing import effect_of, p_value
from palier.drift.martingale import METHOD, Martingale
from palier.drift.reference import LEAST, Reference, Vectors
from palier.drift.report import Alert, Sources
from palier.drift.signals import Observed

RECENT = 300
"""Values kept of each signal, the last ones: an effect is of these at most."""
ALIKE = 0.2
"""The p-value above which they look like the reference again, where the effect has fallen to half besides."""
DRAWS = 400
RISE = 0.05
"""Of the documents of a collection: by how many more of them must be at fault to be told. It is over at half of that.
"""


class Followed(msgspec.Struct, kw_only=True):
    """One signal under watch."""

    martingale: Martingale
    recent: list[int] = []
    """The bins of the last values."""
    alert: Alert | None = None
    """What was told, while it lasts."""
    since: int = 0
    """Values since then."""


def follow(reference: Reference, false_alarms: float, seed: int) -> dict[str, Followed]:
    """The watch over every signal that the reference has."""
    delta = false_alarms / max(len(reference.scales), 1)
    return {
        name: Followed(martingale=Martingale(delta=delta, counts=list(scale.counts), seed=seed + place))
        for place, (name, scale) in enumerate(reference.scales.items())
    }


def advance(
    reference: Reference,
    followed: dict[str, Followed],
    observed: Sequence[Observed],
    vectors: Vectors | None,
    alert: Alert,
    seed: int,
) -> tuple[dict[str, Followed], list[Alert]]:
    """After more requests, and what is to be told; `alert` has what all alerts of this look have in common.

    The requests of one look are taken in an order of chance: what goes up and down within it, as day and night do, is
    no change.
    """
    order = np.random.default_rng([seed, len(observed)]).permutation(len(observed))
    values = reference.values(observed, vectors)
    bins = reference.bins({name: found[order] for name, found in values.items()})
    alerts = []
    for name, one in followed.items():
        if (told := _advance(reference, name, one, bins.get(name, []), alert)) is not None:
            alerts.append(told)
    return followed, alerts


def _advance(reference: Reference, name: str, one: Followed, bins: Sequence[int], common: Alert) -> Alert | None:
    martingale = one.martingale
    martingale.update(bins)
    one.recent = [*one.recent, *bins][-RECENT:]
    if one.alert is not None:
        one.since += len(bins)
        return _over(reference, name, one, common)
    if martingale.alarmed_at is None:
        return None
    late = one.recent[-max(min(martingale.n - martingale.onset, RECENT), min(LEAST, martingale.n)) :]
    one.alert, one.since = _alert(reference, name, late, martingale.n, common), 0
    return one.alert


def _over(reference: Reference, name: str, one: Followed, common: Alert) -> Alert | None:
    assert one.alert is not None
    if one.since < RECENT:
        return None
    scale = reference.scales[name]
    before, after = np.array(scale.counts), np.bincount(one.recent, minlength=len(scale.counts))
    now = _alert(reference, name, one.recent, one.martingale.n, common)
    if abs(now.effect or 0.0) > abs(one.alert.effect or 0.0) / 2:
        return None
    rng = np.random.default_rng([one.martingale.seed, one.martingale.n])
    if p_value(scale.kind, before, after, rng, DRAWS) <= ALIKE:
        return None
    told = msgspec.structs.replace(now, id=f"{one.alert.id}-over", state="over")
    delta, seed = one.martingale.delta, one.martingale.seed
    one.martingale = Martingale(delta=delta, counts=list(scale.counts), seed=seed + one.martingale.n + 1)
    one.alert, one.since = None, 0
    return told


def _alert(reference: Reference, name: str, bins: Sequence[int], n: int, common: Alert) -> Alert:
    scale = reference.scales[name]
    after = np.bincount(bins, minlength=len(scale.counts))
    effect, low, high = effect_of(scale.kind, np.array(scale.counts), after)
    share = scale.kind == "share"
    return msgspec.structs.replace(
        common,
        id=f"{common.id}/{name}",
        signal=name,
        effect=effect,
        low=low,
        high=high,
        before=scale.centre if share else None,
        now=float(after[1] / after.sum()) if share else None,
        n=n,
    )


def sound(followed: Mapping[str, Followed]) -> bool:
    """Whether it can be gone on with: what was staked by another rule cannot."""
    return all(one.martingale.method == METHOD for one in followed.values())


def at_fault(
    before: Mapping[str, Mapping[str, float]], now: Sequence[Sources], open_: dict[str, Alert], common: Alert
) -> list[Alert]:
    """What is to be told of the documents, all of which are counted; `open_` are those told, and is changed."""
    alerts = []
    for sources in now:
        for fault, share in sources.shares.items():
            name = f"sources/{sources.collection}/{fault}"
            was = before.get(sources.collection, {}).get(fault, 0.0)
            said = {"signal": name, "before": was, "now": share, "effect": share - was, "n": sources.documents}
            known = open_.get(name)
            if known is None and share - was >= RISE:
                open_[name] = msgspec.structs.replace(common, id=f"{common.id}/{name}", **said)
                alerts.append(open_[name])
            elif known is not None and share - was <= RISE / 2:
                alerts.append(msgspec.structs.replace(common, id=f"{known.id}-over", state="over", **said))
                del open_[name]
    return alerts
