"""Metrics against the reference implementations, on any text: to 1e-9."""

from __future__ import annotations

import re
import string
import unicodedata
from collections import Counter

import numpy as np
import pytest
import sacrebleu
from hypothesis import given as given_any
from hypothesis import settings
from hypothesis import strategies as st
from rouge_score.rouge_scorer import RougeScorer
from sklearn.metrics import accuracy_score, f1_score, ndcg_score

from palier import registry
from palier.cases import Case, Outcome, Retrieved, Suite


def given(*strategies):
    """As Hypothesis's, without its time limit: a first call loads what is compared with."""
    return lambda test: settings(deadline=None)(given_any(*strategies)(test))


EN, FR = Suite(name="s", language="en"), Suite(name="s", language="fr")
WORDS = "the a an fibre Fibre offer costs 29.99 29,99 euros, month. (12) months! l'offre d'été une le coûte - \u2019 \u00ab \u00bb & &amp; <x> 3-4 U.S."
SENTENCES = st.lists(st.sampled_from(WORDS.split()), min_size=1, max_size=14).map(" ".join) | st.text(max_size=40)
KNOWN = SENTENCES.filter(lambda text: text.strip())
CORPORA = st.lists(st.tuples(SENTENCES, st.lists(KNOWN, min_size=1, max_size=3)), min_size=1, max_size=6)


def corpus(name: str, pairs, suite: Suite = EN) -> float:
    metric = registry.find("metrics", name)(suite)
    rows = [
        metric.statistics(Case(id=str(n), references=tuple(known)), Outcome(id=str(n), candidate="c", output=output))
        for n, (output, known) in enumerate(pairs)
    ]
    return float(metric.combine(np.array(rows, dtype=float).sum(axis=0)))


def streams(pairs):
    """Hypotheses and reference streams as sacrebleu wants them: a stream each, None where a case has no more."""
    most = max(len(known) for _, known in pairs)
    return [output for output, _ in pairs], [
        [known[n] if n < len(known) else None for _, known in pairs] for n in range(most)
    ]


# sacrebleu sees only whether the first reference of each stream is text: the case with most comes first.
SORTED = CORPORA.map(lambda pairs: sorted(pairs, key=lambda pair: -len(pair[1])))


@given(SORTED)
def test_bleu_is_that_of_sacrebleu(pairs) -> None:
    assert corpus("bleu", pairs) == pytest.approx(sacrebleu.corpus_bleu(*streams(pairs)).score, abs=1e-9)


@given(SORTED)
def test_chrf_is_that_of_sacrebleu(pairs) -> None:
    assert corpus("chrf", pairs) == pytest.approx(sacrebleu.corpus_chrf(*streams(pairs)).score, abs=1e-9)


@settings(max_examples=25, deadline=None)
@given_any(SORTED, st.integers(0, 2**32 - 1))
def test_a_draw_of_cases_is_the_corpus_of_that_draw(pairs, seed: int) -> None:
    """What resampling relies on: sums weighed by how often a case was drawn."""
    drawn = np.random.default_rng(seed).integers(0, len(pairs), size=len(pairs))
    chosen = sorted((pairs[n] for n in drawn), key=lambda pair: -len(pair[1]))
    for name, reference in (("bleu", sacrebleu.corpus_bleu), ("chrf", sacrebleu.corpus_chrf)):
        metric = registry.find("metrics", name)(EN)
        rows = np.array(
            [
                metric.statistics(Case(id="1", references=tuple(k)), Outcome(id="1", candidate="c", output=o))
                for o, k in pairs
            ]
        )
        weights = np.bincount(drawn, minlength=len(pairs)).astype(float)
        assert float(metric.combine(weights @ rows)) == pytest.approx(reference(*streams(chosen)).score, abs=1e-9)


@pytest.mark.parametrize(("name", "kind"), [("rouge_1", "rouge1"), ("rouge_2", "rouge2"), ("rouge_l", "rougeL")])
def test_rouge_is_that_of_rouge_score(name: str, kind: str) -> None:
    scorer = RougeScorer([kind])

    @given(SENTENCES, st.lists(KNOWN, min_size=1, max_size=3))
    def check(output: str, known: list[str]) -> None:
        assert corpus(name, [(output, known)]) == pytest.approx(
            scorer.score_multi(known, output)[kind].fmeasure, abs=1e-9
        )

    check()


@pytest.mark.parametrize(("name", "kind"), [("rouge_1", "rouge1"), ("rouge_2", "rouge2"), ("rouge_l", "rougeL")])
def test_own_tokens_are_those_of_rouge_score_on_ascii(name: str, kind: str) -> None:
    scorer = RougeScorer([kind])
    ascii_text = st.text(st.characters(max_codepoint=127), max_size=40)

    @given(ascii_text, ascii_text.filter(str.strip))
    def check(output: str, known: str) -> None:
        assert corpus(name, [(output, [known])], FR) == pytest.approx(
            scorer.score(known, output)[kind].fmeasure, abs=1e-9
        )

    check()


# --- SQuAD and MLQA, from their published definitions -------------------------------------------------------------


def squad(text: str) -> list[str]:
    """Lower case, no ASCII punctuation, no articles, white space as one."""
    bare = "".join(character for character in text.lower() if character not in set(string.punctuation))
    return re.sub(r"\b(a|an|the)\b", " ", bare).split()


def mlqa(text: str, articles: str) -> list[str]:
    """The same with the punctuation of Unicode and the articles of a language."""
    kept = [c for c in text.lower() if c not in string.punctuation and not unicodedata.category(c).startswith("P")]
    return re.sub(articles, " ", "".join(kept)).split()


def f1(said: list[str], known: list[str]) -> float:
    if not said or not known:
        return float(said == known)
    common = sum((Counter(said) & Counter(known)).values())
    if common == 0:
        return 0.0
    precision, recall = common / len(said), common / len(known)
    return 2 * precision * recall / (precision + recall)


@given(SENTENCES, st.lists(KNOWN, min_size=1, max_size=3))
def test_english_is_that_of_squad(output: str, known: list[str]) -> None:
    said = squad(output)
    assert corpus("token_f1", [(output, known)]) == pytest.approx(max(f1(said, squad(k)) for k in known), abs=1e-9)
    assert corpus("exact_match", [(output, known)]) == float(any(said == squad(k) for k in known))


LATIN = st.text(st.characters(max_codepoint=0x2FFF, exclude_categories=("Cs", "Mn")), max_size=30).map(
    lambda text: unicodedata.normalize("NFC", text)
)


@pytest.mark.parametrize(
    ("language", "articles"),
    [
        ("de", r"\b(ein|eine|einen|einem|eines|einer|der|die|das|den|dem|des)\b"),
        ("es", r"\b(un|una|unos|unas|el|la|los|las)\b"),
    ],
)
def test_german_and_spanish_are_those_of_mlqa(language: str, articles: str) -> None:
    words = st.lists(
        st.sampled_from(["der", "Preis,", "die", "das", "el", "La", "¿unos?", "clientes", "„eine“", "29,99"])
    ).map(" ".join)

    @given(words | LATIN, (words | LATIN).filter(str.strip))
    def check(output: str, known: str) -> None:
        # Scripts without spaces are cut otherwise here; composing after lowering changes a few rare letters.
        expected = f1(mlqa(output, articles), mlqa(known, articles))
        if unicodedata.is_normalized("NFC", (output + known).lower()) and not re.search(
            r"[\u0e00-\u0eff\u1780-\u17ff]", output + known
        ):
            assert corpus("token_f1", [(output, [known])], Suite(name="s", language=language)) == pytest.approx(
                expected, abs=1e-9
            )

    check()


# --- scikit-learn -------------------------------------------------------------------------------------------------

LABELS = ("billing", "billing dispute", "fibre", "moving", "other")


@given(st.lists(st.tuples(st.sampled_from(LABELS), st.sampled_from((*LABELS, "no idea"))), min_size=1, max_size=30))
def test_accuracy_and_macro_f1_are_those_of_scikit_learn(pairs) -> None:
    suite = Suite(name="s", task="classification", labels=LABELS)
    wanted, named = [w for w, _ in pairs], [n for _, n in pairs]
    there = sorted(({*wanted, *named}) - {"no idea"})
    known = [(n, [w]) for w, n in pairs]
    expected = f1_score(wanted, named, labels=there, average="macro", zero_division=0)
    assert corpus("macro_f1", known, suite) == pytest.approx(expected, abs=1e-9)
    assert corpus("accuracy", known, suite) == pytest.approx(accuracy_score(wanted, named), abs=1e-9)


@given(st.lists(st.booleans(), min_size=2, max_size=20), st.integers(1, 12), st.integers(0, 3))
def test_ndcg_is_that_of_scikit_learn(found: list[bool], k: int, missed: int) -> None:
    """Relevant documents that were not found come last, after as many others as k."""
    if not any(found) and not missed:
        return
    documents = [f"d{n}" for n in range(len(found))]
    relevant = tuple(d for d, right in zip(documents, found, strict=True) if right) + tuple(
        f"m{n}" for n in range(missed)
    )
    truth = [*map(float, found), *([0.0] * k), *([1.0] * missed)]
    expected = ndcg_score([truth], [np.arange(len(truth))[::-1]], k=k, ignore_ties=True)
    metric = registry.find("metrics", f"ndcg@{k}")(EN)
    outcome = Outcome(id="1", candidate="c", output="x", retrieved=tuple(Retrieved(document=d) for d in documents))
    value, one = metric.statistics(Case(id="1", relevant=relevant), outcome)
    assert one == 1
    assert value == pytest.approx(expected, abs=1e-9)
