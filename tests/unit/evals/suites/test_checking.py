"""What weakens a suite is found, named, and weighed."""

from __future__ import annotations

import random
import time
from typing import Any

import pytest
from scipy.stats import binomtest

from palier.cases import Case, Suite
from palier.evals.suites.checking import SHOWN, Finding, cases_needed, check, misfit, wilson_width
from palier.evals.suites.splitting import near_duplicates


def case(id: str, text: str, reference: str = "x", **fields: Any) -> Case:
    return Case(id=id, input=text, references=(reference,), **fields)


def found(*cases: Case, name: str = "", **fields: Any) -> list[Finding]:
    documents = fields.pop("documents", None)
    findings = check(Suite(name="s", cases=cases, **fields), documents=documents)
    return [finding for finding in findings if not name or finding.check == name]


PRICE = "Combien coûte la Fibre Goéland par mois ?"


def test_the_same_question_on_both_sides_is_a_leak() -> None:
    near = "Dites, combien coûte la Fibre Goéland par mois ?"
    findings = found(case("a", PRICE), case("b", near, split="holdout"), case("c", PRICE.upper(), split="holdout"))
    leaks = [finding for finding in findings if finding.check == "leak"]
    assert [(leak.severity, leak.cases) for leak in leaks] == [("error", ("a = c",)), ("error", ("a = b",))]
    assert findings[0].severity == "error"


def test_a_family_says_that_it_is_known_and_must_be_whole() -> None:
    assert found(case("a", PRICE), case("b", PRICE, family="a"), name="duplicate") == []
    (finding,) = found(case("a", PRICE), case("b", PRICE, family="a", split="holdout"), name="family")
    assert (finding.severity, finding.cases) == ("error", ("a",))
    (finding,) = found(case("b", PRICE, family="z", kind="paraphrase"), name="family")
    assert "without an original" in finding.message


def test_duplicates_on_one_side_and_contradictions() -> None:
    findings = found(case("a", PRICE), case("b", PRICE, "y"))
    told = {finding.check: finding for finding in findings}
    assert told["duplicate"].severity == told["contradiction"].severity == "warning"
    other = found(case("a", "Combien coûte le forfait à 5 Go ?"), case("b", "Combien coûte le forfait à 6 Go ?"))
    assert not [finding for finding in other if finding.check in ("duplicate", "leak")]


def test_one_question_about_two_texts_is_two() -> None:
    findings = found(
        case("a", "Quel est le prix ?", evidence=("La Goéland coûte 29,99 € par mois.",)),
        case("b", "Quel est le prix ?", evidence=("La Sterne coûte 21,99 € par mois, sans télévision.",)),
    )
    assert not [finding for finding in findings if finding.check == "duplicate"]


def test_references_that_are_not_in_the_evidence() -> None:
    text = ("La Fibre Goéland coûte 29,99 € par mois, sans engagement, et réunit Internet et la télévision.",)
    good = [
        case("a", "q1", "29,99 €", evidence=text),
        case("b", "q2", "Elle coûte 29.99 € par mois et réunit la télévision et Internet.", evidence=text),
    ]
    bad = [
        case("c", "q3", "31,99 €", evidence=text),
        case("d", "q4", "La Goéland coûte 31,99 € par mois, sans engagement, Internet compris.", evidence=text),
        case("e", "q5", "Notre équipe vous répondra demain matin par téléphone, promis.", evidence=text),
    ]
    (finding,) = found(*good, *bad, name="evidence")
    assert finding.cases == ("c", "d", "e")


def test_what_must_be_contained_and_is_not() -> None:
    (finding,) = found(
        case("a", PRICE, "29,99", must_contain=("29,99",)), case("b", "q", must_contain=("z",)), name="reference"
    )
    assert finding.cases == ("b",)


def test_references_and_their_schema() -> None:
    schema = {
        "type": "object",
        "properties": {
            "a": {"type": ["string", "null"]},
            "b": {"enum": ["x", None]},
            "c": {"items": {"type": "number"}},
        },
        "required": ["a"],
        "additionalProperties": False,
    }
    assert misfit({"a": None, "b": None, "c": [1, 2.5]}, schema) == ""
    assert misfit({}, schema) == "$ lacks `a`"
    assert misfit({"a": 1}, schema) == "$.a is not of type string or null"
    assert misfit({"a": "", "b": "y"}, schema) == "$.b is none of the `enum`"
    assert misfit({"a": "", "c": [1, True]}, schema) == "$.c[1] is not of type number"
    assert misfit({"a": "", "z": 1}, schema) == "$ has `z`, which the schema does not know"
    (finding,) = found(case("x", "q", '{"z": 1}'), name="schema", task="extraction", schema=schema)
    assert (finding.severity, finding.cases) == ("error", ("x",))
    assert found(case("x", "q", "{}"), name="schema", task="extraction")[0].severity == "warning"


def test_labels() -> None:
    cases = [
        case(f"{label}{n}", f"{label} {n} {n * n}", label) for label, many in (("a", 44), ("b", 4)) for n in range(many)
    ]
    findings = found(*cases, name="labels", task="classification", labels=("a", "b", "c"))
    assert [finding.cases for finding in findings] == [("c",), (), ("b",)]
    assert "`a` has 44 cases, `b` 4" in findings[1].message


def test_languages_and_unanswerable_questions() -> None:
    cases = [case(f"f{n}", f"q {n}", language="fr") for n in range(19)] + [case("e", "r", language="en")]
    assert "fr 19, en 1" in found(*cases, name="languages")[0].message
    assert found(*cases, name="unanswerable")
    assert not found(*cases, Case(id="u", input="?", answerable=False), name="unanswerable")


def test_documents_that_are_not_there() -> None:
    cases = (case("a", "q", relevant=("x.md", "y.md")),)
    (finding,) = found(*cases, name="relevant", documents=frozenset({"x.md"}))
    assert finding.cases == ("a: y.md",)
    assert not found(*cases, name="relevant")


def test_so_many_cases_give_that_interval() -> None:
    for count in (20, 100, 245, 1000):
        interval = binomtest(round(0.8 * count), count).proportion_ci(method="wilson")
        assert wilson_width(count) == pytest.approx(interval.high - interval.low, abs=1e-6)
    for width in (0.05, 0.1, 0.3):
        needed = cases_needed(width)
        assert wilson_width(needed) <= width < wilson_width(needed - 1)
    (dev, _) = found(*(case(f"c{n}", f"q{n} {n * 7}", family=f"f{n // 2}") for n in range(20)), name="size")
    assert "`dev` has 10 independent cases" in dev.message


def test_a_finding_names_some_and_counts_all() -> None:
    cases = [case(f"c{n}", f"q{n} {n * 7}", must_contain=("z",)) for n in range(50)]
    (finding,) = found(*cases, name="reference")
    assert (finding.count, len(finding.cases)) == (50, SHOWN)


def test_ten_thousand_cases_are_compared_in_time() -> None:
    chance = random.Random(0)
    words = [f"w{n}" for n in range(3000)]
    texts = [" ".join(chance.choices(words, k=12)) for _ in range(10_000)]
    texts[9_999] = texts[0] + " and"
    started = time.process_time()
    pairs = near_duplicates(texts)
    assert time.process_time() - started < 10
    assert [(pair.first, pair.second) for pair in pairs.found] == [(0, 9_999)]


def test_a_thousand_copies_make_a_thousand_pairs_and_likeness_without_end_is_given_up() -> None:
    assert len(near_duplicates(["a b c d"] * 1000).found) == 999
    alike = [f"un deux trois quatre cinq six sept huit neuf dix {word}" for word in "abcdefghijklmnopqrstuvwxyz"]
    assert near_duplicates(alike).complete
    assert not near_duplicates(alike, limit=20).complete
