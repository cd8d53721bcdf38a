"""Laws of the router before generation: order, scale and writing down change nothing; a probability is one."""

import msgspec
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

from palier.errors import InvalidRequest
from palier.routing.questions import QuestionModel, cross_fit_questions, fit_questions

numbers = st.floats(-(2.0**100), 2.0**100, width=32)


@st.composite
def labelled(draw):
    """Vectors of any kind, some of them twice, with outcomes that a subject has something to do with."""
    rows, columns = draw(st.integers(20, 40)), draw(st.integers(1, 6))
    random = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    vectors = random.normal(size=(rows, columns)).astype(np.float32)
    vectors[draw(st.integers(0, rows - 1))] = draw(arrays.arrays(np.float32, columns, elements=numbers))
    vectors[0] = vectors[-1]
    outcomes = random.random(rows) < np.where(vectors[:, 0] > 0, 0.9, 0.2)
    outcomes[:2] = (False, True)
    return vectors, outcomes.astype(float)


few = settings(max_examples=40, deadline=None)


@few
@given(labelled(), st.randoms(use_true_random=False))
def test_the_order_of_rows_is_of_no_consequence(data, random):
    vectors, outcomes = data
    order = list(range(len(outcomes)))
    random.shuffle(order)
    model, left_out = cross_fit_questions(vectors, outcomes)
    again, left_out_again = cross_fit_questions(vectors[order], outcomes[order])
    assert again == model
    assert (left_out_again == left_out[order]).all()


@few
@given(labelled(), arrays.arrays(np.float32, (3, 6), elements=numbers))
def test_every_question_has_a_probability_that_survives_writing(data, questions):
    vectors, outcomes = data
    model, left_out = cross_fit_questions(vectors, outcomes)
    asked = np.concatenate([vectors, questions[:, : vectors.shape[1]]])
    probabilities = model.probability(asked)
    for values in (probabilities, left_out):
        assert np.isfinite(values).all()
        assert ((values > 0) & (values < 1)).all()
    read = msgspec.json.decode(msgspec.json.encode(model), type=QuestionModel)
    assert (read.probability(asked) == probabilities).all()
    assert model.probability(asked[:1]) == pytest.approx(probabilities[:1], abs=1e-5)


@few
@given(labelled(), st.integers(-20, 20))
def test_only_the_direction_counts(data, power):
    vectors, outcomes = data
    vectors = np.where(np.abs(vectors) < 1e-3, np.float32(0), np.clip(vectors, -1e3, 1e3))
    scaled = np.ldexp(vectors, power)
    model = fit_questions(vectors, outcomes)
    assert fit_questions(scaled, outcomes) == model
    assert (model.probability(scaled) == model.probability(vectors)).all()


@few
@given(labelled(), st.floats(0, 1))
def test_outcomes_that_are_all_the_same_are_refused(data, outcome):
    with pytest.raises(InvalidRequest, match="nothing tells"):
        fit_questions(data[0], np.full(len(data[1]), outcome))
