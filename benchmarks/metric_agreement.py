"""What metrics say against what people said, and how long they take: python -m benchmarks.metric_agreement --data DIR.

`correct` and the signs of abstaining against the labels of FinanceBench (16 recorded configurations), `correct` against
wrong answers of HaluEval, abstaining against the human answers of MTRAG-UN, `grounding` against BEGIN labels of FaithDial.
Their thresholds (`ENOUGH`) were chosen on these rows, so the figures flatter them a little.
"""

from __future__ import annotations

import argparse
import gzip
import json
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.results import data_folder, keep
from palier import registry
from palier.cases import Case, Outcome, Retrieved, Suite
from palier.metrics import grounded
from palier.metrics.correctness import abstained, right
from palier.metrics.means import LONGEST
from palier.metrics.reliability import auroc
from palier.metrics.text import agreement
from palier.text import sentences

CASES = 10_000


def rows(folder: Path, name: str) -> list[dict[str, Any]]:
    with gzip.open(folder / f"{name}.jsonl.gz", "rt", encoding="utf-8") as lines:
        return [json.loads(line) for line in lines]


def against(said: Sequence[bool], people: Sequence[bool]) -> dict[str, float]:
    """Precision, recall and Cohen's kappa of what a metric called right."""
    says, truth = np.array(said), np.array(people)
    both = (says & truth).sum()
    agreed = (says == truth).mean()
    chance = says.mean() * truth.mean() + (1 - says.mean()) * (1 - truth.mean())
    return {
        "n": len(truth),
        "precision": round(float(both / max(says.sum(), 1)), 3),
        "recall": round(float(both / truth.sum()), 3),
        "kappa": round(float((agreed - chance) / (1 - chance)), 3),
    }


def correctness(folder: Path) -> dict[str, Any]:
    """Beside the rules one might have taken instead."""
    finance = [
        (row["question"], row["answer"], (answer["answer"] or "")[:LONGEST], answer["label"])
        for row in rows(folder, "financebench/dev")
        for answer in row["models"].values()
    ]
    people = [label == "Correct Answer" for *_, label in finance]
    rules: dict[str, Callable[[str, str, str], bool]] = {
        "correct": lambda question, known, text: right(text, known, question),
        "agreement of half": lambda _, known, text: agreement(text, known) >= 0.5,
    }
    found = {name: against([rule(q, k, t) for q, k, t, _ in finance], people) for name, rule in rules.items()}
    wrong = rows(folder, "halueval/qa_pairs_dev")
    fooled = [right(row["hallucinated_answer"], row["right_answer"], row["question"]) for row in wrong]
    return {
        "financebench": found,
        "halueval_wrong_called_right": round(float(np.mean(fooled)), 3),
        "halueval": len(wrong),
    }


def abstaining(folder: Path) -> dict[str, float]:
    """Share of answers of each kind that are taken for an abstention."""
    kinds: dict[str, list[str]] = {}
    for row in rows(folder, "financebench/dev"):
        for answer in row["models"].values():
            kinds.setdefault(f"financebench: {answer['label']}", []).append(answer["answer"] or "")
    for row in rows(folder, "mtrag_un/tasks_dev"):
        kinds.setdefault(f"mtrag-un: {row['answerability']}", []).append(row["targets"][0])
    return {
        f"{kind} (n = {len(texts)})": round(
            float(np.mean([abstained(Outcome(id="", candidate="", output=text)) for text in texts])), 3
        )
        for kind, texts in sorted(kinds.items())
    }


def grounding(folder: Path) -> dict[str, Any]:
    """Answers that people called entailed by their document, against those with some hallucination, by threshold."""
    labelled = [
        row for row in rows(folder, "faithdial_begin/dev") if "halluc" in row["begin"] or row["begin"] == "entailment"
    ]
    found: dict[str, Any] = {}
    for enough in (0.4, 0.5, 0.6, 0.7, 0.8):
        grounded.ENOUGH = enough
        scores, truth = [], []
        for row in labelled:
            text, history = row["response"], row["history"]
            asked = history if isinstance(history, str) else " ".join(history)
            judged = [grounded.supported(text[start:end], asked, (row["knowledge"],)) for start, end in sentences(text)]
            if counted := [one for one in judged if one is not None]:
                scores.append(sum(counted) / len(counted))
                truth.append(float(row["begin"] == "entailment"))
        s, t = np.array(scores), np.array(truth)
        found[f"enough {enough}"] = {
            "n": len(s),
            "auroc": round(auroc(s, t) or 0.0, 3),
            "of entailed": round(float(s[t == 1].mean()), 3),
            "of others": round(float(s[t == 0].mean()), 3),
        }
    return found


def speed() -> dict[str, float]:
    """Seconds of processor time for 10,000 cases whose answers have 45 words."""
    text = "The fibre offer costs 29.99 euros a month for {n} months, and the box is sent within five days. "
    long = [f"{text.format(n=n)}{text.format(n=n + 1)}Call us on 02 61 91 00 {n % 90 + 10}." for n in range(CASES)]
    labels = tuple(f"intent number {n} of many" for n in range(77))
    schema = {"type": "object", "properties": {"amount": {"type": "string"}}, "required": ["amount"]}
    took = {}
    for name in registry.METRICS:
        labelled = name in ("accuracy", "macro_f1", "out_of_labels")
        structured = name in ("field_f1", "exact_json", "schema_valid")
        metric = registry.find("metrics", name.replace("@k", "@10"))(
            Suite(name="s", language="en", labels=labels, schema=schema)
        )
        pairs = []
        for n in range(CASES):
            output, reference = long[n], long[(n * 7 + 1) % CASES]
            if labelled:
                output, reference = f"Message {n}: I think it is {labels[n % 77]}.", labels[n * 3 % 77]
            if structured:
                output, reference = (json.dumps({"amount": f"{m},50 €", "lines": [m, 2, 3]}) for m in (n, n + 1))
            found = tuple(Retrieved(document=f"kb/d{m}", cited=m < 2, text=long[m]) for m in range(6))
            case = Case(id=str(n), references=(reference,), relevant=("d1",), must_contain=("29,99 €",))
            pairs.append((case, Outcome(id=str(n), candidate="c", output=output, retrieved=found)))
        started = time.process_time()
        for case, outcome in pairs:
            metric.statistics(case, outcome)
        took[name] = round(time.process_time() - started, 2)
    return took


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data")
    folder = data_folder(parser.parse_args().data)
    took = speed()
    figures = {
        "correct": correctness(folder),
        "abstaining": abstaining(folder),
        "grounding": grounding(folder),
        "cpu_seconds_for_10000_cases": took,
    }
    keep("metric_agreement", figures)


if __name__ == "__main__":
    main()
