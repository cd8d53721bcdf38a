"""How soon drift is seen, and how often where there is none: questions of a new domain, and confidence that falls.

    python -m benchmarks.drift_streams --data DIR

Questions are those of CLINC150 (Larson et al., 2019). Of each stream one of four domains of 15 intents is the new one,
and the questions of all other intents are what was asked so far. The reference is 5,000 requests; after it come 1,000
quiet ones, then 2,000 of which 5, 10 or 20 % are of the new domain. Confidence is drawn from Beta(5, 2), and of as many
requests after the change from Beta(2, 4). Streams are drawn with replacement, each with a reference of its own.
Everything is done by what the gateway runs, in looks of 100 requests at a level of 5 %, shared among the signals: the
delay is that of the first alarm, in requests, to the end of its look. Besides, for a few streams, `palier drift`'s
comparison of the reference with the 1,000 requests after the change, which is for one look.
"""

from __future__ import annotations

import argparse
import gzip
import json
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from benchmarks.results import data_folder, keep
from palier.drift.comparing import compare
from palier.drift.following import advance, follow
from palier.drift.reference import Reference, Vectors, fit
from palier.drift.report import Alert, Window
from palier.drift.signals import Observed
from palier.metrics.intervals import of_quantile, wilson
from palier.retrieval import sentence_model

STREAMS, COMPARED, REFERENCE, QUIET, CHANGED, LOOK, LATE = 200, 24, 5_000, 1_000, 2_000, 100, 1_000
SHARES = (0.05, 0.1, 0.2)
LEVEL = 0.05
PER_INTENT = 50
DOMAINS = {
    "banking": "freeze_account routing pin_change bill_due pay_bill account_blocked interest_rate min_payment "
    "bill_balance transfer order_checks balance spending_history transactions report_fraud",
    "credit_cards": "replacement_card_duration expiration_date damaged_card improve_credit_score report_lost_card "
    "card_declined credit_limit_change apr redeem_rewards credit_limit rewards_balance application_status "
    "credit_score new_card international_fees",
    "kitchen": "food_last confirm_reservation how_busy ingredients_list calories nutrition_info recipe "
    "restaurant_reviews restaurant_reservation meal_suggestion restaurant_suggestion cancel_reservation "
    "ingredient_substitution cook_time accept_reservations",
    "travel": "translate travel_notification travel_alert flight_status lost_luggage carry_on international_visa "
    "book_hotel book_flight plug_type timezone exchange_rate travel_suggestion vaccines car_rental",
}
WAS, IS = Window(since=0, until=1), Window(since=1, until=2)
COMMON = Alert(id="s", at=0.0, route="s", signal="", state="drifting")


class Stream(NamedTuple):
    """Requests with their vectors: of the reference, and what comes after it."""

    reference: tuple[list[Observed], Vectors | None]
    after: tuple[list[Observed], Vectors | None]

    def part(self, first: int, last: int) -> tuple[list[Observed], Vectors | None]:
        observed, vectors = self.after
        return observed[first:last], None if vectors is None else vectors[first:last]


Draw = Callable[[int, float, np.random.Generator], Stream]
"""The stream of a number, of which a share is new after the quiet time. Its reference is of the number alone."""
Fitted = dict[int, Reference]


def questions(folder: Path) -> Draw:
    """Streams of CLINC150's questions."""
    with gzip.open(folder / "clinc150" / "dev.jsonl.gz", "rt") as lines:
        rows = [json.loads(line) for line in lines]
    taken: dict[str, list[str]] = {}
    for row in rows:
        if row["label"] != "oos" and len(some := taken.setdefault(row["label"], [])) < PER_INTENT:
            some.append(row["text"])
    texts = [text for some in taken.values() for text in some]
    vectors = np.concatenate([sentence_model.embed(texts[n : n + 64]) for n in range(0, len(texts), 64)])
    intents = np.repeat(list(taken), [len(some) for some in taken.values()])
    new = {name: np.flatnonzero(np.isin(intents, words.split())) for name, words in DOMAINS.items()}

    def draw(number: int, share: float, rng: np.random.Generator) -> Stream:
        domain = list(new.values())[number % len(new)]
        known = np.setdiff1d(np.arange(len(texts)), domain)
        reference = np.random.default_rng(number).choice(known, REFERENCE)
        after = rng.choice(known, QUIET + CHANGED)
        late = rng.random(CHANGED) < share
        after[QUIET:][late] = rng.choice(domain, int(late.sum()))
        nothing = Observed(values={})
        return Stream(([nothing] * REFERENCE, vectors[reference]), ([nothing] * len(after), vectors[after]))

    return draw


def confidence(number: int, share: float, rng: np.random.Generator) -> Stream:
    """A stream of confidences."""
    after = rng.beta(5, 2, QUIET + CHANGED)
    late = rng.random(CHANGED) < share
    after[QUIET:][late] = rng.beta(2, 4, int(late.sum()))
    sides = (np.random.default_rng(number).beta(5, 2, REFERENCE), after)
    made = [[Observed(values={"confidence": value}) for value in side.tolist()] for side in sides]
    return Stream((made[0], None), (made[1], None))


def looks(fitted: Fitted, stream: Stream, seed: int, until: int) -> Iterator[int]:
    """After how many requests each alarm came."""
    if (reference := fitted.get(seed)) is None:
        reference = fitted[seed] = fit(WAS, *stream.reference, seed=seed)
    followed = follow(reference, LEVEL, seed)
    for first in range(0, until, LOOK):
        followed, alerts = advance(reference, followed, *stream.part(first, first + LOOK), COMMON, seed)
        yield from [first + LOOK] * sum(alert.state == "drifting" for alert in alerts)


def watched(draw: Draw, fitted: Fitted, share: float) -> dict[str, Any]:
    """The lasting watch: alarms in the quiet time, and delays after the change."""
    delays, early = [], 0
    for number in range(STREAMS):
        stream = draw(number, share, np.random.default_rng([number, 1]))
        alarm = next(looks(fitted, stream, number, QUIET + CHANGED), None)
        if alarm is not None and alarm <= QUIET:
            early += 1
        else:
            delays.append(np.inf if alarm is None else alarm - QUIET)
    return {"alarms_before": rate(early, STREAMS), "delay": quantiles(np.array(delays))}


def quiet(draw: Draw, fitted: Fitted) -> dict[str, Any]:
    """Where nothing changes: streams that ever had an alarm, and windows that were said to drift."""
    alarms = drifts = 0
    for number in range(STREAMS):
        stream = draw(number, 0.0, np.random.default_rng([number, 2]))
        alarms += next(looks(fitted, stream, number, QUIET + CHANGED), None) is not None
        drifts += number < COMPARED and once(stream, number)
    return {"watch": rate(alarms, STREAMS), "one_comparison": rate(drifts, COMPARED)}


def once(stream: Stream, seed: int) -> bool:
    late = stream.part(QUIET, QUIET + LATE)
    return bool(compare((WAS, *stream.reference), (IS, *late), level=LEVEL, seed=seed).drifting)


def compared(draw: Draw, share: float) -> dict[str, float]:
    """One comparison of the reference with the requests after the change: how often it finds it."""
    found = sum(once(draw(n, share, np.random.default_rng([n, 3])), n) for n in range(COMPARED))
    return rate(found, COMPARED)


def rate(count: int, of: int) -> dict[str, float]:
    low, high = wilson(count, of)
    return {"value": round(count / of, 3), "low": round(low, 3), "high": round(high, 3)}


def quantiles(delays: NDArray[np.float64]) -> dict[str, Any]:
    """Median with its interval, and the ends; None: not within the stream."""
    told = {}
    for name, share in (("p10", 0.1), ("median", 0.5), ("p90", 0.9)):
        told[name] = [int(value) if np.isfinite(value) else None for value in of_quantile(delays, share)]
    return {**told, "not_seen": rate(int(np.isinf(delays).sum()), len(delays))}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data")
    folder = data_folder(parser.parse_args().data)
    begun = time.process_time()
    figures: dict[str, Any] = {
        "streams": STREAMS,
        "level": LEVEL,
        "look": LOOK,
        "reference": REFERENCE,
        "compared": COMPARED,
    }
    for name, draw in (("confidence", confidence), ("new_domain", questions(folder))):
        fitted: Fitted = {}
        figures[name] = {"nothing_changes": quiet(draw, fitted)}
        print(name, f"{time.process_time() - begun:.0f} s", figures[name], file=sys.stderr)
        for share in SHARES:
            figures[name][f"{share:g}"] = {
                **watched(draw, fitted, share),
                "found_by_one_comparison": compared(draw, share),
            }
            print(share, f"{time.process_time() - begun:.0f} s", figures[name][f"{share:g}"], file=sys.stderr)
    figures["seconds_of_processor"] = round(time.process_time() - begun)
    keep("drift_streams", figures)


if __name__ == "__main__":
    main()
