"""What is in scope, on CLINC150: how much of what is out of scope is refused, at which price for what is in it.

    python -m benchmarks.scope --data FOLDER

`palier guard fit scope` learns the 150 intents of `train` (15,000 texts) and is judged on `val` (3,000) and `oos_val` (100),
which it has not seen; its threshold is that of the examples of `train`, by heads that they were not taught, so that so many of them are refused; the bar is held to 1 in 100.
`oos_train` (100 texts) is not taught, and says beforehand how many strangers are refused. A message in scope that is
refused, or is given another intent, counts as wrong. Long texts are twelve of those messages one after the other, of one
intent or of none, by themselves and as a letter, between a beginning and an end that say nothing: what is embedded of
them is their middle (`heads.excerpt`), beside which their beginning is shown. The published figures are those of the
data set's paper (Larson et al., 2019), on its test part.
"""

from __future__ import annotations

import argparse
import gzip
import json
import sys
import time
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from benchmarks.results import data_folder, keep
from palier.heads import file as head_file
from palier.heads.excerpt import Excerpt
from palier.interfaces import Vectors
from palier.metrics.intervals import wilson
from palier.metrics.reliability import auroc
from palier.retrieval import sentence_model
from palier.training import scope
from palier.training.examples import Example, gathered

OUTSIDE = "oos"
PUBLISHED = {"BERT, threshold": [0.962, 0.523], "BERT, oos-train": [0.969, 0.403], "MLP, threshold": [0.934, 0.491]}
"""In-scope accuracy, and recall of what is out of scope."""
TOGETHER = 12
LETTER = (
    "Hello, I hope this finds you well. I have been with you for many years now, and am writing about the following. ",
    " Thank you in advance for your help and your time. I look forward to hearing from you soon. Yours sincerely, Anna",
)
"""How a letter begins and ends."""
FLOOR_ACCURACY, FLOOR_RECALL, FLOOR_S = 0.94, 0.60, 60.0


def embed(texts: Sequence[str]) -> Vectors:
    return np.concatenate([sentence_model.embed(texts[at : at + 64]) for at in range(0, len(texts), 64)])


def share(held: Any) -> list[float]:
    low, high = wilson(int(np.sum(held)), len(held))
    return [round(float(np.mean(held)), 4), round(low, 4), round(high, 4)]


def long_texts(head: head_file.Head, inside: Sequence[Any], outside: Sequence[Any]) -> dict[str, Any]:
    """By how many characters are embedded: how well long texts of one intent are told from those of none, and named."""
    chance = np.random.default_rng(0)
    intents = sorted({row["label"] for row in inside})
    own = {name: [row["text"] for row in inside if row["label"] == name] for name in intents}
    strange = [row["text"] for row in outside]
    of = [intents[n] for n in chance.permutation(len(intents)).repeat(2)]
    texts = [". ".join(chance.choice(own[name], TOGETHER, replace=False)) for name in of]
    texts += [". ".join(chance.choice(strange, TOGETHER, replace=False)) for _ in of]
    found: dict[str, Any] = {}
    for kind, begins, ends in (("by themselves", "", ""), ("as a letter", *LETTER)):
        written = [f"{begins}{text}{ends}" for text in texts]
        ways: dict[str, Callable[[str], str]] = {"the whole": lambda text: text}
        for size in (60, 120, 240):
            ways[f"{size} of the middle"] = Excerpt(characters=size, long=size, of_long=size).of
            ways[f"{size} of the beginning"] = lambda text, size=size: text[:size]  # type: ignore[misc]
        found[kind] = {way: _told(head, written, [cut(text) for text in written], of) for way, cut in ways.items()}
    return {"texts": len(texts), "characters of the middle one": int(np.median([*map(len, texts)])), "embedded": found}


def _told(head: head_file.Head, texts: Sequence[str], embedded: Sequence[str], of: Sequence[str]) -> dict[str, Any]:
    """How well the first, of these intents, are told from the others, and named."""
    linear = head.linear(texts, embed(embedded))
    named = [head.header.labels[n] == name for n, name in zip(linear.argmax(axis=1), of, strict=False)]
    told = auroc(linear.max(axis=1), np.arange(len(texts)) < len(of))
    return {"auroc": round(told or 0.0, 4), "named right": share(named)}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data")
    folder = data_folder(parser.parse_args().data) / "clinc150"
    with gzip.open(folder / "dev.jsonl.gz", "rt", encoding="utf-8") as file:
        rows = [json.loads(line) for line in file]
    taught = gathered(
        Example(text=row["text"], label=OUTSIDE if row["split"] == "oos_train" else row["label"])
        for row in rows
        if row["split"] in ("train", "oos_train")
    )
    embed(["warm"])
    started = time.perf_counter()
    fitted = scope.fit(taught, embed, sentence_model.name(), outside=OUTSIDE, done=lambda w: print(w, file=sys.stderr))
    took = time.perf_counter() - started
    head = head_file.parse(fitted.content)
    assert head.header.reject is not None
    inside = [row for row in rows if row["split"] == "val"]
    outside = [row for row in rows if row["split"] == "oos_val"]
    texts = [row["text"] for row in (*inside, *outside)]
    linear = head.linear(texts, embed(texts))
    quantiles = np.asarray(head.header.reject.inside)
    scores = np.array([head_file.further_in(quantiles, float(one)) for one in linear.max(axis=1)])
    named = [head.header.labels[n] for n in linear.argmax(axis=1)]
    right = np.array([name == row["label"] for name, row in zip(named, inside, strict=False)])
    own, strange = scores[: len(inside)], scores[len(inside) :]
    at = {}
    for refused in (0.0, 0.005, 0.01, 0.02, 0.03, 0.05, 0.1):
        limit = 1 - refused
        at[f"{refused:g}"] = {
            "in_scope_accuracy": share(right & (own <= limit)),
            "refused_in_scope": share(own > limit),
            "out_of_scope_recall": share(strange > limit),
        }
    default = at["0.01"]
    keep(
        "scope",
        {
            "what": "CLINC150: fitted on train, judged on val and oos_val; by the share of own examples refused",
            "seconds": round(took, 1),
            "megabytes": round(len(fitted.content) / 1e6, 2),
            "examples": fitted.report.n,
            "said_beforehand": {"accuracy": fitted.report.accuracy.value, "recall": head.header.reject.recall},
            "auroc": round(auroc(-scores, np.arange(len(scores)) < len(inside)) or 0.0, 4),
            "by_share_refused": at,
            "long texts": long_texts(head, inside, outside),
            "held to": "0.01",
            "published, on the test part": PUBLISHED,
            "floors": {"accuracy": FLOOR_ACCURACY, "recall": FLOOR_RECALL, "seconds": FLOOR_S},
            "holds": default["in_scope_accuracy"][0] >= FLOOR_ACCURACY
            and default["out_of_scope_recall"][1] >= FLOOR_RECALL
            and took < FLOOR_S,
        },
    )


if __name__ == "__main__":
    main()
