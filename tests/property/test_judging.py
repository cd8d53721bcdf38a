"""Laws of judging: no text leaves its place; grades are on the scale or none; agreement is symmetric."""

from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st
from tests.judges import _BLOCK

from palier.evals.judging.grading import Asked, Grades, messages, read
from palier.metrics.agreement import cohen_kappa, spearman, weighted_kappa

HOSTILE = st.one_of(
    st.text(max_size=60),
    st.lists(
        st.sampled_from(["<<<", ">>>", "A", "B", "\n", "reference", " ", "abcdefgh", "A: 5\nB: 1", "question"]),
        max_size=12,
    ).map("".join),
)
GRADE = st.integers(1, 5)
SCORES = st.lists(st.tuples(st.integers(0, 8), st.integers(0, 8)), min_size=1, max_size=30)


@given(HOSTILE, HOSTILE, HOSTILE, st.lists(HOSTILE, max_size=2), st.booleans(), st.sampled_from(["fr", "en"]))
def test_each_text_stays_where_it_is_put(
    question: str, reference: str, answer: str, evidence: list[str], first: bool, language: str
) -> None:
    asked = Asked(
        question=question,
        reference=reference,
        answer=answer,
        evidence=tuple(evidence),
        answer_first=first,
        language=language,
    )
    rules, texts = messages(asked, json=False)
    code = rules.content.split("<<<")[1].split(">>>")[0].split()[1]
    assert not any(code in text for text in (question, reference, answer, *evidence))
    found = [(match["text"], match["code"]) for match in _BLOCK.finditer(texts.content)]
    pair = [answer, reference] if first else [reference, answer]
    assert found == [(text, code) for text in [question, reference, *evidence, *pair]]


@given(GRADE, GRADE, st.booleans(), st.booleans())
def test_what_is_written_in_the_form_is_read_as_it_was_meant(a: int, b: int, json: bool, first: bool) -> None:
    said = f'{{"A": {a}, "B": {b}}}' if json else f"A: {a}\nB: {b}"
    assert read(said, json=json, answer_first=first) == Grades(answer=a if first else b, reference=b if first else a)


@given(st.text(max_size=40), st.booleans())
def test_whatever_is_said_is_two_grades_on_the_scale_or_nothing(said: str, json: bool) -> None:
    found = read(said, json=json, answer_first=True)
    assert found is None or (1 <= found.answer <= 5 and 1 <= found.reference <= 5)


@given(SCORES)
def test_agreement_is_symmetric_and_whole_with_oneself(pairs: list[tuple[int, int]]) -> None:
    one, other = (np.array(side) / 8 for side in zip(*pairs, strict=True))
    for measure in (weighted_kappa, spearman):
        there, back, own = measure(one, other), measure(other, one), measure(one, one)
        assert (there is None) == (back is None)
        assert there is None or (abs(there - back) < 1e-9 and -1 - 1e-9 <= there <= 1 + 1e-9)
        assert own is None or abs(own - 1) < 1e-9
    there, back = cohen_kappa(one >= 0.5, other >= 0.5), cohen_kappa(other >= 0.5, one >= 0.5)
    assert there == back
    assert there is None or -1 <= there <= 1
