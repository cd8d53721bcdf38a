"""Heads on labelled texts: accuracy, macro-F1, is the probability true, how long it took, how large the file is.

    python -m benchmarks.heads --data FOLDER [--out FOLDER] [--only NAME]

The smallest tier: `palier distill --student head` as it is, on four sets. Each figure is of texts that were not taught:

- banking77: only the official training texts are at hand; four in ten of them, by a hash, are left out;
- clinc150: taught on train, judged on val, the 150 intents; then how far its probability tells those apart that are none;
- armorique: the messages of the sample company, train and holdout;
- headlines: FrugalGPT's HEADLINES, training part; four in ten, by a hash, are left out.

Published figures on the official test sets (Banking77: BERT-tuned 93.66, USE 92.81, Casanueva et al., 2020; CLINC150, in
scope: BERT 96.9, MLP on USE 93.5, SVM 91.0, Larson et al., 2019) are of other texts and, for Banking77, of more training
texts: they say what is usual, not who is better. `--out` also writes what is said of each text, a JSON line {id, input,
output, confidence, reference}, to be imported as a candidate's results: NAME.jsonl of those left out, and
NAME-taught.jsonl of the others, each by a head that was not taught it (out of fold).
"""

from __future__ import annotations

import argparse
import gzip
import hashlib
import json
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.results import ROOT, data_folder, keep
from palier.heads import file as head_file
from palier.metrics.intervals import bca, wilson_of_families
from palier.metrics.reliability import auroc, brier, expected_calibration_error
from palier.retrieval import sentence_model
from palier.training import heads
from palier.training.examples import Example, Examples, gathered, key


@dataclass(frozen=True, slots=True)
class Text:
    id: str
    text: str
    label: str


@dataclass(frozen=True, slots=True)
class Task:
    """What is taught, what is judged, and texts that have none of the labels."""

    taught: Sequence[Text]
    judged: Sequence[Text]
    foreign: Sequence[Text] = ()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", help="the folder of public data")
    parser.add_argument("--out", type=Path, help="where to write what is said of each left-out text")
    parser.add_argument("--only", choices=TASKS, help="one set alone; nothing is kept")
    arguments = parser.parse_args()
    folder = data_folder(arguments.data)
    measured = {}
    for name in [arguments.only] if arguments.only else TASKS:
        print(f"--- {name}", file=sys.stderr)
        measured[name] = measure(name, TASKS[name](folder), arguments.out)
    if arguments.only:
        print(json.dumps(measured, indent=2))
    else:
        keep("heads", measured)


def measure(name: str, task: Task, out: Path | None) -> dict[str, Any]:
    """Teach and judge."""
    examples = gathered(Example(text=t.text, label=t.label) for t in task.taught)
    started, processor = time.perf_counter(), time.process_time()
    taught = heads.teach(
        examples, embed, sentence_model.name(), source=name, done=lambda words: print(f"  {words}", file=sys.stderr)
    )
    seconds, processor = time.perf_counter() - started, time.process_time() - processor
    head = head_file.parse(taught.content)
    texts = [t.text for t in task.judged]
    vectors = embed(texts)
    started = time.perf_counter()
    p = head.probabilities(texts, vectors)
    each = (time.perf_counter() - started) / len(texts)
    report = taught.report
    figures = {
        "taught": len(task.taught),
        "labels": report.labels,
        "judged": len(task.judged),
        **judged(p, task.judged, head.header.labels),
        "cross-validated on what was taught": {
            "accuracy": [report.accuracy.value, report.accuracy.low, report.accuracy.high],
            "macro_f1": [report.macro_f1.value, report.macro_f1.low, report.macro_f1.high],
            "calibration_error": report.calibration_error,
        },
        "reads": report.reads,
        "penalty": report.ridge,
        "tried": {f"{t.reads}, {t.ridge:g}": [t.log_loss, t.accuracy] for t in report.tried},
        "tried on": report.tried_on,
        "seconds": round(seconds, 1),
        "processor seconds": round(processor, 1),
        "microseconds a text, beside its embedding": round(each * 1e6),
        "file bytes": len(taught.content),
    }
    if task.foreign:
        others = [t.text for t in task.foreign]
        q = head.probabilities(others, embed(others))
        kept = np.concatenate([p.max(axis=1), q.max(axis=1)])
        figures["texts of none of its labels"] = {
            "texts": len(others),
            "AUROC of the probability against those of its labels": round(
                auroc(kept, np.r_[np.ones(len(p)), np.zeros(len(q))]) or 0.0, 4
            ),
            "share with a probability of 0.5 or more": round(float((q.max(axis=1) >= 0.5).mean()), 4),
        }
    if out is not None:
        write(out / f"{name}.jsonl", task.judged, p, head.header.labels)
        write(out / f"{name}-taught.jsonl", in_order(examples, task.taught), taught.held_out, head.header.labels)
    return figures


def judged(p: np.ndarray, texts: Sequence[Text], labels: Sequence[str]) -> dict[str, Any]:
    """Accuracy and macro-F1 with 95 % intervals (texts that read the same are drawn together), and calibration."""
    y = np.array([labels.index(t.label) for t in texts])
    taken = p.argmax(axis=1)
    right = taken == y
    families = np.unique([key(t.text) for t in texts], return_inverse=True)[1]
    most = p.max(axis=1)
    sure = most >= np.quantile(most, 0.2)
    return {
        "accuracy": rounded(right.mean(), *wilson_of_families(right, families)),
        "macro_f1": rounded(*bca(heads._counts(y, taken, len(labels)), heads._macro_f1, families)),
        "calibration_error": round(expected_calibration_error(most, right), 4),
        "brier": round(brier(most, right), 4),
        "AUROC of the probability": round(auroc(most, right) or 0.0, 4),
        "accuracy of the surest 80 %": round(float(right[sure].mean()), 4),
    }


def rounded(*values: float) -> list[float]:
    return [round(float(value), 4) for value in values]


def in_order(examples: Examples, texts: Sequence[Text]) -> list[Text]:
    """The texts in the order of their examples."""
    found: dict[tuple[str, str], list[Text]] = {}
    for text in reversed(texts):
        found.setdefault((text.text, text.label), []).append(text)
    return [found[row.text, row.label].pop() for row in examples.rows]


def write(file: Path, texts: Sequence[Text], p: np.ndarray, labels: Sequence[str]) -> None:
    file.parent.mkdir(parents=True, exist_ok=True)
    with file.open("w", encoding="utf-8") as lines:
        for text, row in zip(texts, p, strict=True):
            best = int(row.argmax())
            line = {"id": text.id, "input": text.text, "output": labels[best], "confidence": round(float(row[best]), 6)}
            lines.write(json.dumps({**line, "reference": text.label}, ensure_ascii=False) + "\n")


def embed(texts: Sequence[str]) -> np.ndarray:
    return np.concatenate([sentence_model.embed(texts[at : at + 64]) for at in range(0, len(texts), 64)])


def rows(file: Path) -> list[dict[str, Any]]:
    content = file.read_bytes()
    text = gzip.decompress(content) if file.suffix == ".gz" else content
    return [json.loads(line) for line in text.splitlines()]


def left_out(name: str) -> bool:
    """Four in ten, by a hash."""
    return int(hashlib.sha256(name.encode()).hexdigest(), 16) % 10 >= 6


def banking77(folder: Path) -> Task:
    texts = [
        Text(f"banking77-{i}", r["text"], r["label"]) for i, r in enumerate(rows(folder / "banking77/train.jsonl.gz"))
    ]
    return Task([t for t in texts if not left_out(t.text)], [t for t in texts if left_out(t.text)])


def clinc150(folder: Path) -> Task:
    found: dict[str, list[Text]] = {}
    for i, r in enumerate(rows(folder / "clinc150/dev.jsonl.gz")):
        found.setdefault(r["split"], []).append(Text(f"clinc150-{i}", r["text"], r["label"]))
    return Task(found["train"], found["val"], [*found["oos_train"], *found["oos_val"]])


def armorique(_: Path) -> Task:
    found = rows(ROOT / "examples/armorique/messages.jsonl")
    texts = {r["id"]: Text(r["id"], r["text"], r["intent"]) for r in found}
    return Task(
        [texts[r["id"]] for r in found if r["split"] == "train"],
        [texts[r["id"]] for r in found if r["split"] == "holdout"],
    )


def headlines(folder: Path) -> Task:
    texts = [
        Text(f"headlines-{r['id']}", r["query"].removeprefix("Q: ").removesuffix("\nA:"), r["label"])
        for r in rows(folder / "frugalgpt/headlines_train.jsonl.gz")
    ]
    return Task([t for t in texts if not left_out(t.id)], [t for t in texts if left_out(t.id)])


TASKS = {"armorique": armorique, "headlines": headlines, "banking77": banking77, "clinc150": clinc150}

if __name__ == "__main__":
    main()
