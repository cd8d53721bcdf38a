"""FrugalGPT's HEADLINES: a head beside what large models and their cascade were published to do, and what each costs.

    python -m benchmarks.frugalgpt --data FOLDER [--folds 5]

Only the training part is at hand: each fifth is left out in turn, and judged by a head that the other four taught. **The
students are taught by gold labels**, which GPT-4-Turbo and FrugalGPT's cascade were not: it says what a head can learn
of the task, not that a large model would have taught it. The published figures (FrugalGPT's repository,
`summary_HEADLINES_e8_full_2024.csv`) are of its test part, five thousand other headlines.
"""

from __future__ import annotations

import argparse
import csv
import sys
from collections import Counter
from pathlib import Path
from statistics import mean
from typing import Any

import numpy as np

from benchmarks.heads import Text, rows
from benchmarks.results import data_folder, keep
from benchmarks.students import CARD, DOLLARS_AN_HOUR, WATTS, Embedded, parts, share, taught_head, watt_hours
from palier.metrics.cost import cost

BAR = 0.88


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", help="the folder of public data")
    parser.add_argument("--folds", type=int, default=5)
    arguments = parser.parse_args()
    folder = data_folder(arguments.data) / "frugalgpt"
    texts = [
        Text(str(r["id"]), r["query"].removeprefix("Q: ").removesuffix("\nA:"), r["label"])
        for r in rows(folder / "headlines_train.jsonl.gz")
    ]
    keep("frugalgpt", {**measured(texts, arguments.folds), "published, of the test part": published(folder)})


def measured(texts: list[Text], folds: int) -> dict[str, Any]:
    embedded, part = Embedded(texts), parts(texts, folds)
    found = []
    for fold in range(folds):
        taught = [t for t, p in zip(texts, part, strict=True) if p != fold]
        judged = [t for t, p in zip(texts, part, strict=True) if p == fold]
        found.append(taught_head(taught, judged, embedded, "headlines"))
        print(fold, share(found[-1]["right"]), found[-1]["reads"], round(found[-1]["seconds"]), file=sys.stderr)
    right = [one for fold in found for one in fold["right"]]
    each = mean(fold["each"] for fold in found)
    value = share(right)
    return {
        "student": "a head, taught by gold labels",
        "taught": int(np.sum(part != 0)),
        "judged, in all parts": len(right),
        "accuracy": value,
        "accuracy of each part": [share(fold["right"])[0] for fold in found],
        "reads": dict(Counter(fold["reads"] for fold in found)),
        "bar": BAR,
        "holds": value[0] >= BAR,
        "processor seconds to teach, encoder included": round(mean(fold["seconds"] for fold in found), 1),
        "watt-hours to teach, estimated": watt_hours(mean(fold["seconds"] for fold in found)),
        "milliseconds a query, encoder included": round(each * 1000, 2),
        "dollars a query, estimated": round(cost(CARD, None, busy_ms=each * 1000).value or 0.0, 10),
        "method": f"{DOLLARS_AN_HOUR} dollars an hour and {WATTS:g} W declared, x busy time; idle hours are nobody's",
        "file bytes": found[0]["bytes"],
    }


def published(folder: Path) -> dict[str, Any]:
    """Of each model and of the cascade: accuracy and dollars a query; of the cascade, the budgets named in the paper."""
    with (folder / "summary_HEADLINES_e8_full_2024.csv").open() as file:
        found = list(csv.DictReader(file))
    return {
        f"{row['Method']} ({float(row['Test_cost']):.3g})": [float(row["Test_acc"]), float(row["Test_cost"])]
        for row in found
        if row["Method"] != "FrugalGPT" or float(row["Budget"]) < 0.0005
    }


if __name__ == "__main__":
    main()
