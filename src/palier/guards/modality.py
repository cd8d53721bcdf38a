"""How a sentence says what it says: what it denies, whether of all or of some, whether it must or may be.

Read by words, in French and English: a marker speaks of the content words that stand by it in its clause.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Literal

from palier.text import fold, tokens
from palier.text.stopwords import BOTH
from palier.text.support import STEM

Force = Literal["all", "some", "always", "at times", "must", "may"]
Forces = Mapping[str, frozenset[Force]]
"""Of stems of content words, what is said of them."""
MAX_WORDS = 120
"""Words of a clause that are looked at."""
_DENYING = "not no never none nor neither without cannot nothing nobody pas jamais aucun aucune sans ni rien non"
_DENIES = frozenset(_DENYING.split())
_ANSWERS = re.compile(r"^\W*(?:no|non|not at all|pas du tout)\s*[,.;:!]")
_NOT = re.compile(r"n't\b")
_CLAUSE = re.compile(r"[.,;:!?()\"]+|\b(?:but|mais|although|bien que)\b")
_UNSURE = re.compile(
    r"\b(?:not (?:so )?sure|no idea|(?:not|n't) (?:know|think)|pas (?:sur|certain)|sais pas|non-\w+)\b"
)
_ASIDE = re.compile(
    r"\b(?:du tout|tout (?:a fait|de|en)|tous les deux|(?:at|after|above) all|all (?:right|of a)|may \d+)\b"
)
"""What has a marker in it that marks nothing. A month is none either."""
_MARKERS: dict[Force, tuple[str, int]] = {
    "all": ("tous tout toute toutes chaque chacun chacune all every each everyone everybody", 0),
    "some": ("certains certaines quelques plusieurs plupart some several few many most", 0),
    "always": ("toujours systematiquement always systematically invariably", 2),
    "at times": ("parfois souvent generalement rarement sometimes often usually generally occasionally rarely", 2),
    "must": (
        "doit doivent devez devra devront devrez faut faudra obligatoire obligatoires obligatoirement imperatif"
        " imperativement exige exigee exiges must shall mandatory compulsory required obligatory",
        2,
    ),
    "may": (
        "peut peuvent pouvez pourra pourront pourrez facultatif facultative facultatifs facultatives facultativement"
        " may might can could optional optionally",
        2,
    ),
}
"""Words, and to how many content words before them they may belong; to those after, all do."""
_FORCE: dict[str, tuple[Force, int]] = {
    word: (force, before) for force, (words, before) in _MARKERS.items() for word in words.split()
}
_AFTER = 2
_OPPOSED: tuple[tuple[Force, Force], ...] = (("all", "some"), ("always", "at times"), ("must", "may"), ("may", "must"))
"""What a sentence may not say where the evidence says the other. "Some" where that says "all" is no contradiction."""


def denied(text: str) -> frozenset[str]:
    """The stems of the content words that stand by a word of denial in one clause. An answering "No," denies none of
    them, and neither does "I am not sure"."""
    found = set[str]()
    for clause in _CLAUSE.split(_ANSWERS.sub("", fold(text))):
        if _UNSURE.search(clause):
            continue
        words = tokens(_NOT.sub(" not", clause))[:MAX_WORDS]
        told = [(word in _DENIES, word[:STEM]) for word in words if word in _DENIES or word not in BOTH]
        for at, (denies, _) in enumerate(told):
            if denies:
                found.update(stem for other, stem in told[max(at - 1, 0) : at + 3] if not other)
    return frozenset(found)


def forces(text: str) -> Forces:
    """What is said of its content words: of a noun by the quantifier before it, of the others by what stands near.

    A marker that is denied ("need not", "ne doit pas") is left to `denied`.
    """
    found: dict[str, set[Force]] = {}
    for clause in _CLAUSE.split(fold(text)):
        words = tokens(_NOT.sub(" not", _ASIDE.sub(" ", clause)))[:MAX_WORDS]
        told = [word for word in words if word in _DENIES or word in _FORCE or word not in BOTH]
        for at, word in enumerate(told):
            marker = _FORCE.get(word)
            if marker is None or not _DENIES.isdisjoint(told[max(at - 1, 0) : at + 2]):
                continue
            force, before = marker
            near = (*told[max(at - before, 0) : at], *told[at + 1 : at + 1 + _AFTER])
            for other in near:
                if other not in _FORCE:
                    found.setdefault(other[:STEM], set()).add(force)
    return {stem: frozenset(said) for stem, said in found.items()}


def differ(said: Forces, evidence: Forces) -> bool:
    """Whether of one word the first says what the second contradicts."""
    return any(
        strong in of and strong not in (there := evidence[stem]) and other in there
        for stem, of in said.items()
        if stem in evidence
        for strong, other in _OPPOSED
    )
