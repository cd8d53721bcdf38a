"""Banking77: a head over ten folds, and heads against lessons.

    python -m benchmarks.banking77 --data FOLDER [--folds 10]

Only the official training texts are at hand. Ten stratified folds: each is judged by a head that the other nine taught,
its settings chosen within them. Then heads of 100, 300, 1,000, 3,000 and all lessons of nine folds, judged on the tenth:
three draws each, with as much of each label as there is; a head refuses a label with one example, so that 100 lessons
are two of each of fifty labels, and of the other twenty-seven it can name none. The texts are the customers' own, with
their gold labels. Adapters on the same lessons: `banking77_lora`.

Published, of the official test texts: USE + ConveRT 93.4 (Casanueva et al., 2020). Tried beforehand on the same: a
logistic head on the embedded encoder alone 91.9, TF-IDF and a linear SVM 89.4.
"""

from __future__ import annotations

import argparse
import sys
from collections import Counter, defaultdict
from collections.abc import Sequence
from pathlib import Path
from statistics import mean
from typing import Any

import numpy as np

from benchmarks.heads import Text, rows
from benchmarks.results import data_folder, keep, mean_and_error
from benchmarks.students import Embedded, parts, share, taught_head, watt_hours
from palier.metrics.intervals import wilson_of_families

BAR, BAR_S = 0.92, 60
FOLDS = 10
SIZES = (100, 300, 1000, 3000)
DRAWS = 3


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", help="the folder of public data")
    parser.add_argument("--folds", type=int, default=FOLDS, help="of ten, how many are judged")
    arguments = parser.parse_args()
    texts = read(data_folder(arguments.data))
    embedded = Embedded(texts)
    folds = by_folds(texts, embedded, arguments.folds)
    keep("banking77", {"ten folds": folds, "against lessons": by_lessons(texts, embedded, folds)})


def read(folder: Path) -> list[Text]:
    return [Text(str(i), r["text"], r["label"]) for i, r in enumerate(rows(folder / "banking77/train.jsonl.gz"))]


def by_folds(texts: Sequence[Text], embedded: Embedded, count: int) -> dict[str, Any]:
    part, found = parts(texts, FOLDS), []
    for fold in range(count):
        taught = [t for t, p in zip(texts, part, strict=True) if p != fold]
        judged = [t for t, p in zip(texts, part, strict=True) if p == fold]
        found.append(taught_head(taught, judged, embedded, "banking77"))
        print(fold, share(found[-1]["right"]), round(found[-1]["seconds"]), file=sys.stderr)
    accuracies = [share(fold["right"])[0] for fold in found]
    seconds = [fold["seconds"] for fold in found]
    return {
        "folds": count,
        "taught, about": len(texts) - len(texts) // FOLDS,
        "mean accuracy": mean_and_error(accuracies),
        "of all texts": share([right for fold in found for right in fold["right"]]),
        "of each fold": accuracies,
        "reads": dict(Counter(fold["reads"] for fold in found)),
        "processor seconds to teach, encoder included": [round(min(seconds), 1), round(max(seconds), 1)],
        "seconds by the clock, without the encoder": [round(f([one["clock"] for one in found]), 1) for f in (min, max)],
        "watt-hours to teach, estimated": watt_hours(mean(seconds)),
        "milliseconds a text, encoder included": round(1000 * mean(fold["each"] for fold in found), 2),
        "file bytes": found[0]["bytes"],
        "holds": {f"accuracy at least {BAR}": mean(accuracies) >= BAR, f"under {BAR_S} s": max(seconds) < BAR_S},
    }


def by_lessons(texts: Sequence[Text], embedded: Embedded, all_of_them: dict[str, Any]) -> dict[str, Any]:
    """The tenth fold by heads of fewer lessons; the last line is that of the folds."""
    apart, judged = taught_and_judged(texts)
    figures = {}
    for size in SIZES:
        found = [taught_head(drawn(apart, size, seed), judged, embedded, "banking77") for seed in range(DRAWS)]
        figures[str(size)] = {
            "accuracy": share_of_draws([one["right"] for one in found]),
            "of each draw": [share(one["right"])[0] for one in found],
            "processor seconds": round(mean(one["seconds"] for one in found), 1),
            "watt-hours, estimated": watt_hours(mean(one["seconds"] for one in found)),
            "reads": [one["reads"] for one in found],
        }
        print(size, figures[str(size)], file=sys.stderr)
    figures[str(len(apart))] = {
        "accuracy": all_of_them["of all texts"],
        "watt-hours, estimated": all_of_them["watt-hours to teach, estimated"],
    }
    return {"judged": len(judged), "draws": DRAWS, "lessons": figures}


def share_of_draws(right: Sequence[Sequence[bool]]) -> list[float]:
    """The mean with its 95 % interval: the draws judge the same texts, and what is drawn again is texts."""
    flat, texts = np.ravel(right), np.tile(np.arange(len(right[0])), len(right))
    return [round(value, 4) for value in (float(flat.mean()), *wilson_of_families(flat, texts))]


def taught_and_judged(texts: Sequence[Text]) -> tuple[list[Text], list[Text]]:
    """Nine folds to draw lessons from, and the tenth."""
    part = parts(texts, FOLDS)
    return (
        [t for t, p in zip(texts, part, strict=True) if p != 0],
        [t for t, p in zip(texts, part, strict=True) if p == 0],
    )


def drawn(texts: Sequence[Text], size: int, seed: int) -> list[Text]:
    """`size` lessons, as much of each label as there is, but two of each at least: then of fewer labels."""
    random = np.random.default_rng(seed)
    of: dict[str, list[Text]] = defaultdict(list)
    for at in random.permutation(len(texts)):
        of[texts[at].label].append(texts[at])
    labels = sorted(of)
    random.shuffle(labels)
    labels = labels[: size // 2]
    turns = [
        text for turn in range(max(map(len, of.values()))) for name in labels for text in of[name][turn : turn + 1]
    ]
    return turns[:size]


if __name__ == "__main__":
    main()
