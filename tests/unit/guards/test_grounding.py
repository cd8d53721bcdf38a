"""Whether the evidence supports each sentence, and what is done where it does not."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, cast

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.heads import WordEncoder

from palier.config import Guard
from palier.errors import ConfigurationError, InvalidRequest
from palier.guards import grounding
from palier.guards.grounding import MOST, Grounding, build
from palier.guards.weighing import load
from palier.interfaces import Resources, Vectors
from palier.interfaces.guarding import Context, Verdict
from palier.pipeline.sentences import Sentences

PASSAGES = (
    "La Fibre Goéland coûte 29,99 € par mois, sans engagement. Elle comprend la télévision et le téléphone.",
    "La résiliation coûte 49 €. Le matériel doit nous revenir dans les 21 jours qui suivent la fin du contrat.",
    "Le Bouquet Celtique donne accès à la télévision de rattrapage pendant 30 jours.",
)
DRAFT = Context(question="Combien coûte la Goéland ?", evidence=PASSAGES)
TRUE = "La Fibre Goéland coûte 29,99 € par mois."
FALSE = "Le décodeur est offert aux étudiants de Rennes dès la rentrée."


class Here:
    async def run(self, function: Callable[..., Any], *arguments: Any) -> Any:
        return function(*arguments)

    async def close(self) -> None: ...


def guard(**settings: object) -> Grounding:
    resources = Resources(cast(Any, None), WordEncoder(), Here(), Path(), lambda name: Path(name))
    return build("g", Guard(kind="grounding", **settings), resources)  # type: ignore[arg-type]


async def said(text: str, context: Context = DRAFT, **settings: object) -> Verdict:
    return await guard(**settings).check(text, context)


async def test_each_sentence_has_a_score_and_its_passage() -> None:
    verdict = await said(f"{TRUE} Le matériel doit revenir dans les 21 jours.")
    assert verdict.action == "pass"
    assert [span.passage for span in verdict.spans] == [1, 2]
    assert verdict.score == max(span.score or 0 for span in verdict.spans)
    bad = await said(f"{TRUE} {FALSE}")
    assert bad.action == "climb"
    assert "1 of 2 sentences not supported" in bad.reason
    assert [bool(span.reason) for span in bad.spans] == [False, True]
    assert (await said(FALSE, Context(place="output", evidence=PASSAGES))).action == "refuse"


@pytest.mark.parametrize(
    ("text", "cause"),
    [
        ("La résiliation coûte 59 €.", "figures"),
        ("Elle ne comprend pas la télévision et le téléphone.", "contrary"),
        (FALSE, "words"),
    ],
)
async def test_the_reason_is_what_is_not_there(text: str, cause: str) -> None:
    verdict = await said(text, threshold=0.4)
    assert verdict.action == "climb"
    assert cause in verdict.reason


SURE = {
    "Certains abonnés ont droit au décodeur.": "Tous les abonnés ont droit au décodeur.",
    "Some customers may keep their old box.": "All customers may keep their old box.",
    "Le technicien appelle parfois avant sa visite.": "Le technicien appelle toujours avant sa visite.",
    "Calls to landlines are usually included.": "Calls to landlines are always included.",
    "Vous pouvez joindre une facture au dossier.": "Vous devez joindre une facture au dossier.",
    "The router must be returned to a shop.": "The router may be returned to a shop.",
    "Le dépôt de garantie est obligatoire pour les routeurs.": "Le dépôt de garantie est facultatif pour les routeurs.",
}


@pytest.mark.parametrize("evidence", SURE)
async def test_all_is_not_some_nor_must_may(evidence: str) -> None:
    context = Context(evidence=(f"{evidence} Le siège est à Brest.", *PASSAGES))
    said_there, otherwise = await said(evidence, context), await said(SURE[evidence], context)
    assert said_there.action == "pass"
    assert otherwise.action == "climb"
    assert "not as binding" in otherwise.reason


async def test_some_where_the_evidence_says_all_is_supported() -> None:
    context = Context(evidence=("Tous les abonnés ont droit au décodeur.",))
    assert (await said("Certains abonnés ont droit au décodeur.", context)).action == "pass"


async def test_what_is_not_supported_is_left_out_or_marked() -> None:
    text = f"Bonjour ! {FALSE} {TRUE}"
    mended = await said(text, action="mend")
    assert (mended.action, mended.text) == ("mend", f"Bonjour ! {TRUE}")
    marked = await said(text, mark=True)
    assert (marked.action, marked.text) == ("mend", f"Bonjour ! {FALSE} [absent des sources] {TRUE}")
    english = await said(
        "Zebras graze on the lawn and they sing there.", Context(evidence=("The fibre is here.",)), mark=True
    )
    assert english.text.endswith("[not in the sources]")
    assert (await said(FALSE, action="mend")).text == ""


async def test_citations_are_set_right() -> None:
    assert (await said(f"{TRUE[:-1]} [1].")).action == "pass"
    wrong = await said(f"{TRUE[:-1]} [2].")
    assert (wrong.action, wrong.text) == ("mend", f"{TRUE[:-1]} [1].")
    assert "[2] does not support what cites it, and [1] does" in wrong.reason
    gone = await said(f"{TRUE[:-1]} [1][7].")
    assert gone.text == f"{TRUE[:-1]} [1]."
    assert "it cites [7], and there are 3 passages" in gone.reason
    assert (await said(f"{TRUE} [9]")).text == TRUE
    both = f"{TRUE} [1] Le matériel doit nous revenir dans les 21 jours. [2]"
    assert (await said(both)).action == "pass"
    assert (await said("Bonjour [4] !")).text == "Bonjour !"


NOTED = (
    "La Fibre Goéland coûte 29,99 € par mois [7], sans engagement [2].",
    "La résiliation coûte 49 € [12]. Le matériel doit nous revenir dans les 21 jours.",
    "Le Bouquet Celtique donne accès à la télévision de rattrapage.",
)


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("La Fibre Goéland coûte 29,99 € par mois [7], sans engagement.", None),
        ("La Fibre Goéland coûte 29,99 € par mois [7], sans engagement [2].", None),
        ("La Fibre Goéland coûte 29,99 € par mois [7] [1].", None),
        ("La résiliation coûte 49 € [12].", None),
        ("La résiliation coûte 49 € [12] [8].", "La résiliation coûte 49 € [12]."),
        ("La résiliation coûte 49 € [9].", "La résiliation coûte 49 €."),
    ],
)
async def test_a_number_in_brackets_of_the_passages_own_is_no_citation(text: str, told: str | None) -> None:
    verdict = await said(text, Context(evidence=NOTED))
    assert (verdict.action, verdict.text) == (("mend", told) if told else ("pass", ""))


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("La Goéland coûte 29,99 € par mois [1] et la résiliation coûte 49 € [2].", None),
        (
            "La Goéland coûte 29,99 € par mois [1] et la résiliation coûte 49 € [2] [9].",
            "La Goéland coûte 29,99 € par mois [1] et la résiliation coûte 49 € [2].",
        ),
        (
            "La Goéland coûte 29,99 € par mois [1, 9] et la résiliation coûte 49 € [2].",
            "La Goéland coûte 29,99 € par mois [1] et la résiliation coûte 49 € [2].",
        ),
        (
            "La Goéland [9] coûte 29,99 € par mois [1].",
            "La Goéland coûte 29,99 € par mois [1].",
        ),
        ("La Goéland coûte 29,99 € par mois [9][1].", "La Goéland coûte 29,99 € par mois [1]."),
        (
            "Le téléphone [3] et la télévision sont compris dans la Fibre Goéland [2].",
            "Le téléphone et la télévision sont compris dans la Fibre Goéland [1].",
        ),
    ],
)
async def test_citations_stay_where_they_stand(text: str, told: str | None) -> None:
    verdict = await said(text)
    assert (verdict.action, verdict.text) == (("mend", told) if told else ("pass", ""))


async def test_a_mark_whose_passage_supports_its_words_stays_when_another_is_added() -> None:
    evidence = (
        "Les bureaux sont ouverts le samedi.",
        "La Fibre Goéland convient aux familles.",
        "Les bureaux sont ouverts le samedi et la Fibre Goéland coûte 29,99 € par mois avec la télévision de rattrapage.",
    )
    text = "Les bureaux sont ouverts le samedi [1] et la Goéland coûte 29,99 € avec la télévision de rattrapage [2]."
    verdict = await said(text, Context(evidence=evidence))
    assert verdict.text == text.replace("[2]", "[3]")
    assert "[2] does not support what cites it, and [3] does" in verdict.reason


async def test_what_claims_nothing_needs_no_evidence() -> None:
    for text in ("", "Bonjour !", "Je ne sais pas.", "Quelle est votre adresse ?"):
        verdict = await said(text, Context())
        assert (verdict.action, verdict.score) == ("pass", None)
    with pytest.raises(InvalidRequest, match="no evidence"):
        await said(TRUE, Context())


async def test_data_is_no_prose_and_what_is_endless_does_not_pass() -> None:
    assert (await said('{"city": "Brest"}')).reason == "it is no prose"
    assert (await said('{"city": "Brest" FIN')).action == "climb"
    assert (await said("x" * (MOST + 1))).action == "climb"
    assert "sentences" in (await said("La fibre est là.\n" * 500)).reason


async def test_passages_in_another_language_are_compared_by_meaning() -> None:
    evidence = ("La résiliation de la fibre coûte 49 € et elle est gratuite pour les mobiles.",)
    verdict = await said(
        "The termination of the fibre costs €49 and it is free for mobiles.", Context(evidence=evidence)
    )
    assert verdict.score is not None
    assert verdict.spans[0].passage == 1
    other = await said("The termination of the fibre costs €99 and it is free for mobiles.", Context(evidence=evidence))
    assert other.score is not None
    assert other.score > verdict.score


def test_wrong_settings_are_refused(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match="threshold 2"):
        guard(threshold=2.0)
    with pytest.raises(ConfigurationError, match="cannot climb"):
        guard(mark=True, action="climb")
    with pytest.raises(ConfigurationError, match="cannot be read"):
        guard(file=str(tmp_path / "none.json"))
    assert guard().threshold == load().threshold


SAID = (TRUE, FALSE, "Bonjour !", "Oui.", "Elle comprend la télévision [2].", "Je ne sais pas.", "Cela coûte 12 € [8].")
texts = st.lists(st.sampled_from(SAID), min_size=1, max_size=6).map(" ".join)


@settings(deadline=None, max_examples=40)
@given(texts, st.sampled_from([{}, {"action": "mend"}, {"mark": True}]))
async def test_the_verdict_on_a_text_is_that_on_its_sentences(text: str, chosen: dict[str, object]) -> None:
    whole = await said(text, **chosen)
    cut = Sentences()
    parts = [*cut.feed(text), *cut.end()]
    each = [await said(part, **chosen) for part in parts]
    assert whole.score == max((v.score for v in each if v.score is not None), default=None)
    strictest = max(("pass", "mend", "climb").index(v.action) for v in each)
    assert ("pass", "mend", "climb").index(whole.action) == strictest
    if whole.action == "mend":
        together = "".join(v.text if v.action == "mend" else p for v, p in zip(each, parts, strict=True))
        assert whole.text.split() == together.split()


@settings(deadline=None)
@given(st.text(max_size=200), st.lists(st.text(max_size=120), min_size=1, max_size=3))
async def test_scores_are_shares_and_spans_lie_in_the_text(text: str, evidence: list[str]) -> None:
    verdict = await said(text, Context(evidence=tuple(evidence)))
    assert verdict.score is None or 0 <= verdict.score <= 1
    for span in verdict.spans:
        assert 0 <= span.start < span.end <= len(text)
        assert span.score is not None
        assert 0 <= span.score <= 1
        assert span.passage in range(1, len(evidence) + 1)


COMPANY = [sentence.strip() + "." for text in PASSAGES for sentence in text.split(". ")]


@settings(deadline=None)
@given(st.sampled_from(COMPANY), st.permutations(PASSAGES))
async def test_a_copied_sentence_is_supported_and_with_another_number_less(sentence: str, evidence: list[str]) -> None:
    context = Context(evidence=tuple(evidence))
    sentence = sentence.removesuffix(".").rstrip(".") + "."
    copied = await said(sentence, context)
    assert copied.action == "pass"
    assert copied.score is not None
    assert copied.score < 0.3
    digits = [at for at, letter in enumerate(sentence) if letter.isdigit()]
    if digits:
        at = random.Random(sentence).choice(digits)
        changed = sentence[:at] + str((int(sentence[at]) + 5) % 10) + sentence[at + 1 :]
        other = await said(changed, context)
        assert other.score is not None
        assert other.score > copied.score


async def test_passages_that_others_displace_meanwhile_are_there_all_the_same(monkeypatch: pytest.MonkeyPatch) -> None:
    class Slow(WordEncoder):
        async def encode(self, texts: Sequence[str]) -> Vectors:
            await asyncio.sleep(0)
            return await super().encode(texts)

    monkeypatch.setattr(grounding, "_REMEMBERED", 2)
    resources = Resources(cast(Any, None), Slow(), Here(), Path(), lambda name: Path(name))
    slow = build("g", Guard(kind="grounding"), resources)
    texts = [f"Dossier {n} : la fibre est réparée mardi, le technicien passe vers {n} heures." for n in range(12)]
    claim = "The fibre is repaired on Tuesday, and the technician comes at five."
    contexts = [Context(place="draft", evidence=(texts[n], texts[(n + 1) % 12]), language="en") for n in range(12)]
    for _ in range(3):
        found = await asyncio.gather(*(slow.check(claim, context) for context in contexts))
        assert all(verdict.score is not None for verdict in found)
