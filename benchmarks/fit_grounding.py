"""Fit what the guard `grounding` sums its signals by, and write it into the package.

    python -m benchmarks.fit_grounding --data FOLDER

On FaithDial's audited responses (MIT) and sentences of our own (`grounding_texts`), which together weigh a quarter of
those, the right and the wrong ones alike; copies and what is made of them count a tenth, since they are too easy. Logistic regression with a ridge, each weight kept to its sign, by accelerated projected gradient (Beck and
Teboulle, 2009). For passages in another language: our own answers that stand on such passages, and translations. The
threshold is the score that one in eight of our own true sentences exceeds, judged by weights that did not see their
documents. HaluEval is not seen.

`force` (all for some, must for may) is in none of FaithDial's responses and cannot be fitted: it weighs what `altered`
does, a figure changed in a sentence that stands there otherwise.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import msgspec
import numpy as np
from numpy.typing import NDArray

from benchmarks import grounding_texts as texts
from benchmarks.grounding_texts import Case
from benchmarks.results import data_folder
from palier.guards import supporting, weighing
from palier.guards.compared import compare
from palier.guards.supporting import SIGNS, passage, sentence, signals
from palier.guards.weighing import FORMAT, SHIPPED, Sum
from palier.retrieval import sentence_model
from palier.text import detect, tokens
from palier.text.stopwords import BOTH
from palier.text.support import STEM

Array = NDArray[np.float64]
SAME = tuple(name for name in SIGNS if name != "nearness")
FOREIGN = ("nearness", "figures", "names", "words")
RIDGE = 0.003
EASY = 0.1
"""What a copied sentence, and one made of it, weighs beside others."""
OURS = 0.25
"""What our own rows together weigh, where the public ones weigh 1."""
FALSE_ALARMS = 0.125
FOLDS = 10


@dataclass(frozen=True, slots=True)
class Rows:
    """Signals (n, k), whether each is right, what it weighs, and its fold."""

    x: Array
    right: Array
    weight: Array
    fold: NDArray[np.intp]
    cases: tuple[Case, ...]

    def __len__(self) -> int:
        return len(self.x)

    def take(self, mask: NDArray[np.bool_]) -> Rows:
        kept = tuple(case for case, one in zip(self.cases, mask, strict=True) if one)
        return Rows(self.x[mask], self.right[mask], self.weight[mask], self.fold[mask], kept)


def folds(families: Sequence[str], seed: int, count: int = FOLDS) -> NDArray[np.intp]:
    """The fold of each row, by its family."""
    known = sorted(set(families))
    drawn = np.random.default_rng(seed).permutation(len(known)) % count
    of = dict(zip(known, drawn, strict=True))
    return np.array([of[family] for family in families])


def same(cases: Sequence[Case], seed: int = 0, names: Sequence[str] = SAME) -> Rows:
    """Cases as rows, each text taken whole, by the passages together that are in its language."""
    found = [whole(case) for case in cases]
    x = np.array([[one[name] for name in names] for one in found])
    return _rows(x, cases, seed)


def whole(case: Case) -> dict[str, float]:
    """The signals of a text as if it were one sentence."""
    said = sentence(case.text)
    passages = [passage(text) for text in case.evidence]
    own = [one for one in passages if not supporting.foreign(said, one)] or passages
    asked = frozenset(word[:STEM] for word in tokens(case.question) if word not in BOTH)
    return signals(said, asked, own)


def foreign(cases: Sequence[Case], seed: int = 0) -> Rows:
    """Cases as rows, by the passage in another language that is nearest to each."""
    x, kept = [], []
    for case in cases:
        beside = compare(case.text, case.question, case.evidence)
        for one in beside.sentences[:1]:
            if not one.foreign:
                continue
            vector = sentence_model.embed([one.text])[0]
            near = {
                at: float(np.clip((sentence_model.embed(beside.windows[at]) @ vector).max(), 0, 1))
                for at in one.foreign
                if beside.windows[at]
            }
            best = max(near, key=lambda at: near[at])
            found = {**one.alone[best], "nearness": near[best]}
            x.append([found[name] for name in FOREIGN])
            kept.append(case)
    return _rows(np.array(x), kept, seed)


def _rows(x: Array, cases: Sequence[Case], seed: int) -> Rows:
    right = np.array([float(case.right) for case in cases])
    return Rows(x, right, np.ones(len(x)), folds([case.family for case in cases], seed), tuple(cases))


def balanced(rows: Rows, easy: NDArray[np.bool_]) -> Array:
    """Weights adding up to 1, right and wrong rows having half each."""
    weight = np.where(easy, EASY, 1.0)
    for one in (rows.right > 0, rows.right == 0):
        weight[one] *= 0.5 / weight[one].sum()
    return weight


def ours() -> tuple[Rows, NDArray[np.bool_], list[Case]]:
    """Our own rows in one language, which of them are easy, and the cases whose sources are in another language."""
    kept, easy, other, copied = [], [], [], False
    for case in texts.company():
        copied = {"copy": True, "answer": False}.get(case.made, copied)
        source = " ".join(texts.passages()[case.family][:3])
        language, written = detect(source), detect(case.text)
        if language and written and language != written:
            if not copied:
                other.append(case)
            continue
        kept.append(case)
        easy.append(copied)
    return same(kept, seed=1), np.array(easy), other


def fit(rows: Rows, names: Sequence[str], ridge: float = RIDGE) -> Sum:
    """The sum that tells right rows from wrong ones, each weight of its sign."""
    weight = rows.weight / rows.weight.sum()
    mean = weight @ rows.x
    scale = np.sqrt(weight @ (rows.x - mean) ** 2)
    scale = np.where(scale > 1e-6, scale, 1.0)
    signs = np.array([SIGNS[name] for name in names])
    columns = np.column_stack(((rows.x - mean) / scale, np.ones(len(rows))))
    step = 1 / (np.linalg.eigvalsh(columns.T @ (columns * weight[:, None])).max() / 4 + ridge)
    at = ahead = np.zeros(columns.shape[1])
    momentum = 1.0
    for _ in range(1000):
        slope = columns.T @ (weight * (1 / (1 + np.exp(-(columns @ ahead))) - rows.right))
        slope[:-1] += ridge * ahead[:-1]
        after = ahead - step * slope
        after[:-1] = np.where(signs * after[:-1] > 0, after[:-1], 0.0)
        grown = (1 + np.sqrt(1 + 4 * momentum**2)) / 2
        ahead = after + (momentum - 1) / grown * (after - at)
        at, momentum = after, grown
    weights = at[:-1] / scale
    kept = {name: round(float(w), 4) for name, w in zip(names, weights, strict=True) if abs(w) > 5e-5}
    return Sum(intercept=round(float(at[-1] - weights @ mean), 4), weights=kept)


def support(fitted: Sum, rows: Rows, names: Sequence[str]) -> Array:
    """In [0, 1], of each row."""
    return np.array([fitted.support(dict(zip(names, row, strict=True))) for row in rows.x.tolist()])


def together(public: Rows, own: Rows, easy: NDArray[np.bool_], names: Sequence[str] = SAME) -> Sum:
    """The sum fitted to both, each with half of the weight."""
    weight = np.concatenate((np.full(len(public), 1 / max(len(public), 1)), OURS * balanced(own, easy)))
    rows = Rows(
        np.concatenate((public.x, own.x)),
        np.concatenate((public.right, own.right)),
        weight,
        np.concatenate((public.fold, own.fold)),
        (*public.cases, *own.cases),
    )
    return fit(rows, names)


def out_of_fold(public: Rows, own: Rows, easy: NDArray[np.bool_], names: Sequence[str] = SAME) -> tuple[Array, Array]:
    """The support of each row of both, by a sum that saw nothing of its family."""
    first, second = np.zeros(len(public)), np.zeros(len(own))
    for fold in range(FOLDS):
        seen, mine = public.fold != fold, own.fold != fold
        fitted = together(public.take(seen), own.take(mine), easy[mine], names)
        first[~seen] = support(fitted, public.take(~seen), names)
        second[~mine] = support(fitted, own.take(~mine), names)
    return first, second


def with_force(fitted: Sum) -> Sum:
    """The sum with the weight of `altered` for `force`."""
    return msgspec.structs.replace(fitted, weights={**fitted.weights, "force": fitted.weights["altered"]})


def true_sentences(own: Rows) -> NDArray[np.bool_]:
    """Which rows are sentences of the recorded answers as they stand."""
    return np.array([case.made == "answer" for case in own.cases])


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data")
    parser.add_argument("--out", type=Path, default=SHIPPED)
    given = parser.parse_args()
    public = same(texts.faithdial(data_folder(given.data)))
    own, easy, other = ours()
    _, held = out_of_fold(public, own, easy)
    abroad = foreign([*other, *texts.translated()])
    fitted = {
        "palier_grounding": FORMAT,
        "same": with_force(together(public, own, easy)),
        "foreign": fit(
            Rows(abroad.x, abroad.right, balanced(abroad, np.zeros(len(abroad), bool)), abroad.fold, abroad.cases),
            FOREIGN,
        ),
        "threshold": round(float(np.quantile(1 - held[true_sentences(own)], 1 - FALSE_ALARMS)), 3),
        # Fitted by grounding_logprob, beside the support of these.
        "lift": weighing.load().lift,
        "fitted_on": f"{len(public)} responses of FaithDial's audit (MIT); {len(own) + len(abroad)} sentences of our own",
        "licence": "Apache-2.0",
        "by": "python -m benchmarks.fit_grounding",
    }
    given.out.write_text(json.dumps(msgspec.to_builtins(fitted), indent=2, ensure_ascii=False) + "\n")
    print(given.out.read_text())


if __name__ == "__main__":
    main()
