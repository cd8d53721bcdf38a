"""What a small model's log-probabilities add to the guard `grounding`, and what they cost.

    python -m benchmarks.grounding_logprob --data FOLDER [--rows N] [--write]

FaithDial's audited responses, as many that are `entailment` alone as others, drawn by lot: SmolLM2-135M (`palier models pull smollm2-135m`), embedded as
palier runs it, is made to write each response with the knowledge and without, and the mean difference of log-probability
a token is the lift (`guards.likely`). The weight that it has beside the guard's own support is fitted to
`supported`, entailed and nothing else, as the package's weights are, here out of fold by knowledge snippet; `--write` puts the one fitted to all into the package. The support is the guard's own
out of fold (`fit_grounding`), so that neither saw a response to the same knowledge. Intervals are 95 %, of snippets. Milliseconds are of a sentence,
the passage not seen before, on whatever else the machine does.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import sys
import time
from pathlib import Path
from typing import Any, cast

import numpy as np
from numpy.typing import NDArray

from benchmarks import fit_grounding as fitting
from benchmarks import grounding_texts as texts
from benchmarks.fit_grounding import folds
from benchmarks.grounding import DRAWS, auroc, interval
from benchmarks.results import data_folder, keep
from palier.config import Model
from palier.guards.likely import lift
from palier.guards.weighing import SHIPPED, Lift
from palier.interfaces import Resources
from palier.models import engine
from palier.models.engine_tokens import EngineTokens
from palier.privacy.connector import HttpConnector

Array = NDArray[np.float64]
BASE = "smollm2-135m"
RIDGE = 1.0
LEAST, MOST = -2.0, 4.0


def odds(support: Array) -> Array:
    held = np.clip(support, 1e-9, 1 - 1e-9)
    found: Array = np.log(held / (1 - held))
    return found


def weight_of(support: Array, lifts: Array, right: Array) -> float:
    """What a nat is worth in log-odds of the support: logistic on both, by Newton's method; 0 where it is worth less."""
    table = np.column_stack((odds(support), np.clip(lifts, LEAST, MOST), np.ones(len(lifts))))
    at, penalty = np.zeros(3), np.array([RIDGE, RIDGE, 1e-6])
    for _ in range(50):
        said = 1 / (1 + np.exp(-(table @ at)))
        slope = table.T @ (said - right) + penalty * at
        step = np.linalg.solve((table * (said * (1 - said))[:, None]).T @ table + np.diag(penalty), slope)
        at = at - step
        if np.abs(step).max() < 1e-9:
            break
    return max(float(at[1] / at[0]), 0.0) if at[0] > 0 else 0.0


def centre_of(support: Array, lifts: Array, right: Array, weight: float, threshold: float) -> float:
    """The lift that moves nothing: such that as many supported responses pass the guard's threshold as before."""
    ones = right > 0
    passing = float((support[ones] >= 1 - threshold).mean())
    moved = odds(support[ones]) + weight * np.clip(lifts[ones], LEAST, MOST)
    limit = float(np.quantile(moved, 1 - passing))
    return float(np.clip((limit - odds(np.array([1 - threshold]))[0]) / max(weight, 1e-9), LEAST, MOST))


def moved(support: Array, lifts: Array, one: Lift) -> Array:
    return np.array([one.moved(a, b) for a, b in zip(support.tolist(), lifts.tolist(), strict=True)])


def difference(first: Array, second: Array, right: Array, families: list[str]) -> list[float]:
    """By how much the AUROC of the first is higher, and its interval, snippets drawn together."""
    known = {family: n for n, family in enumerate(dict.fromkeys(families))}
    of = np.array([known[family] for family in families])
    chance, drawn = np.random.default_rng(0), []
    for _ in range(DRAWS):
        at = np.concatenate([np.flatnonzero(of == n) for n in chance.integers(0, len(known), len(known))])
        if 0 < right[at].sum() < len(at):
            drawn.append(auroc(first[at], right[at]) - auroc(second[at], right[at]))
    low, high = np.quantile(drawn, (0.025, 0.975))
    return [round(float(v), 4) for v in (auroc(first, right) - auroc(second, right), low, high)]


async def lifts_of(cases: list[texts.Case], threads: int) -> tuple[Array, Array]:
    """The lift of each response, and the seconds that it took."""
    connector = HttpConnector()
    settings = Model(kind="engine", weights=BASE, threads=threads, parallel=1, total_timeout_s=600.0)
    model = engine.build("small", settings, Resources(connector, cast(Any, None), cast(Any, None), Path(), Path))
    found, took = [], []
    try:
        await model.start()
        tokens = EngineTokens(model)
        for number, case in enumerate(cases):
            began = time.perf_counter()
            found.append(await lift(tokens, case.text.strip(), case.question, case.evidence[0]))
            took.append(time.perf_counter() - began)
            if number % 10 == 0:
                print(time.strftime("%X"), number, "of", len(cases), file=sys.stderr)
    finally:
        await model.close()
        await connector.close()
    return np.array(found), np.array(took)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data")
    parser.add_argument("--rows", type=int, default=60)
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--write", action="store_true", help="put the weight into the package")
    given = parser.parse_args()
    folder = data_folder(given.data)
    public = fitting.same(texts.faithdial(folder))
    own, easy, _ = fitting.ours()
    held, _ = fitting.out_of_fold(public, own, easy)
    bar = np.array([float(case.right) for case in texts.faithdial(folder, whole=False)])
    chance = np.random.default_rng(0)
    halves = [chance.permutation(np.flatnonzero(bar == label))[: given.rows // 2] for label in (0, 1)]
    sample = np.sort(np.concatenate(halves))
    cases = [public.cases[n] for n in sample]
    lifts, took = asyncio.run(lifts_of(cases, given.threads))
    support, right, entailed = held[sample], public.right[sample], bar[sample]
    families = [case.family for case in cases]
    part = folds(families, seed=0)
    both = np.zeros(len(cases))
    for fold in range(fitting.FOLDS):
        seen = part != fold
        one = Lift(weight=weight_of(support[seen], lifts[seen], right[seen]), centre=0.0, least=LEAST, most=MOST)
        both[~seen] = moved(support[~seen], lifts[~seen], one)
    threshold = json.loads(SHIPPED.read_text())["threshold"]
    weight = weight_of(support, lifts, right)
    centre = centre_of(support, lifts, right, weight, threshold)
    if given.write:
        held_file = json.loads(SHIPPED.read_text())
        held_file["lift"] = {"weight": round(weight, 4), "centre": round(centre, 4), "least": LEAST, "most": MOST}
        SHIPPED.write_text(json.dumps(held_file, indent=2, ensure_ascii=False) + "\n")
    readings = {"supported, uncooperative or not": right, "entailment alone against the rest": entailed}
    keep(
        "grounding_logprob",
        {
            "what": "AUROC: value, and 95 % interval by knowledge snippet",
            "model": BASE,
            "threads": given.threads,
            "n": len(cases),
            "snippets": len(set(families)),
            **{
                name: {
                    "right": int(labels.sum()),
                    "the guard's sum": interval(support, labels, families),
                    "lift alone": interval(lifts, labels, families),
                    "both, out of fold": interval(both, labels, families),
                    "both less the sum": difference(both, support, labels, families),
                }
                for name, labels in readings.items()
            },
            "fitted": {"weight": round(weight, 4), "centre": round(centre, 4)},
            "lift, nats a token, quartiles": [round(float(v), 3) for v in np.quantile(lifts, (0.25, 0.5, 0.75))],
            "lifts": [round(float(v), 4) for v in lifts],
            "ms a response": {f"p{q}": round(float(np.percentile(took, q)) * 1000) for q in (50, 90, 99)},
        },
    )


if __name__ == "__main__":
    main()
