"""Is what is said supported? FaithDial's and HaluEval's labels, and our own sentences, against the guard `grounding`.

    python -m benchmarks.grounding --data FOLDER

FaithDial: each response is scored by a sum that saw no response to the same knowledge (ten folds), together with our own
sentences. Two readings of its labels: as the issue's bar counts them, `entailment` alone against the rest, in which 87
responses that the annotators call entailed and `uncooperative` (copied, and no answer) are in the rest; and `supported`,
entailed and nothing else, which is what the guard is fitted to. For the first reading there is also a forest on the same
signals and a few more, fitted to that reading and out of fold in the same way: what the bar can have from these signals.
HaluEval is not seen by the weights in the package. Intervals are 95 %, of 1,000 bootstrap draws of knowledge snippets.
"""

from __future__ import annotations

import argparse
import asyncio
import random
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, cast

import numpy as np
from numpy.typing import NDArray

from benchmarks import fit_grounding as fitting
from benchmarks import grounding_texts as texts
from benchmarks.fit_grounding import Rows
from benchmarks.grounding_texts import Case
from benchmarks.results import data_folder, keep
from palier.config import Guard as Settings
from palier.guards import weighing
from palier.guards.grounding import Grounding, build
from palier.interfaces import Resources
from palier.interfaces.guarding import Context
from palier.retrieval import sentence_model
from palier.retrieval.encoder import SentenceEncoder
from palier.text import tokens
from palier.text.stopwords import BOTH

Array = NDArray[np.float64]
DRAWS = 1_000
LEFT_OUT = ("words", "window", "pairs", "run", "order", "letters", "links", "figures", "names", "altered", "renamed")
LEFT_OUT += ("negation", "new", "longest", "person")
GROUPS = {"figures and names": ("figures", "names", "altered", "renamed"), "order of words": ("pairs", "run", "order")}
FLOORS = {"faithdial": 0.84, "halueval": 0.92}
PASSAGE_WORDS = 110
"""About 150 tokens."""


def auroc(scores: Array, right: Array) -> float:
    """The chance that a right row has the higher score (ties count a half)."""
    order = np.argsort(scores, kind="stable")
    ordered = scores[order]
    starts = np.flatnonzero(np.r_[True, ordered[1:] != ordered[:-1]])
    counts = np.diff(np.r_[starts, len(ordered)])
    ranks = np.empty(len(scores))
    ranks[order] = np.repeat(starts + (counts + 1) / 2, counts)
    ones = right > 0
    positive, negative = int(ones.sum()), int((~ones).sum())
    return float((ranks[ones].sum() - positive * (positive + 1) / 2) / (positive * negative))


def interval(scores: Array, right: Array, families: Sequence[str], seed: int = 0) -> list[float]:
    """AUROC and its interval, families drawn together."""
    known = {family: n for n, family in enumerate(dict.fromkeys(families))}
    rows = [np.flatnonzero(np.array([known[f] for f in families]) == n) for n in range(len(known))]
    chance = np.random.default_rng(seed)
    drawn = []
    for _ in range(DRAWS):
        at = np.concatenate([rows[n] for n in chance.integers(0, len(rows), len(rows))])
        if 0 < right[at].sum() < len(at):
            drawn.append(auroc(scores[at], right[at]))
    low, high = np.quantile(drawn, (0.025, 0.975))
    return [round(value, 4) for value in (auroc(scores, right), float(low), float(high))]


def families(cases: Sequence[Case]) -> list[str]:
    return [case.family for case in cases]


# --- baselines ---------------------------------------------------------------------------------------------------------


def cosine(cases: Sequence[Case]) -> Array:
    """Of the whole text with the whole knowledge."""
    said = sentence_model.embed([case.text for case in cases])
    known = sentence_model.embed([" ".join(case.evidence) for case in cases])
    return np.asarray((said * known).sum(axis=1), np.float64)


def length(cases: Sequence[Case]) -> Array:
    return np.array([float(len(tokens(case.text))) for case in cases])


def plain(rows: Rows, columns: Array) -> Array:
    """A logistic of simple signals, out of fold."""
    from sklearn.linear_model import LogisticRegression

    return crossed(rows, columns, rows.right, lambda: LogisticRegression(C=1.0, max_iter=1000))


def crossed(rows: Rows, columns: Array, right: Array, model: Callable[[], Any]) -> Array:
    """The probability of each row, by a model that saw none of its fold."""
    found = np.zeros(len(rows))
    for fold in range(fitting.FOLDS):
        seen = rows.fold != fold
        mean, scale = columns[seen].mean(axis=0), columns[seen].std(axis=0) + 1e-9
        fitted = model().fit((columns[seen] - mean) / scale, right[seen])
        found[~seen] = fitted.predict_proba((columns[~seen] - mean) / scale)[:, 1]
    return found


# --- the forest --------------------------------------------------------------------------------------------------------


def wide(cases: Sequence[Case]) -> Array:
    """More signals than the guard has: what kind of reply it is, nearness, how long the knowledge is; no length of it."""
    found = []
    near, asked = cosine(cases), sentence_model.embed([case.question[-400:] or " " for case in cases])
    said = sentence_model.embed([case.text for case in cases])
    replies = (said * asked).sum(axis=1)
    for case, one, reply in zip(cases, near, replies, strict=True):
        words, written = tokens(case.text), case.text.strip()
        shape = (
            sum(word in BOTH for word in words) / max(len(words), 1),
            sum(map(len, words)) / max(len(words), 1),
            float(written[-1:] in ".!?"),
            float(written[:1].isupper()),
            float("?" in written),
            float("!" in written),
            float("?" in case.question),
            np.log1p(sum(len(tokens(text)) for text in case.evidence)),
        )
        found.append((one, reply, *shape))
    return np.array(found, np.float64)


def forest(rows: Rows, right: Array) -> Array:
    """Two forests and a logistic on the signals, the wide ones and a head on the sentence embedding; out of fold.

    The head's own scores of what it was fitted to are out of fold once more, inside each fold's other rows.
    """
    from sklearn.ensemble import ExtraTreesClassifier, RandomForestClassifier
    from sklearn.linear_model import LogisticRegression

    columns = np.column_stack((rows.x, wide(rows.cases)))
    vectors = sentence_model.embed([case.text for case in rows.cases])
    found = np.zeros(len(rows))
    for fold in range(fitting.FOLDS):
        seen = rows.fold != fold
        inner = rows.fold[seen]
        head = np.zeros(len(inner))
        for other in set(inner.tolist()):
            apart = inner == other
            part = LogisticRegression(C=1.0, max_iter=500).fit(vectors[seen][~apart], right[seen][~apart])
            head[apart] = part.decision_function(vectors[seen][apart])
        last = LogisticRegression(C=1.0, max_iter=500).fit(vectors[seen], right[seen])
        taught = np.column_stack((columns[seen], head))
        judged = np.column_stack((columns[~seen], last.decision_function(vectors[~seen])))
        mean, scale = taught.mean(axis=0), taught.std(axis=0) + 1e-9
        for model in (
            ExtraTreesClassifier(250, min_samples_leaf=3, max_features=10, random_state=0),
            RandomForestClassifier(250, min_samples_leaf=4, max_features=6, random_state=0),
            LogisticRegression(C=0.03, max_iter=1000),
        ):
            fitted = model.fit((taught - mean) / scale, right[seen])
            found[~seen] += fitted.predict_proba((judged - mean) / scale)[:, 1] / 3
    return found


# --- parts of the report -----------------------------------------------------------------------------------------------


def faithdial(public: Rows, bar: Array, held: Array) -> dict[str, Any]:
    """Both readings: baselines, the sum of the guard, the forest."""
    of = families(public.cases)
    words, near = public.x[:, fitting.SAME.index("words")], cosine(public.cases)
    simple = np.column_stack([public.x[:, fitting.SAME.index(n)] for n in ("words", "pairs", "names", "figures")])
    simple = np.column_stack((simple, near))
    readings = {"entailment alone against the rest": bar, "supported, uncooperative or not": public.right}
    report: dict[str, Any] = {"n": len(public), "snippets": len(set(of))}
    for name, right in readings.items():
        report[name] = {
            "right": int(right.sum()),
            "content words": interval(words, right, of),
            "cosine": interval(near, right, of),
            "logistic of simple signals": interval(
                plain(Rows(public.x, right, public.weight, public.fold, public.cases), simple), right, of
            ),
            "the guard's sum": interval(held, right, of),
            "forest fitted to this reading": interval(forest(public, right), right, of),
        }
    return report


def halueval(rows: Rows, shipped: weighing.Weights) -> dict[str, Any]:
    """By the weights of the package, which saw none of it; and what length has to do with it."""
    of = families(rows.cases)
    score = fitting.support(shipped.same, rows, fitting.SAME)
    long = length(rows.cases)
    report: dict[str, Any] = {
        "n": len(rows),
        "content words": interval(rows.x[:, fitting.SAME.index("words")], rows.right, of),
        "cosine": interval(cosine(rows.cases), rows.right, of),
        "the guard": interval(score, rows.right, of),
        "length alone": interval(-long, rows.right, of),
        "correlation of the guard's score with length": {
            "all": ranked(score, long),
            "right answers": ranked(score[rows.right > 0], long[rows.right > 0]),
            "hallucinated": ranked(score[rows.right == 0], long[rows.right == 0]),
        },
        "of pairs of about equal length": alike(score, rows.right, long),
    }
    return report


def ranked(one: Array, other: Array) -> float:
    """Spearman's correlation."""
    first, second = (np.argsort(np.argsort(values, kind="stable"), kind="stable") for values in (one, other))
    return round(float(np.corrcoef(first, second)[0, 1]), 3)


def alike(score: Array, right: Array, long: Array) -> dict[str, Any]:
    """AUROC over the pairs of a right and a wrong row whose lengths differ by a fifth at most, and length's own there."""
    first, second = np.flatnonzero(right > 0), np.flatnonzero(right == 0)
    near = np.abs(long[first][:, None] - long[second]) <= 0.2 * np.maximum(long[first][:, None], long[second])
    won = np.sign(score[first][:, None] - score[second])[near]
    shorter = np.sign(long[second] - long[first][:, None])[near]
    return {
        "pairs": int(near.sum()),
        "the guard": round(float((won + 1).mean() / 2), 4),
        "length alone": round(float((shorter + 1).mean() / 2), 4),
    }


def sentences(own: Rows, held: Array, easy: NDArray[np.bool_], threshold: float) -> dict[str, Any]:
    """Our own sentences, out of fold: AUROC against the recorded answers' true ones, and how many are called wrong."""
    true = fitting.true_sentences(own)
    made = np.array([case.made for case in own.cases])
    report: dict[str, Any] = {}
    for near in (False, True):
        for kind in sorted(set(made.tolist())):
            rows = (made == kind) & (easy == near)
            if not rows.any():
                continue
            name = f"{kind}, of a copy" if near and kind != "copy" else kind
            flagged = (1 - held[rows] > threshold).mean()
            report[name] = {"n": int(rows.sum()), "called unsupported": round(float(flagged), 3)}
            if kind not in ("answer", "copy"):
                both = true | rows
                report[name]["auroc"] = interval(
                    held[both], true[both].astype(float), [own.cases[n].family for n in np.flatnonzero(both)]
                )
    return report


def ablation(public: Rows, own: Rows, easy: NDArray[np.bool_], rows: Rows, bar: Array) -> dict[str, Any]:
    """What each signal is worth: AUROC with all, and without it (FaithDial both readings, HaluEval, our own)."""

    def measured(names: Sequence[str]) -> list[float]:
        at = [fitting.SAME.index(name) for name in names]
        first, second, third = (Rows(r.x[:, at], r.right, r.weight, r.fold, r.cases) for r in (public, own, rows))
        held, mine = fitting.out_of_fold(first, second, easy, names)
        fitted = fitting.together(first, second, easy, names)
        ours = ~easy
        return [
            round(value, 4)
            for value in (
                auroc(held, bar),
                auroc(held, public.right),
                auroc(fitting.support(fitted, third, names), rows.right),
                auroc(mine[ours], own.right[ours]),
            )
        ]

    report: dict[str, Any] = {
        "columns": ["FaithDial, entailment alone", "FaithDial, supported", "HaluEval", "our own sentences"],
        "all": measured(fitting.SAME),
    }
    for name, gone in {**{one: (one,) for one in LEFT_OUT}, **GROUPS}.items():
        report[f"without {name}"] = measured([other for other in fitting.SAME if other not in gone])
    return report


# --- the guard itself --------------------------------------------------------------------------------------------------


class Here:
    """`interfaces.Workers` in this process."""

    async def run(self, function: Callable[..., Any], *arguments: Any) -> Any:
        return function(*arguments)

    async def close(self) -> None:
        """Nothing to close."""


def guard(settings: Settings | None = None) -> Grounding:
    resources = Resources(cast(Any, None), SentenceEncoder(Here()), Here(), Path(), lambda name: Path(name))
    return build("grounding", settings or Settings(kind="grounding"), resources)


async def company(one: Grounding) -> dict[str, Any]:
    """Recorded answers with five passages, and texts with their summary or rewriting: which sentences are flagged."""
    chance = random.Random(1)
    report: dict[str, Any] = {}
    groups: dict[str, list[tuple[str, str, tuple[str, ...]]]] = {}
    for row in texts.answers():
        groups.setdefault(f"answers: {row['kind']}", []).append(
            (row["answer"], row["question"], texts.evidence(row, chance))
        )
    for suite in ("summary", "rewriting"):
        for row in texts.lines(texts.COMPANY / "suites" / suite / "cases.jsonl"):
            groups.setdefault(f"suite: {suite}", []).append((row["reference"], "", (row["input"],)))
    for name, rows in sorted(groups.items()):
        judged = [await one.judge(*row) for row in rows]
        flags = [[1 - s.support > one.threshold for s in found] for found in judged]
        report[name] = {
            "texts": len(rows),
            "with an unsupported sentence": sum(map(any, flags)),
            "sentences": sum(map(len, flags)),
            "unsupported": sum(map(sum, flags)),
        }
    for made in ("copy", "answer"):
        cases = [(case, texts.forced(case.text)) for case in texts.company() if case.made == made]
        pairs = [(case, text) for case, text in cases if text]
        for name, changed in (("as they stand", False), ("all for some, must for may", True)):
            judged = [
                await one.judge(new if changed else case.text, case.question, case.evidence) for case, new in pairs
            ]
            report[f"sentences with such a word, {made}: {name}"] = {
                "sentences": len(judged),
                "unsupported": sum(any(1 - s.support > one.threshold for s in found) for found in judged),
            }
    return report


async def as_it_stands(one: Grounding, cases: Sequence[Case], right: Array) -> list[float]:
    """The guard's own score of texts, its worst sentence; what claims nothing is left out."""
    found: list[tuple[float, float, str]] = []
    for case, truth in zip(cases, right, strict=True):
        verdict = await one.check(case.text, Context(question=case.question, evidence=case.evidence))
        if verdict.score is not None:
            found.append((1 - verdict.score, truth, case.family))
    scores, truths, of = zip(*found, strict=True)
    return [len(found), *interval(np.array(scores), np.array(truths), of)]


async def latency(one: Grounding) -> dict[str, Any]:
    """Milliseconds a check of a recorded answer: five passages of about 150 tokens that it has not seen before;
    and a sentence beside passages that it has, as in a stream. In one language, and with passages in another. By the
    wall and by the processor's time, since others use this machine."""
    rows = [row for row in texts.answers() if row["language"] == "fr"]
    pools = {
        lang: " ".join(
            text for name, found in texts.passages().items() if f"/{lang}/" in name for text in found
        ).split()
        for lang in ("fr", "en")
    }
    chance = np.random.default_rng(0)
    report: dict[str, Any] = {}
    for name, lang in (("one language", "fr"), ("passages in another language", "en")):
        first: list[tuple[float, float]] = []
        then: list[tuple[float, float]] = []
        for _ in range(150):
            starts = chance.integers(0, len(pools[lang]) - PASSAGE_WORDS, 5)
            passages = tuple(" ".join(pools[lang][s : s + PASSAGE_WORDS]) for s in starts)
            said = [rows[n]["answer"] for n in chance.integers(0, len(rows), 3)]
            context = Context(question=rows[int(chance.integers(len(rows)))]["question"], evidence=passages)
            for texts_, into in ((said[:1], first), (said[1:], then)):
                for text in texts_:
                    began, worked = time.perf_counter(), time.process_time()
                    await one.check(text, context)
                    into.append((time.perf_counter() - began, time.process_time() - worked))
        report[name] = {
            f"{part}, {clock}": {
                f"p{q}": round(float(np.percentile([t[n] for t in took], q)) * 1000, 2) for q in (50, 99)
            }
            for part, took in (("first", first), ("following", then))
            for n, clock in enumerate(("wall", "processor"))
        }
    return report


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data")
    folder = data_folder(parser.parse_args().data)
    sentence_model.embed(["warm"])
    shipped = weighing.load()
    public, own_rows = fitting.same(texts.faithdial(folder)), fitting.ours()
    own, easy, _ = own_rows
    bar = np.array([float(case.right) for case in texts.faithdial(folder, whole=False)])
    unseen = fitting.same(texts.halueval(folder))
    held, mine = fitting.out_of_fold(public, own, easy)
    one = guard()
    figures: dict[str, Any] = {
        "what": "AUROC of support: value, and 95 % interval by knowledge snippet; threshold on 1 - support",
        "threshold": one.threshold,
    }
    parts: dict[str, Callable[[], Any]] = {
        "faithdial": lambda: faithdial(public, bar, held),
        "halueval": lambda: halueval(unseen, shipped),
        "halueval, the guard's worst sentence, where it claims: n, auroc": lambda: asyncio.run(
            as_it_stands(one, unseen.cases, unseen.right)
        ),
        "our own sentences, out of fold": lambda: sentences(own, mine, easy, shipped.threshold),
        "the sample company, weights of the package": lambda: asyncio.run(company(one)),
        "ablation": lambda: ablation(public, own, easy, unseen, bar),
        "latency_ms": lambda: asyncio.run(latency(guard())),
    }
    for name, part in parts.items():
        print(time.strftime("%X"), name, file=sys.stderr)
        figures[name] = part()
    figures["floors"] = FLOORS
    found = figures["faithdial"]["entailment alone against the rest"]
    figures["holds"] = {
        "faithdial, the guard's sum": found["the guard's sum"][0] >= FLOORS["faithdial"],
        "faithdial, the forest fitted to the bar's labels": found["forest fitted to this reading"][0]
        >= FLOORS["faithdial"],
        "halueval": figures["halueval"]["the guard"][0] >= FLOORS["halueval"],
    }
    keep("grounding", figures)


if __name__ == "__main__":
    main()
