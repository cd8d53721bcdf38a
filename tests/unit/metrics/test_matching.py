"""An answer against references and strings, in French and English, with numbers written either way."""

from __future__ import annotations

import pytest

from palier.cases import Case, Outcome, Retrieved, Suite
from palier.errors import InvalidRequest
from palier.metrics.matching import Agreement, Contains, ExactMatch, Holds, TokenF1, contains, holds
from palier.metrics.normal import words

SUITE = Suite(name="s")


def of(metric, output: str, *references: str, **case) -> float:
    value, one = metric(SUITE).statistics(
        Case(id="1", references=references, **case), Outcome(id="1", candidate="c", output=output)
    )
    assert one == 1.0
    return value


@pytest.mark.parametrize(
    ("language", "text", "same"),
    [
        ("en", "The modem, at the  shop!", "modem at shop"),
        ("fr", "L'offre du mois : « la Fibre »", "offre mois fibre"),
        ("fr", "L\u2019été des Bretons", "été bretons"),
        ("fr", "D'une boîte", "d boîte"),
        ("de", "Der Preis einer „Box“", "preis box"),
        ("it", "L'offerta della rete", "offerta della rete"),
        ("xx", "the la 29,99", "the la 2999"),
        ("ja", "光回線は", "光 回 線 は"),
    ],
)
def test_words_that_count(language: str, text: str, same: str) -> None:
    assert list(words(text, language)) == same.split()


def test_the_nearest_reference_counts() -> None:
    assert of(ExactMatch, "At noon.", "at dusk", "at noon") == 1
    assert of(ExactMatch, "at noon sharp", "at dusk", "at noon") == 0
    assert of(TokenF1, "the bell rings", "at dusk", "the bell") == pytest.approx(2 / 3)
    assert of(Agreement, "29,99 € par mois", "12 mois", "29.99 par mois") == pytest.approx(1.0)
    assert of(Agreement, "39,99 € par mois", "29,99 € par mois") == 0


def test_the_language_is_the_cases_then_the_suites_then_guessed() -> None:
    french = "La fibre coûte 29,99 euros par mois"
    assert of(ExactMatch, "fibre coûte 29,99 euros par mois", french) == 1
    assert of(ExactMatch, "fibre coûte 29,99 euros par mois", french, language="en") == 0
    assert of(ExactMatch, "la the fibre", "la fibre", language="en") == 1


def test_citations_of_what_was_retrieved_are_no_words() -> None:
    cited = Outcome(id="1", candidate="c", output="At noon [1][2].", retrieved=(Retrieved(document="a"),))
    case = Case(id="1", references=("at noon",))
    assert ExactMatch(SUITE).statistics(case, cited) == (1.0, 1.0)
    assert of(ExactMatch, "At noon [1].", "at noon") == 0


@pytest.mark.parametrize(
    ("text", "reference", "expected"),
    [
        ("Nous fermons à 17 h 30 le samedi.", "17 h 30", True),
        ("It costs 10,000 euros", "10 000", True),
        ("L'ÉTÉ", "été", True),
        ("étés", "été", False),
        ("a + b", "+", True),
        ("a b", "+", False),
        ("光回線は", "回線", True),
        ("", "noon", False),
    ],
)
def test_a_reference_stands_word_for_word(text: str, reference: str, expected: bool) -> None:
    assert holds(text, reference) is expected
    assert of(Holds, text, reference) == float(expected)


@pytest.mark.parametrize(
    ("text", "needed", "expected"),
    [
        ("La Fibre coûte 29,99 € par mois", "29.99", True),
        ("It is €29.99", "29,99 €", True),
        ("It is 29.99 a month", "29,99 €", True),
        ("It is 29.99 dollars", "29,99 €", False),
        ("It is 29.95", "29,99 €", False),
        ("le 3 mars 2026", "2026-03-03", True),
        ("le 3 mars 2026", "3 mars", True),
        ("le 3 mars", "3 mars 2026", False),
        ("au 02 61 91 00 10", "+33 2 61 91 00 10", True),
        ("50 percent", "50 %", True),
        ("700 Mb/s en émission", "700 Mb/s", True),
        ("ne comprend pas la télévision", "ne comprend PAS", True),
        ("129.99", "29.99", False),
        ("anything", "", True),
    ],
)
def test_strings_that_must_be_there(text: str, needed: str, expected: bool) -> None:
    assert contains(text, (needed,)) is expected


def test_all_of_them_must() -> None:
    case = Case(id="1", must_contain=("29,99", "fibre"))
    assert Contains(SUITE).statistics(case, Outcome(id="1", candidate="c", output="Fibre: 29.99")) == (1.0, 1.0)
    assert Contains(SUITE).statistics(case, Outcome(id="1", candidate="c", output="29.99")) == (0.0, 1.0)


def test_what_has_no_answer_has_no_reference() -> None:
    case = Case(id="1", references=("noon",), must_contain=("noon",), answerable=False)
    outcome = Outcome(id="1", candidate="c", output="noon")
    assert all(m(SUITE).statistics(case, outcome) is None for m in (ExactMatch, TokenF1, Holds, Agreement, Contains))


def test_given_figures_stand_for_an_output_that_is_not_there() -> None:
    case = Case(id="1", references=("noon",))
    given = Outcome(id="1", candidate="c", metrics={"token_f1": 0.25, "exact_match": 1})
    assert TokenF1(SUITE).statistics(case, given) == (0.25, 1.0)
    assert ExactMatch(SUITE).statistics(case, given) == (1.0, 1.0)
    assert Holds(SUITE).statistics(case, given) is None, "unknown is not wrong"
    with_words = Outcome(id="1", candidate="c", output="noon", metrics={"token_f1": 0.25})
    assert TokenF1(SUITE).statistics(case, with_words) == (1.0, 1.0)
    failed = Outcome(id="1", candidate="c", status="failed", metrics={"acc": 0.0})
    assert TokenF1(SUITE).statistics(case, failed) == (0.0, 1.0)


@pytest.mark.parametrize("value", [1.5, -0.1, float("nan"), float("inf")])
def test_a_given_figure_out_of_range_is_said(value: float) -> None:
    given = Outcome(id="case-7", candidate="c", metrics={"token_f1": value})
    with pytest.raises(InvalidRequest, match=r"case-7.*token_f1.*0 to 1"):
        TokenF1(SUITE).statistics(Case(id="case-7", references=("noon",)), given)


@pytest.mark.parametrize("metric", [ExactMatch, TokenF1, Agreement])
@pytest.mark.parametrize("reference", ["A", "The", "...", "€"])
@pytest.mark.parametrize("status", ["failed", "abstained"])
def test_what_gave_no_answer_is_never_right_by_a_reference_without_words(metric, reference: str, status: str) -> None:
    case = Case(id="1", references=(reference,), language="en")
    assert metric(SUITE).statistics(case, Outcome(id="1", candidate="c", status=status)) == (0.0, 1.0)
    assert of(ExactMatch, "A", "A") == 1.0
