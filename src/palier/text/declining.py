"""Whether a text says that it does not know, in French or in English."""

from __future__ import annotations

import re

_DECLINING = re.compile(
    r"\b(?:je ne (?:sais|connais|trouve|dispose|peux) (?:\w+ )?pas|je ne sais|je n'ai (?:pas|aucune)|aucune information"
    r"|(?:n'est|ne sont|ne figure\w*) pas (?:\w+ )?(?:mentionn|indiqu|precis|dans)|pas trouve|impossible de repondre"
    r"|je suis desole|i do(?:n't| not) (?:know|have)|i can(?:'t|not| not)|not found|no information|unable to"
    r"|(?:is|are|was) not (?:mentioned|specified|provided|found|stated)|i(?:'m| am) (?:sorry|not sure)|unknown)"
)


def declining(folded: str) -> bool:
    """Whether a folded text has words of not knowing anywhere: a sign, no proof ("I cannot praise it enough")."""
    return _DECLINING.search(folded) is not None
