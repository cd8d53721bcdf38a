"""Laws of confidence: always finite, always a probability, whatever the draft."""

import math

from hypothesis import given
from hypothesis import strategies as st

from palier.routing.calibrator import Calibrator, Feature
from palier.routing.confidence import FittedConfidence
from palier.types import Choice, Draft, Hit, Label, Prompt, TokenLogprob

words = st.text(max_size=200)
scores = st.floats(0, 1)
logprobs = st.builds(TokenLogprob, token=st.just("t"), logprob=st.one_of(st.floats(max_value=0), st.just(math.nan)))
hits = st.builds(
    Hit,
    collection=st.just("c"),
    document=st.just("d"),
    passage=st.just(0),
    text=words,
    score=scores,
    label=st.just(Label.PUBLIC),
    language=st.sampled_from(["", "fr", "en"]),
    cosine=st.floats(-1, 1),
)


@given(words, words, st.lists(hits, max_size=4), st.lists(logprobs, max_size=5))
def test_every_draft_has_a_probability(question, answer, passages, tokens):
    prompt = Prompt(id="p", question=question, passages=tuple(passages))
    draft = Draft(choices=(Choice(text=answer, logprobs=tuple(tokens)),))
    confidence = FittedConfidence()
    features = confidence.features(prompt, draft)
    assert all(math.isfinite(value) for value in features.values())
    assert 0.0 <= confidence.probability(features, generates=True) <= 1.0


@given(st.floats(-1e6, 1e6), st.floats(-1e6, 1e6), st.floats(-10, 10))
def test_probability_is_monotone_in_each_signal(low, high, coefficient):
    feature = Feature(name="a", mean=0.0, scale=1.0, coefficient=coefficient)
    model = Calibrator(features=(feature,), intercept=0.1)
    first, second = (model.probability({"a": value}) for value in sorted((low, high)))
    assert first <= second if coefficient >= 0 else first >= second
