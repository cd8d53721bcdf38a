"""The monitor where the world changes: after how many audited answers it speaks, and how often it is wrong to.

    python -m benchmarks.drift --data DIR

Streams are drawn with replacement from recorded answers (Zellinger & Thomson 2025, arXiv 2501.09345: answers of Llama 3
models to TriviaQA and MMLU, right or wrong, with their log-probability). Kept is what reaches the log-probability at
which the risk on TriviaQA is 0.9 of the promise. Every kept answer of a stream is audited; at an audit of 2 %, a delay
is that of 50 times as many kept answers. Detectors run on all streams at once; the first streams are also given to
palier's own `Monitor`, which must speak at the same answer.
"""

from __future__ import annotations

import argparse
import gzip
import json
import math
import time
import timeit
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

import msgspec
import numpy as np

from benchmarks.detectors import DELTA, DETECTORS, FOR_LENGTH, NEVER, Array, Times, interval_missed, monitor, share
from benchmarks.results import data_folder, keep
from palier.routing.monitor import Monitor

ALPHAS = (0.05, 0.10, 0.20)
ANSWERS, CHANGE = FOR_LENGTH, FOR_LENGTH // 2
CHANGING, STEADY, OWN = 200, 1000, 8
LONG = 100_000
AUDIT = 0.02

SCENARIOS = {
    "questions": (("triviaqa", "llama3.1-8b"), ("mmlu", "llama3.1-8b")),
    "questions_70b": (("triviaqa", "llama3.1-70b"), ("mmlu", "llama3.1-70b")),
    "smaller_model": (("triviaqa", "llama3.1-8b"), ("triviaqa", "llama3.2-3b")),
}
"""What answers before the change and after it; the threshold stays that of before."""


class Recorded(NamedTuple):
    """Of every question: the log-probability of the model's answer, and 1 where it is wrong."""

    logprob: Array
    wrong: Array

    def kept(self, threshold: float) -> Array:
        return self.wrong[self.logprob >= threshold]


def recorded(folder: Path, questions: str, model: str) -> Recorded:
    rows = []
    for part in ("train", "test"):
        with gzip.open(folder / "cascade_logprob" / f"{questions}_llama_chain_{part}.jsonl.gz", "rt") as lines:
            answers = (json.loads(line)["models"][model] for line in lines)
            rows += [(answer["logprob"], float(not answer["correct"])) for answer in answers]
    return Recorded(*np.array(rows).T)


def threshold(answers: Recorded, risk: float) -> float:
    """The lowest log-probability above which the share of wrong answers is at most `risk`."""
    order = np.argsort(-answers.logprob)
    risks = np.cumsum(answers.wrong[order]) / np.arange(1, len(order) + 1)
    last_of_ties = np.append(np.diff(answers.logprob[order]) < 0, True)
    return float(answers.logprob[order][np.flatnonzero((risks <= risk) & last_of_ties)[-1]])


def delays(spoke: Times, change: int) -> dict[str, Any]:
    """Audited kept answers from the change to the alarm, of the streams that were silent before it."""
    after = np.sort((spoke[spoke > change]).astype(float))
    after = np.where(after == NEVER, np.inf, after - change)

    def quantile(q: float) -> int | None:
        value = after[math.ceil(q * len(after)) - 1] if len(after) else np.inf
        return int(value) if np.isfinite(value) else None

    median = quantile(0.5)
    return {
        "spoke_before": int((spoke <= change).sum()),
        "p10": quantile(0.1),
        "median": median,
        "p90": quantile(0.9),
        "never": round(float(np.isinf(after).mean()), 3) if len(after) else None,
        "median_kept_answers_at_2_percent": None if median is None else round(median / AUDIT),
    }


def own(losses: Array, alpha: float, expected: Times) -> Iterator[Monitor]:
    """Palier's own monitor on the first streams, up to the alarm."""
    for stream, spoke in zip(losses.T[:OWN], expected, strict=False):
        watching = Monitor(alpha=alpha, delta=DELTA)
        for loss in stream:
            watching = watching.update(float(loss))
            if watching.alarm:
                break
        assert (watching.alarmed_at or NEVER) == spoke, "the benchmark's monitor is not palier's"
        yield watching


def changing(folder: Path, random: np.random.Generator) -> dict[str, Any]:
    """Every scenario at every promise. Where the promise still holds after the change, silence is right."""
    figures: dict[str, Any] = {}
    for name, (before, after) in SCENARIOS.items():
        good, new = recorded(folder, *before), recorded(folder, *after)
        for alpha in ALPHAS:
            level = threshold(good, 0.9 * alpha)
            kept = good.kept(level), new.kept(level)
            losses = np.concatenate([random.choice(k, (CHANGE, CHANGING)) for k in kept])
            spoke = {detector: run(losses, alpha) for detector, run in DETECTORS.items()}
            seen = [m for m in own(losses, alpha, spoke["monitor"]) if m.alarm]
            figures[f"{name}/{alpha:.2f}"] = {
                "threshold": round(level, 5),
                "risk_before": round(float(kept[0].mean()), 4),
                "risk_after": round(float(kept[1].mean()), 4),
                "still_true": bool(kept[1].mean() <= alpha),
                "kept_share": [round(len(k) / len(r.wrong), 3) for k, r in zip(kept, (good, new), strict=True)],
                "interval_missed": share(
                    interval_missed(losses, np.repeat([k.mean() for k in kept], CHANGE)), CHANGING
                ),
                "onset_error_median": float(np.median([abs(m.onset - CHANGE) for m in seen])) if seen else None,
                "delay": {detector: delays(times, CHANGE) for detector, times in spoke.items()},
            }
    return figures


def steady(folder: Path, random: np.random.Generator) -> dict[str, Any]:
    """False alarms without a change: recorded answers at 0.9 of the promise, and the hardest case, exactly it."""
    good = recorded(folder, *SCENARIOS["questions"][0])
    figures: dict[str, Any] = {}
    for alpha in ALPHAS:
        kept = good.kept(threshold(good, 0.9 * alpha))
        exactly = (random.random((ANSWERS, STEADY)) < alpha).astype(float)
        cases = {"recorded": random.choice(kept, (ANSWERS, STEADY)), "exactly_alpha": exactly}
        for name, losses in cases.items():
            alarms = {d: share(int((run(losses, alpha) != NEVER).sum()), STEADY) for d, run in DETECTORS.items()}
            figures[f"{name}/{alpha:.2f}"] = alarms
        missed = interval_missed(exactly, np.full(ANSWERS, alpha))
        figures[f"exactly_alpha/{alpha:.2f}"]["interval_missed"] = share(missed, STEADY)
        long = (random.random((LONG, STEADY // 2), dtype=np.float32) < alpha).astype(float)
        alarms = int((monitor(long, alpha) != NEVER).sum())
        figures[f"exactly_alpha_for_{LONG}/{alpha:.2f}"] = {"monitor": share(alarms, STEADY // 2)}
    return figures


def by_position(random: np.random.Generator) -> dict[str, Any]:
    """The median delay by when the risk goes from 0.9 to twice the promise of 10 %: what a long good time costs."""
    figures = {}
    for change in (0, 100, 1000, 10_000, 50_000):
        risks = np.repeat([0.09, 0.2], [change, 2000])[:, None]
        losses = (random.random((change + 2000, CHANGING)) < risks).astype(float)
        figures[str(change)] = {
            name: delays(DETECTORS[name](losses, 0.1), change)["median"] for name in ("monitor", "bets_from_start")
        }
    return figures


def price() -> dict[str, float]:
    """What one answer costs, and what is stored of it; the best of five rounds."""
    watching = Monitor(alpha=0.1, delta=DELTA)
    losses = np.random.default_rng(1).random(2000) < 0.08
    for loss in losses:
        watching = watching.update(float(loss))
    return {
        "update_microseconds": round(min(timeit.repeat(lambda: watching.update(0.0), number=500)) / 500 * 1e6, 1),
        "interval_microseconds": round(min(timeit.repeat(lambda: watching.interval, number=20)) / 20 * 1e6),
        "state_bytes": len(msgspec.json.encode(watching)),
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data")
    folder = data_folder(parser.parse_args().data)
    random = np.random.default_rng(20261125)
    begun = time.monotonic()
    figures = {
        "delta": DELTA,
        "changing": changing(folder, random),
        "steady": steady(folder, random),
        "median_delay_by_position_of_change": by_position(random),
        "interval_at_6_percent": {
            n: [round(x, 4) for x in Monitor(alpha=0.1, delta=DELTA, n=n, total=0.06 * n).interval]
            for n in (100, 1000, 10_000)
        },
        "price": price(),
        "seconds": round(time.monotonic() - begun),
    }
    keep("drift", figures)


if __name__ == "__main__":
    main()
