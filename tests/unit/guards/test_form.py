"""What a text must look like."""

from __future__ import annotations

import pytest

from palier.config import Guard
from palier.errors import ConfigurationError
from palier.guards.form import MOST, Form
from palier.interfaces.guarding import Context, Verdict

DRAFT = Context()


async def said(text: str, context: Context = DRAFT, **settings: object) -> Verdict:
    return await Form("f", Guard(kind="form", **settings)).check(text, context)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("settings", "good", "bad", "why"),
    [
        ({"least": 3}, "abc", "ab", "at least 3"),
        ({"most": 3}, "abc", "abcd", "at most 3"),
        ({"matches": r"\d{2}-\d{2}"}, "12-34", "12-345", "does not match"),
        ({"forbids": (r"\bFR\d{2}\b",)}, "no account", "FR76 1234", "forbids"),
        ({"forbidden_words": ("Remboursé",)}, "rembourser", "Il sera REMBOURSE demain", "says `rembourse`"),
        (
            {"languages": ("fr",)},
            "Le prix de la fibre est de 30 euros",
            "The price of the fibre is 30 euros",
            "in `en`",
        ),
        ({"citations": True}, "It is 30 euros [1].", "It is 30 euros.", "cites no passage"),
        ({"citations": True}, "It is 30 euros [1].", "It is 30 euros [2].", "cites [2]"),
    ],
)
async def test_each_rule(settings: dict[str, object], good: str, bad: str, why: str) -> None:
    context = Context(place="draft", evidence=("It is 30 euros.",))
    assert (await said(good, context, **settings)).action == "pass"
    verdict = await said(bad, context, **settings)
    assert (verdict.action, verdict.score) == ("climb", 1.0)
    assert why in verdict.reason


async def test_a_number_in_brackets_of_the_passages_own_is_no_citation() -> None:
    context = Context(place="draft", evidence=("It is 30 euros [7].",))
    assert (await said("It is 30 euros [7] [1].", context, citations=True)).action == "pass"
    assert "cites no passage" in (await said("It is 30 euros [7].", context, citations=True)).reason
    assert "cites [8]" in (await said("It is 30 euros [8].", context, citations=True)).reason


async def test_where_it_stands_says_what_it_means() -> None:
    actions = {
        place: (await said("x", Context(place=place), least=2)).action
        for place in ("input", "evidence", "draft", "output")
    }
    assert actions == {"input": "refuse", "evidence": "mend", "draft": "climb", "output": "refuse"}
    assert (await said("x", Context(place="draft"), least=2, action="refuse")).action == "refuse"


async def test_spans_are_where_it_stands_and_what_is_endless_does_not_pass() -> None:
    verdict = await said("my FR76 and FR12", forbids=(r"FR\d+",))
    assert [(span.start, span.end) for span in verdict.spans] == [(3, 7), (12, 16)]
    assert (await said("x" * (MOST + 1))).action == "climb"


def test_wrong_settings_are_refused() -> None:
    for settings in ({"matches": "("}, {"forbids": ("[",)}, {"least": 5, "most": 2}):
        with pytest.raises(ConfigurationError, match="guard `f`"):
            Form("f", Guard(kind="form", **settings))  # type: ignore[arg-type]


async def test_a_call_of_a_tool_is_no_answer() -> None:
    settings = Guard(kind="form", least=500, matches="[A-Z].*", languages=("fr",), citations=True, forbids=("secret",))
    guard = Form("f", settings)
    arguments = Context(part="arguments", tool="search", evidence=("A passage.",))
    assert (await guard.check('{"query": "fibre"}', arguments)).action == "pass"
    assert (await guard.check('{"query": "secret"}', arguments)).action == "climb"
    assert (await guard.check('{"query": "fibre"}', Context(evidence=("A passage.",)))).action == "climb"


async def test_escapes_hide_nothing_and_make_no_figure_wrong() -> None:
    arguments = Context(part="arguments", tool="say")
    hidden = r'{"x": "we guarant\u0065e", "y": "\u0046R76", "z": "1\u00a0234,56\u00a0\u20ac"}'
    words = await said(hidden, arguments, forbidden_words=("we guarantee",))
    assert (words.action, words.spans) == ("climb", ())
    pattern = await said(hidden, arguments, forbids=(r"\bFR\d{2}\b",))
    assert (pattern.action, pattern.spans) == ("climb", ())
    assert (await said(hidden, arguments, amounts="fr")).action == "pass"
    assert (await said(hidden, arguments, amounts="en")).action == "climb"
    assert (await said('{"x": "we guarantee", "x": "ok"}', arguments, forbidden_words=("we guarantee",))).spans == ()
    (span,) = (await said(r'{"\u0061": 4242}', arguments, forbids=("4242",))).spans
    assert (span.start, span.end) == (11, 15), "what stands there as it is has its place"
