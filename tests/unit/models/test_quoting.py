"""How sentences are weighed, and what is quoted with them."""

import numpy as np

from palier.models import choosing
from palier.models.composing import compose
from palier.models.quoting import MAX_SENTENCES, SIGNALS, Evidence, weigh

PLAIN = Evidence("Le chat dort. Le prix de la box est de 30 euros. Il pleut.", "", "fr", 0.5, 3.0)


def signal(weighed, name):
    return weighed.signals[:, SIGNALS.index(name)]


def test_the_words_of_the_question_are_found():
    weighed = weigh("Quel est le prix de la box ?", "fr", [PLAIN])
    assert [PLAIN.text[s.start : s.end] for s in weighed.sentences][1] == "Le prix de la box est de 30 euros."
    assert signal(weighed, "coverage").tolist() == [0.0, 1.0, 0.0]
    assert signal(weighed, "near")[0] > 0
    assert signal(weighed, "kind_met").tolist() == [0.0, 1.0, 0.0]
    assert weighed.terms == 2


def test_a_word_of_the_same_family_counts_for_less():
    [near] = signal(weigh("nettoyage", "fr", [Evidence("On nettoie ici.", "", "fr", 0.5, 1.0)]), "coverage")
    assert 0 < near < 1


def test_headings_lend_their_words_and_are_no_answer():
    passage = Evidence("# Prix de la box\nElle vaut 30 euros.", "", "fr", 0.5, 1.0)
    weighed = weigh("prix de la box", "fr", [passage])
    assert len(weighed.sentences) == 1
    assert signal(weighed, "near")[0] > 0.7


def test_only_headings_are_better_than_nothing():
    assert len(weigh("prix", "fr", [Evidence("# Prix\n# Tarif", "", "fr", 0.5, 1.0)]).sentences) == 2


def test_names_of_the_question_that_a_passage_lacks_are_counted():
    other = Evidence("Une phrase.", "Guide de Jakob Böhme", "fr", 0.5, 1.0)
    assert weigh("Où vit Jakob Böhme ?", "fr", [PLAIN, other]).missed == [1, 0]


def test_a_foreign_passage_is_lent_a_part_of_the_best():
    foreign = Evidence("It costs thirty. The sky is blue.", "", "en", 0.5, 0.0)
    weighed = weigh("Quel est le prix de la box ?", "fr", [PLAIN, foreign])
    assert weighed.foreign == [False, True]
    assert signal(weighed, "coverage").tolist() == [0.0, 1.0, 0.0, 0.45, 0.45]
    assert {weighed.sentences[i].passage for i in choosing.shortlist(weighed)} == {0, 1}
    alone = weigh("Quel est le prix de la box ?", "fr", [foreign])
    assert np.isfinite(alone.signals).all()


def test_there_is_a_limit_to_what_is_weighed():
    weighed = weigh("mot", "fr", [Evidence("Un mot. " * 1000, "", "fr", 0.5, 1.0)] * 3)
    assert len(weighed.sentences) == MAX_SENTENCES
    assert len(weighed.missed) == 3


def test_no_passage_has_no_sentence():
    assert weigh("mot", "fr", []).signals.shape == (0, len(SIGNALS))


def test_the_weights_are_for_these_signals():
    assert choosing.scorer().weights.shape == (len(SIGNALS) + 1,)


def test_what_refers_back_is_quoted_with_what_it_refers_to():
    text = "La Fibre Sterne est une offre. Elle coûte 21,99 € par mois. Fin."
    start = text.index("Elle")
    end = text.index(" Fin")
    assert compose(text, start, end, 3) == "La Fibre Sterne est une offre. [3]\nElle coûte 21,99 € par mois. [3]"


def test_a_sentence_that_stands_alone_is_quoted_alone():
    assert compose("Un. Deux. Trois.", 4, 9, 1) == "Deux. [1]"


def test_a_heading_is_not_what_a_sentence_refers_to():
    text = "# Prix\nElle coûte 3 €."
    assert compose(text, 7, len(text), 1) == "Elle coûte 3 €. [1]"
