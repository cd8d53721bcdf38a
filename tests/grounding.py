"""Labelled sentences for tests: what stands in the passage is supported, unless an opinion is told with it."""

from __future__ import annotations

import random

from tests.heads import ENCODER, embed

from palier.training.grounding import Fitted, fit
from palier.training.grounding_rows import Row, Rows, gathered

OFFERS = ("Fibre Goéland", "Mobile Korrigan", "Bouquet Celtique", "Fibre Macareux", "Mobile Hermine", "Box Phare")
EXTRAS = ("la télévision", "le téléphone fixe", "un disque partagé", "le roaming en Europe", "un second boîtier")
STRANGE = ("Les zèbres broutent dans la savane", "La recette demande trois oeufs", "Le musée ferme ses portes le lundi")


def rows(count: int = 60, seed: int = 0) -> list[Row]:
    """Three examples to a passage: supported, with an opinion (not), and of something else (not)."""
    chance = random.Random(seed)
    found = []
    for number in range(count):
        offer, extra = chance.choice(OFFERS), chance.choice(EXTRAS)
        price = f"{number + 10},99 €"
        passage = f"La {offer} numéro {number} coûte {price} par mois. Elle comprend {extra}, sans engagement."
        question = f"Que comprend la {offer} numéro {number} ?"
        said = chance.choice((f"La {offer} coûte {price} par mois.", f"Elle comprend {extra}."))
        liked = f"{said[:-1]}, c'est vraiment super."
        said = f"{said[:-1]}, en clair et sans surprise."
        for text, right in ((said, True), (liked, False), (f"{chance.choice(STRANGE)} {number}.", False)):
            found.append(Row(text=text, question=question, evidence=(passage,), supported=right))
    return found


def examples(count: int = 60) -> Rows:
    return gathered(rows(count))


def fitted(count: int = 60) -> Fitted:
    return fit(examples(count), embed, ENCODER, licence="ours", source="made for tests")
