"""The metrics' suite on each that palier brings."""

import msgspec
import pytest

from palier import registry
from palier.cases import Case, Outcome, Retrieved, Suite
from palier.testing.metrics import MetricSuite


def said(id: str, output: str, *documents: str, **more) -> Outcome:
    retrieved = tuple(Retrieved(document=document, cited=True, text=output) for document in documents)
    return Outcome(id=id, candidate="c", output=output, retrieved=retrieved, **more)


class BuiltIn(MetricSuite):
    name = ""
    suite = Suite(name="s", language="en")
    samples = (
        (
            Case(id="1", references=("nothing of this", "The fibre offer costs 29.99 euros a month for 12 months.")),
            said("1", "The fibre offer costs 29.99 euros a month for 12 months."),
        ),
        (
            Case(id="2", references=("Modems are sent back within fourteen days, at no cost.",)),
            said("2", "Modems are sent back within fourteen days, at no cost."),
        ),
        (
            Case(id="3", references=("L'été, la boutique ferme à 17 h 30.",), language="fr"),
            said("3", "L'été, la boutique ferme à 17 h 30."),
        ),
    )

    @pytest.fixture
    def metric(self):
        return registry.find("metrics", self.name)(self.suite)


class TestExactMatch(BuiltIn):
    name = "exact_match"


class TestTokenF1(BuiltIn):
    name = "token_f1"


class TestHolds(BuiltIn):
    name = "holds"


class TestAgreement(BuiltIn):
    name = "agreement"


class TestCorrect(BuiltIn):
    name = "correct"
    samples = (
        *BuiltIn.samples,
        (Case(id="4", must_contain=("29,99 €", "fibre")), said("4", "Fibre: 29.99 a month")),
        (Case(id="5", answerable=False), Outcome(id="5", candidate="c", status="abstained")),
    )
    silent = False


class TestAbstention(BuiltIn):
    name = "abstention"
    samples = (
        (Case(id="1", references=("noon",)), said("1", "noon")),
        (Case(id="2", answerable=False), Outcome(id="2", candidate="c", status="abstained")),
        (Case(id="3", answerable=False), said("3", "Je ne sais pas.")),
    )
    silent = False


class TestContains(BuiltIn):
    name = "contains"
    samples = (
        (Case(id="1", must_contain=("29,99 €", "12 months")), said("1", "12 months at 29.99")),
        (Case(id="2", must_contain=("K-104",)), said("2", "the fault k104")),
    )


class TestBleu(BuiltIn):
    name = "bleu"


class TestChrf(BuiltIn):
    name = "chrf"


class TestRouge1(BuiltIn):
    name = "rouge_1"


class TestRouge2(BuiltIn):
    name = "rouge_2"


class TestRougeL(BuiltIn):
    name = "rouge_l"


class TestEditEffort(BuiltIn):
    name = "edit_effort"


class Classified(BuiltIn):
    suite = Suite(name="s", task="classification", labels=("card_arrival", "card", "C++", "C#", "étranger"))
    samples = (
        (Case(id="1", references=("card_arrival",)), said("1", "Card arrival.")),
        (Case(id="2", references=("card",)), said("2", "It is about a card!")),
        (Case(id="3", references=("C++",)), said("3", "I say C++")),
        (Case(id="4", references=("étranger",)), said("4", "Etranger")),
    )


class TestAccuracy(Classified):
    name = "accuracy"


class TestMacroF1(Classified):
    name = "macro_f1"


class TestOutOfLabels(Classified):
    name = "out_of_labels"
    silent = False

    def test_what_is_worse_has_a_worse_figure(self, metric):
        """A wrong label is still a label."""
        assert metric.statistics(self.samples[0][0], said("1", "neither")) == (1.0, 1.0)


class Extracted(BuiltIn):
    suite = Suite(
        name="s",
        task="extraction",
        schema={
            "type": "object",
            "properties": {"amount": {"type": "string"}, "lines": {"type": "array", "items": {"type": "integer"}}},
            "required": ["amount"],
            "additionalProperties": False,
        },
    )
    samples = (
        (
            Case(id="1", references=('{"amount": "29.99 EUR", "lines": [1, 2]}',)),
            said("1", '{"lines": [2, 1], "amount": "29,99 €"}'),
        ),
        (Case(id="2", references=('{"amount": "10 EUR"}',)), said("2", '{"amount": "10"}')),
    )


class TestFieldF1(Extracted):
    name = "field_f1"


class TestExactJson(Extracted):
    name = "exact_json"


class TestSchemaValid(Extracted):
    name = "schema_valid"
    silent = False

    def test_what_is_worse_has_a_worse_figure(self, metric):
        """Another case's answer is valid too."""
        assert metric.statistics(self.samples[0][0], said("1", '{"amount": 10}')) == (0.0, 1.0)


class Searched(BuiltIn):
    samples = (
        (Case(id="1", relevant=("offers", "fr/returns")), said("1", "A", "kb/offers", "kb/fr/returns")),
        (Case(id="2", relevant=("a", "b")), said("2", "B", "kb/b", "kb/a")),
    )


class TestCitationPrecision(Searched):
    name = "citation_precision"


class TestCitationRecall(Searched):
    name = "citation_recall"


class TestRecall(Searched):
    name = "recall@5"


class TestPrecision(Searched):
    name = "precision@2"


class TestNdcg(Searched):
    name = "ndcg@10"


class TestMrr(Searched):
    name = "mrr@10"


class TestGrounding(BuiltIn):
    name = "grounding"
    samples = (
        (
            Case(id="1", input="How much is it?"),
            said("1", "The fibre costs 29.99 euros. It lasts 12 months [1].", "kb/a"),
        ),
        (Case(id="2", input="When?", evidence=("Nous fermons à 17 h 30.",)), said("2", "À 17 h 30.")),
    )

    def test_what_is_worse_has_a_worse_figure(self, metric):
        case = self.samples[1][0]
        assert metric.statistics(case, said("2", "À 17 h 30. Le mardi 3 mars.")) == (0.5, 1.0)


def test_every_metric_is_held_to_it():
    tested = {cls.name.partition("@")[0] for cls in _all(BuiltIn) if cls.name}
    assert tested == {name.partition("@")[0] for name in registry.METRICS}


def _all(cls):
    return [cls, *(inner for one in cls.__subclasses__() for inner in _all(one))]


class TestJudge(BuiltIn):
    """A figure that is given: it goes by no word of the case or the answer."""

    name = "judge"
    silent = False
    samples = tuple(
        (case, msgspec.structs.replace(outcome, metrics={"judge": 1.0})) for case, outcome in BuiltIn.samples
    )

    def test_what_is_worse_has_a_worse_figure(self, metric):
        worse = [(case, msgspec.structs.replace(outcome, metrics={"judge": 0.25})) for case, outcome in self.samples]
        sums = [sum(metric.statistics(*pair)[0] for pair in pairs) for pairs in (worse, self.samples)]
        assert sums[0] < sums[1]
