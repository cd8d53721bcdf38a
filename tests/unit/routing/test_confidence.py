"""The fitted confidence: of quotations, of generated drafts."""

import json
import math
import time
from importlib.resources import files

import msgspec
import pytest

from palier.models.choosing import FEATURES, NOTHING
from palier.routing.calibrator import Calibrator
from palier.routing.confidence import FittedConfidence
from palier.types import Choice, Draft, Hit, Label, Prompt, TokenLogprob

OFFER = "La Fibre Goéland coûte 29,99 € par mois, sans engagement. Le service client répond au 02 61 91 00 10."


def hit(text, score=0.8):
    return Hit(
        collection="c", document="d", passage=0, text=text, score=score, label=Label.PUBLIC, language="fr", cosine=0.6
    )


def judged(answer, question="Combien coûte la Fibre Goéland ?", passages=(OFFER,), **choice):
    prompt = Prompt(id="p", question=question, passages=tuple(hit(text) for text in passages), language="fr")
    confidence = FittedConfidence()
    features = confidence.features(prompt, Draft(choices=(Choice(text=answer, **choice),)))
    assert all(math.isfinite(value) for value in features.values())
    return features, confidence.probability(features, generates=True)


def test_a_grounded_answer_is_trusted_more_than_an_invented_one():
    _, true = judged("La Fibre Goéland coûte 29,99 € par mois. [1]")
    for wrong in (
        "La Fibre Goéland coûte 39,99 € par mois. [1]",
        "La Fibre Albatros coûte 29,99 € par mois. [1]",
        "Appelez le 02 61 91 00 99.",
        "Il fait beau à Brest.",
        "Je ne sais pas.",
        "Sorry, I cannot answer that.",
    ):
        _, doubtful = judged(wrong)
        assert doubtful < true - 0.2, wrong
    assert true > 0.6


def test_a_figure_written_otherwise_is_still_the_same():
    features, _ = judged("29.99 euros par mois, ou appelez le +33 2 61 91 00 10.")
    assert features["figures_grounded"] == 1.0
    assert features["figures_unfounded"] == 0.0


def test_figures_of_the_question_are_no_invention():
    features, _ = judged("Non, pas à 15 euros.", question="Est-ce à 15 € ?")
    assert features["figures_grounded"] == 1.0


def test_a_part_of_a_date_is_grounded_by_the_whole():
    features, _ = judged("En mars 2026, le 3 mars.", passages=("La coupure du 3 mars 2026 a duré une heure.",))
    assert features["figures_grounded"] == 1.0
    features, _ = judged("Le 4 mars 2026.", passages=("La coupure du 3 mars 2026 a duré une heure.",))
    assert features["figures_grounded"] == 0.0


def test_a_name_with_another_number_is_another_name():
    features, _ = judged("C'est la box Menhir 6.", passages=("La box Menhir 5 compte 6 ports.",))
    assert features["names_grounded"] == 0.0


def test_an_empty_draft_is_worth_nothing():
    assert judged("")[1] == 0.0
    assert judged("  [1] ")[1] == 0.0


def test_citations_are_checked():
    assert judged("29,99 € [1]")[0]["cites"] == 1.0
    assert judged("29,99 € [7]")[0]["miscites"] == 1.0


def test_log_probabilities_are_read_where_they_are():
    tokens = (
        TokenLogprob(token="a", logprob=-0.1, top=(("a", -0.1), ("b", -3.0))),
        TokenLogprob(token="b", logprob=-9999.0),
        TokenLogprob(token="c", logprob=math.nan),
    )
    features, _ = judged("29,99 €", logprobs=tokens)
    assert features["logprobs"] == 1.0
    assert features["least_logprob"] == -20.0
    assert features["mean_logprob"] == pytest.approx(-10.05)
    assert 0 < features["entropy"] < 1


def test_without_evidence_there_is_little_trust():
    assert judged("La Fibre Goéland coûte 29,99 € par mois.", passages=())[1] < 0.3


def test_a_quotation_brings_its_own_signals():
    features = dict.fromkeys(FEATURES, 0.5) | {"quoted": 1.0}
    draft = Draft(choices=(Choice(text="..."),), features=features)
    confidence = FittedConfidence()
    assert confidence.features(Prompt(id="p"), draft) == features
    assert 0 < confidence.probability(features, generates=False) < 1
    assert confidence.probability(NOTHING.features, generates=False) == 0.0


def test_a_head_brings_its_own_probability():
    features = {"probability": 0.83, "margin": 0.7, "entropy": 0.2}
    draft = Draft(choices=(Choice(text="cancel"),), features=features)
    confidence = FittedConfidence()
    assert confidence.features(Prompt(id="p"), draft) == features
    assert confidence.probability(features, generates=False) == 0.83
    for wrong in (math.nan, -0.1, 1.1):
        with pytest.raises(ValueError, match="probability"):
            confidence.probability(features | {"probability": wrong}, generates=False)


def test_a_model_that_generates_is_not_believed_at_its_word():
    features, believed = judged("La Fibre Goéland coûte 29,99 € par mois.")
    with pytest.raises(ValueError, match="unknown"):
        FittedConfidence().probability(features | {"probability": 1.0}, generates=True)
    assert believed < 1.0


def test_better_signals_mean_more_confidence():
    doubtful = dict.fromkeys(FEATURES, 0.0) | {"quoted": 1.0, "score": -3.0, "share": 0.1}
    sure = doubtful | {"share": 0.9, "passage_share": 0.9, "coverage": 1.0, "score": 2.0}
    confidence = FittedConfidence()
    assert confidence.probability(sure, generates=False) > confidence.probability(doubtful, generates=False) + 0.3


@pytest.mark.parametrize("change", [{"share": None}, {"surprise": 1.0}, {"share": math.nan}, {"share": math.inf}])
def test_a_missing_or_unknown_signal_is_an_error(change):
    features = dict.fromkeys(FEATURES, 0.5) | {"quoted": 1.0} | change
    features = {name: value for name, value in features.items() if value is not None}
    with pytest.raises(ValueError, match=r"share|surprise"):
        FittedConfidence().probability(features, generates=False)


@pytest.mark.parametrize("name", ["quoting", "generating"])
def test_the_weights_say_what_they_were_fitted_on(name):
    fitted = json.loads(files("palier.routing").joinpath(f"fitted/{name}.json").read_text())
    assert msgspec.convert(fitted, Calibrator).names
    assert all(fitted[key] for key in ("fitted_on", "target", "by", "licence"))


def test_weights_that_do_not_fit_together_are_refused():
    feature = {"name": "a", "mean": 0.0, "scale": 0.0, "coefficient": 1.0}
    for features in ([], [feature], [feature | {"scale": 1.0, "mean": math.nan}]):
        with pytest.raises(ValueError, match="weights"):
            msgspec.convert({"features": features, "intercept": 0.0}, Calibrator)


def test_a_draft_is_judged_at_once():
    passages = tuple(f"{OFFER} Passage numéro {i} sur un autre sujet, avec des mots en nombre. " * 5 for i in range(6))
    times = []
    for i in range(20):
        started = time.perf_counter()
        judged("La Fibre Goéland coûte 29,99 € par mois, sans engagement, au 02 61 91 00 10. " * 8, passages=passages)
        if i:
            times.append(time.perf_counter() - started)
    assert min(times) < 0.005
