"""Fit the confidence of quotations and of generated drafts; report the latter on articles that it was not fitted on.

python -m benchmarks.fit_confidence --data DIR quoting       # reported by benchmarks.extract_piaf
python -m benchmarks.fit_confidence --data DIR generating
"""

from __future__ import annotations

import argparse
import asyncio
import json
from collections import Counter
from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from benchmarks import extract_piaf
from benchmarks.generated_drafts import Case, from_halueval, from_model, from_piaf
from benchmarks.quotations import rows
from benchmarks.results import data_folder, keep
from palier.routing import confidence
from palier.routing.calibrator import standardised
from palier.routing.grounding import signals
from palier.routing.regression import penalised_logistic
from palier.types import Features

WEIGHTS = Path(confidence.__file__).parent / "fitted"
Array = NDArray[np.float64]


def logistic(features: Sequence[Features], right: Array, weight: Array, *, ridge: float = 2e-3) -> dict[str, object]:
    """Penalised logistic regression on standardised, clipped signals; as a weights file, which a `Calibrator` reads."""
    names = list(features[0])
    raw = np.array([[row[name] for name in names] for row in features])
    means = np.average(raw, axis=0, weights=weight)
    scales = np.sqrt(np.average((raw - means) ** 2, axis=0, weights=weight))
    # A signal that never varied says nothing yet, but it is known.
    scales = np.where(scales > 1e-9, scales, 1.0)
    x = standardised(raw, means, scales)
    beta = penalised_logistic(x, right, ridge, weight=weight)
    return {
        "features": [
            {"name": n, "mean": round(float(m), 6), "scale": round(float(s), 6), "coefficient": round(float(b), 6)}
            for n, m, s, b in zip(names, means, scales, beta[:-1], strict=True)
        ],
        "intercept": round(float(beta[-1]), 6),
    }


def quoting(pairs: extract_piaf.Pairs) -> dict[str, object]:
    """The confidence of quotations. A question whose paragraph was taken away counts a quarter of one with it."""
    judged = list(rows(pairs))
    weight = np.array([1.0 if row.answerable else UNANSWERABLE for row in judged])
    fitted = logistic([row.features for row in judged], np.array([float(row.right) for row in judged]), weight)
    return fitted | {
        "fitted_on": f"{len(judged) // 2} questions of PIAF v1.1, each also without its own paragraph in the collection",
        "target": "the chosen sentence holds an accepted answer, word for word",
        "by": "python -m benchmarks.fit_confidence quoting",
        "licence": "statistics of PIAF (MIT); no text of it",
    }


def cases(pairs: extract_piaf.Pairs, folder: Path, drafts: Path | None, *, fit: bool) -> Iterator[Case]:
    """Drafts of one part; of the English ones, every third question is kept for the report."""
    yield from from_piaf(pairs)
    english = [*from_halueval(folder), *(from_model(folder, drafts) if drafts else ())]
    yield from (case for case in english if (int(case.article.split()[1]) % 3 > 0) is fit)


def generating(fitted_on: Sequence[Case]) -> dict[str, object]:
    """The confidence of generated drafts."""
    features = [signals(case.prompt, case.draft) for case in fitted_on]
    right = np.array([case.right for case in fitted_on])
    # Half of the mass is right, as a small model's drafts are on questions that it should have been given.
    weight = np.where(right > 0, 1 / right.sum(), 1 / (1 - right).sum()) * len(right) / 2
    made = Counter(case.made for case in fitted_on)
    return logistic(features, right, weight) | {
        "fitted_on": "drafts made from PIAF v1.1 and HaluEval, or written by SmolLM2-135M on the latter (benchmarks/generated_drafts.py): "
        + ", ".join(f"{count} {name}" for name, count in sorted(made.items())),
        "target": "the draft answers the question truly; half of the weight is on true ones",
        "by": "python -m benchmarks.fit_confidence generating",
        "licence": "statistics of PIAF (MIT) and HaluEval (MIT, its questions CC BY-SA 4.0); no text of them",
    }


def judge(judged: Sequence[Case]) -> dict[str, object]:
    """AUROC of right against wrong, in all and for each way of being wrong."""
    model = confidence.FittedConfidence()
    probability = np.array([model.probability(signals(c.prompt, c.draft), generates=True) for c in judged])
    right = np.array([case.right > 0 for case in judged])
    articles = [case.article for case in judged]
    english = np.array([case.made.startswith("halueval") for case in judged])
    written = np.array([case.made.startswith("model") for case in judged])

    def of(kept: NDArray[np.bool_]) -> dict[str, float]:
        named = [a for a, k in zip(articles, kept, strict=True) if k]
        return extract_piaf.interval(extract_piaf.auroc, probability[kept], right[kept], named, 300)

    made = np.array([case.made for case in judged])
    wrong = sorted({case.made for case in judged if not case.right and not case.made.startswith(("halueval", "model"))})
    return {
        "drafts": len(judged),
        "auroc_french": of(~english & ~written),
        "auroc_english": of(english),
        "auroc_written_by_a_small_model": of(written) if written.any() else None,
        "auroc_french_against": {name: of(~english & ~written & (right | (made == name))) for name in wrong},
        "mean_probability": {name: round(float(probability[made == name].mean()), 3) for name in sorted(set(made))},
    }


UNANSWERABLE = 1 / 4
"""One question in five that a support desk gets is taken to have no answer in its documents."""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data")
    parser.add_argument("part", choices=["quoting", "generating"])
    parser.add_argument("--drafts", type=Path, help="what benchmarks.generated_drafts wrote")
    arguments = parser.parse_args()
    folder = data_folder(arguments.data)
    pairs = asyncio.run(extract_piaf.found(folder, fit=True))
    if arguments.part == "quoting":
        write("quoting", quoting(pairs))
        return
    write("generating", generating(list(cases(pairs, folder, arguments.drafts, fit=True))))
    rest = asyncio.run(extract_piaf.found(folder, fit=False))
    keep("confidence_generated", judge(list(cases(rest, folder, arguments.drafts, fit=False))))


def write(name: str, fitted: dict[str, object]) -> None:
    (WEIGHTS / f"{name}.json").write_text(json.dumps(fitted, indent=2) + "\n")


if __name__ == "__main__":
    main()
