"""The extract tier: quotes what answers, cited, from real passages through real workers and the real encoder."""

import asyncio
import math

import pytest

from palier.config import Model as Settings
from palier.interfaces import Resources
from palier.models import extract
from palier.models.choosing import FEATURES
from palier.models.extract import CARD, Extract
from palier.retrieval.encoder import SentenceEncoder
from palier.types import Cited, Delta, Finish, Hit, Label, Metered, Parameters, Prompt

GOELAND = """# Fibre Goéland

La Fibre Goéland est notre offre la plus choisie. Elle coûte 29,99 € par mois, sans engagement.

## Ce qui est compris

L'offre comprend :
- la box Menhir 6 ;
- le décodeur Korrigan ;
- les appels vers les fixes.

## Retour du matériel

Comment rendre la box ?
1. Débranchez la box et son alimentation.
2. Déposez le colis dans un point relais.
3. Gardez la preuve de dépôt."""
SHOPS = (
    "Les boutiques ouvrent du mardi au samedi. La boutique de Vannes est au 21 rue des Lavoirs. Le parking est gratuit."
)
LIGHTS = "The ring of the Menhir 6 box blinks red when there is no optical signal. Check the green cable first."


@pytest.fixture
async def model(workers):
    return Extract(workers, SentenceEncoder(workers))


def hit(text, *, score=0.5, language="fr", title="", label=Label.PUBLIC):
    return Hit(
        collection="c",
        document=title or text[:10],
        passage=0,
        text=text,
        score=score,
        label=label,
        title=title,
        language=language,
        cosine=score,
        bm25=score * 10,
    )


def prompt(question, *hits, language="fr", **parameters):
    return Prompt(id="p", question=question, passages=hits, language=language, parameters=Parameters(**parameters))


async def ask(model, wanted):
    events = [event async for event in model.stream(wanted)]
    text = "".join(event.text for event in events if isinstance(event, Delta))
    cited = next(event for event in events if isinstance(event, Cited))
    finish = next(event for event in events if isinstance(event, Finish))
    assert isinstance(events[-1], Metered)
    return text, cited, finish.reason


DOCUMENTS = (hit(GOELAND, title="Fibre Goéland"), hit(SHOPS, title="Boutiques"), hit(LIGHTS, language="en"))


@pytest.mark.parametrize(
    ("question", "answer", "passage"),
    [
        ("Combien coûte la Fibre Goéland ?", "29,99 €", 1),
        ("Où est la boutique de Vannes ?", "21 rue des Lavoirs", 2),
        ("Le décodeur est-il compris dans l'offre ?", "décodeur Korrigan", 1),
        ("Quand ouvrent les boutiques ?", "du mardi au samedi", 2),
    ],
)
async def test_the_sentence_that_answers_is_quoted_word_for_word(model, question, answer, passage):
    text, cited, finish = await ask(model, prompt(question, *DOCUMENTS))
    assert answer in text
    assert cited.passages == (passage,)
    assert finish == "stop"
    for line in text.split("\n"):
        sentence, _, mark = line.rpartition(" ")
        assert mark == f"[{passage}]"
        assert sentence in DOCUMENTS[passage - 1].text


async def test_a_passage_in_the_other_language_may_answer(model):
    question = "Pourquoi l'anneau de la box clignote en rouge ?"
    text, cited, _ = await ask(model, prompt(question, hit(SHOPS), hit(LIGHTS, language="en")))
    assert "optical signal" in text
    assert cited.passages == (2,)


async def test_a_list_item_comes_with_what_announces_it(model):
    text, _, _ = await ask(model, prompt("Quels appels sont compris ?", *DOCUMENTS))
    assert text.startswith("L'offre comprend : [1]\n- les appels vers les fixes. [1]")


async def test_a_step_comes_with_the_next(model):
    text, _, _ = await ask(model, prompt("Où déposer le colis de la box, dans un point relais ?", *DOCUMENTS))
    assert text == "2. Déposez le colis dans un point relais. [1]\n3. Gardez la preuve de dépôt. [1]"


async def test_a_heading_is_never_the_answer(model):
    text, _, _ = await ask(model, prompt("Retour du matériel", *DOCUMENTS))
    assert not text.startswith("#")


async def test_features_are_complete_and_finite(model):
    _, cited, _ = await ask(model, prompt("Combien coûte la Fibre Goéland ?", *DOCUMENTS))
    assert tuple(cited.features) == FEATURES
    assert all(math.isfinite(value) for value in cited.features.values())
    assert cited.features["quoted"] == 1.0


async def test_nothing_to_quote_from_is_an_empty_answer(model):
    for wanted in (prompt("Combien ?"), prompt("Combien ?", hit("   ")), prompt("", *DOCUMENTS[:0])):
        text, cited, finish = await ask(model, wanted)
        assert (text, cited.passages, finish) == ("", (), "stop")
        assert cited.features["quoted"] == 0.0


async def test_odd_questions_are_answered_all_the_same(model):
    for question in ("", "?!", "le la les", "a" * 10_000, "\ud800 bad", "😀"):
        text, _, _ = await ask(model, prompt(question, *DOCUMENTS))
        assert text


async def test_stop_and_max_tokens_are_honoured(model):
    whole, _, _ = await ask(model, prompt("Combien coûte la Fibre Goéland ?", *DOCUMENTS))
    short, _, finish = await ask(model, prompt("Combien coûte la Fibre Goéland ?", *DOCUMENTS, max_tokens=3))
    assert (whole.startswith(short), len(short.split()), finish) == (True, 3, "length")
    stopped, _, finish = await ask(model, prompt("Combien coûte la Fibre Goéland ?", *DOCUMENTS, stop=("€",)))
    assert (whole.partition("€")[0], "stop") == (stopped, finish)


async def test_the_same_question_has_the_same_answer(model):
    first = await ask(model, prompt("Combien coûte la Fibre Goéland ?", *DOCUMENTS, seed=1, temperature=1.5))
    assert first == await ask(model, prompt("Combien coûte la Fibre Goéland ?", *DOCUMENTS, seed=2))


async def test_the_question_takes_no_event_loop(model):
    """Long passages are weighed elsewhere: the loop is never held for more than a few milliseconds."""
    wanted = prompt("Combien coûte la Fibre Goéland ?", *(hit(GOELAND * 2, title=str(i)) for i in range(12)))
    await ask(model, wanted)
    longest = 0.0

    async def watch():
        nonlocal longest
        loop = asyncio.get_running_loop()
        while True:
            before = loop.time()
            await asyncio.sleep(0.001)
            longest = max(longest, loop.time() - before)

    watching = asyncio.create_task(watch())
    await ask(model, wanted)
    watching.cancel()
    assert longest < 0.05


def test_the_card_claims_what_it_honours(tmp_path):
    made = extract.build("quote", Settings(kind="extract", title="ours"), Resources(None, None, None, tmp_path, None))
    assert (made.card.name, made.card.title, made.card.on_premises) == ("quote", "ours", True)
    assert not made.card.generates
    assert not {"tools", "n", "logprobs", "json_object", "completions"} & CARD.capabilities
