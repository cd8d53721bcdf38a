"""What claims something, and what does not."""

from __future__ import annotations

import pytest

from palier.guards.claims import claims


@pytest.mark.parametrize(
    "text",
    [
        "La fibre coûte 29,99 € par mois.",
        "You may keep your number.",
        "Bonjour, la fibre est gratuite pour tous les clients.",
        "Thanks to the new network, the fibre reaches every island.",
        "I do not know, but the fibre is free.",
        "Je ne trouve pas la date ; la fibre arrive partout.",
        "Les documents ne parlent pas des 45 € de frais.",
        "Did you know that the fibre is free?",
        "Saviez-vous que la fibre est gratuite ?",
        "Is the fibre not wonderful?",
        "Voici : la fibre est gratuite pour tout le monde.",
    ],
)
def test_what_evidence_could_support_is_a_claim(text: str) -> None:
    assert claims(text)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "[1]",
        "Oui.",
        "No, exactly.",
        "Bonjour !",
        "Merci pour votre message.",
        "Best regards,",
        "N'hésitez pas à me recontacter si besoin.",
        "Let me know if anything is unclear.",
        "Je ne sais pas.",
        "Je ne trouve aucune information à ce sujet.",
        "Les documents ne parlent d'aucune assurance.",
        "The documents do not say.",
        "I could not find the price.",
        "Quelle offre avez-vous, et depuis quelle adresse appelez-vous ?",
        "Would you like to know the price?",
        "Voici les étapes :",
    ],
)
def test_what_claims_nothing_is_let_through(text: str) -> None:
    assert not claims(text)


@pytest.mark.parametrize(
    "text",
    [
        "Bien sûr, la fibre est gratuite.",
        "Of course, eSIM is free.",
        "Sure, roaming is free everywhere.",
        "D'accord, la résiliation est gratuite.",
        "N'hésitez pas à résilier, cela est gratuit et sans préavis.",
        "I hope this helps, the fibre is free for everyone.",
        "The documents do not allow refunds.",
        "Les documents ne prévoient aucun remboursement.",
        "Aucun frais de résiliation selon les documents.",
        "Je ne vois pas de frais pour la résiliation.",
        "Your contract is cancelled, can I help?",
    ],
)
def test_what_comes_with_a_courtesy_or_a_question_is_a_claim_all_the_same(text: str) -> None:
    assert claims(text)


@pytest.mark.parametrize(
    "text",
    [
        "Bien sûr !",
        "Of course.",
        "Les documents ne précisent pas le prix.",
        "The passages do not mention it.",
        "Aucune information dans les documents.",
        "Les documents ne permettent pas de répondre à cette question.",
        "N'hésitez pas à nous appeler.",
        "Souhaitez-vous résilier votre contrat ?",
        "Oui.",
    ],
)
def test_a_courtesy_or_a_confession_alone_is_none(text: str) -> None:
    assert not claims(text)
