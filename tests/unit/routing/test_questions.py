"""The router before generation: what it learns, what it refuses, what it costs."""

from __future__ import annotations

import time

import msgspec
import numpy as np
import pytest

from palier.errors import InvalidRequest
from palier.routing import questions
from palier.routing.questions import QuestionModel, cross_fit_questions, fit_questions, gains


def subjects(
    rows: int, *, seed: int = 0, dimension: int = 64, chances: tuple[float, ...] = (0.9, 0.5, 0.1)
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Questions of a few subjects, each with its own chance of a good answer: vectors, outcomes, chances."""
    random = np.random.default_rng(seed)
    centres = np.random.default_rng(99).normal(size=(len(chances), dimension))
    of = random.integers(len(chances), size=rows)
    vectors = (centres[of] + random.normal(size=(rows, dimension))).astype(np.float32)
    vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
    chance = np.array(chances)[of]
    return vectors, (random.random(rows) < chance).astype(float), chance


def test_learns_which_questions_are_answered_well() -> None:
    vectors, outcomes, _ = subjects(285)
    fresh, _, chance = subjects(500, seed=1)
    model = fit_questions(vectors, outcomes)
    assert model.informed
    assert np.abs(model.probability(fresh) - chance).mean() < 0.12


def test_keeps_the_base_rate_where_questions_say_nothing() -> None:
    kept = 0
    for seed in range(20):
        vectors, outcomes, _ = subjects(285, seed=seed, chances=(0.7, 0.7, 0.7))
        model, left_out = cross_fit_questions(vectors, outcomes)
        fresh = model.probability(subjects(200, seed=100 + seed)[0])
        kept += not model.informed
        if model.informed:  # by luck, and then it does not say much
            assert fresh.std() < 0.08
        else:
            assert np.unique(np.concatenate([fresh, left_out])) == pytest.approx([outcomes.mean()])
    assert kept >= 10


def test_vectors_that_are_all_equal_say_nothing() -> None:
    vectors = np.ones((40, 8), np.float32)
    model = fit_questions(vectors, np.arange(40) % 2)
    assert not model.informed
    assert model.probability(vectors[:1]) == pytest.approx([0.5])


def test_a_left_out_row_is_one_that_was_not_fitted_on() -> None:
    vectors, outcomes, _ = subjects(150)
    model, left_out = cross_fit_questions(vectors, outcomes)
    others = np.arange(150) != 7
    without = fit_questions(vectors[others], outcomes[others])
    assert left_out[7] == pytest.approx(without.probability(vectors[7:8])[0], abs=0.03)
    seen = model.probability(vectors)
    assert ((seen - outcomes) ** 2).mean() < ((left_out - outcomes) ** 2).mean()


def test_equal_questions_are_left_out_together() -> None:
    vectors, outcomes, _ = subjects(150)
    once = cross_fit_questions(vectors, outcomes)[1]
    _, twice = cross_fit_questions(np.concatenate([vectors, vectors[:1]]), np.append(outcomes, 1 - outcomes[0]))
    assert twice[0] == twice[-1]
    assert twice[0] == pytest.approx(once[0], abs=0.03)


def test_gains_tell_a_hopeless_question_from_one_worth_climbing_for() -> None:
    vectors, _, kind = subjects(600, chances=(0.0, 1.0, 2.0))
    random = np.random.default_rng(2)
    lower = random.random(600) < np.where(kind == 2, 0.9, 0.1)
    upper = random.random(600) < np.where(kind == 0, 0.1, 0.9)
    gain = 2 * fit_questions(vectors, gains(lower, upper)).probability(vectors) - 1
    assert gain[kind == 1].mean() > 0.6
    assert abs(gain[kind == 0].mean()) < 0.2
    assert abs(gain[kind == 2].mean()) < 0.2


def test_gains_refuse_what_does_not_pair() -> None:
    with pytest.raises(InvalidRequest, match="differ in shape"):
        gains([0.0, 1.0], [1.0])


VECTORS, OUTCOMES, _ = subjects(30)


@pytest.mark.parametrize(
    ("vectors", "outcomes", "words"),
    [
        (VECTORS[:19], OUTCOMES[:19], "19 questions are too few"),
        (VECTORS, np.zeros(30), "all 30 outcomes are 0"),
        (VECTORS, OUTCOMES[:29], r"not \(30, 64\) and \(29,\)"),
        (VECTORS[0], OUTCOMES, r"not \(64,\)"),
        (VECTORS[:, :0], OUTCOMES, "needed, not"),
        (np.where(VECTORS[3, 3] == VECTORS, np.nan, VECTORS), OUTCOMES, "finite"),
        (np.where(VECTORS[3, 3] == VECTORS, np.inf, VECTORS), OUTCOMES, "finite"),
        (VECTORS, np.where(np.arange(30) == 4, np.nan, OUTCOMES), r"in \[0, 1\]"),
        (VECTORS, OUTCOMES * 2, r"in \[0, 1\]"),
        (VECTORS, OUTCOMES - 0.5, r"in \[0, 1\]"),
    ],
)
def test_refuses_what_it_cannot_fit(vectors: np.ndarray, outcomes: np.ndarray, words: str) -> None:
    with pytest.raises(InvalidRequest, match=words):
        fit_questions(vectors, outcomes)


@pytest.mark.parametrize("vectors", [np.ones(64), np.ones((2, 63)), np.full((1, 64), np.nan), np.ones((1, 64, 1))])
def test_refuses_a_question_it_cannot_place(vectors: np.ndarray) -> None:
    model = fit_questions(*subjects(60)[:2])
    with pytest.raises(InvalidRequest):
        model.probability(vectors.astype(np.float32))


def test_no_question_has_no_probability() -> None:
    assert fit_questions(*subjects(60)[:2]).probability(np.empty((0, 64), np.float32)).shape == (0,)


@pytest.mark.parametrize(
    "change",
    [{"weights": b"\0" * 7}, {"weights": b"\xff" * 4}, {"known": b"\0"}, {"bandwidth": 0.0}, {"base_rate": 1.0}],
)
def test_a_file_that_does_not_fit_together_is_refused(change: dict[str, object]) -> None:
    model = fit_questions(*subjects(60)[:2])
    fields = {name: getattr(model, name) for name in model.__struct_fields__}
    with pytest.raises(ValueError, match="fit it again"):
        QuestionModel(**{**fields, **change})


def test_is_small_and_quick_for_1500_questions_of_512_numbers(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(questions, "_CHOSEN_ON", 300)  # what it costs to choose is not what is measured
    vectors, outcomes, _ = subjects(1500, dimension=512)
    model = fit_questions(vectors, outcomes)
    assert model.informed
    assert len(msgspec.json.encode(model)) < 500_000
    question, times = vectors[:1], []
    for _ in range(200):
        start = time.perf_counter()
        model.probability(question)
        times.append(time.perf_counter() - start)
    assert min(times) < 0.2e-3


def test_settings_are_chosen_on_some_and_all_are_fitted_on(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(questions, "_CHOSEN_ON", 100)
    vectors, outcomes, _ = subjects(170, dimension=16)
    model = fit_questions(vectors, outcomes)
    assert len(model.weights) // 4 == 170
    assert model == fit_questions(vectors, outcomes)
