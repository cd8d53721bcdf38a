"""How a sentence is said beside what was asked: signals that have no sign of their own, for weights taught by labels.

Whether a copied sentence is a good answer, or one that gives an opinion a bad one, is for whoever labels to say: the
weights of the package do not read these, those of `palier guard fit grounding` do (`taught`). All are shares.
"""

from __future__ import annotations

from collections.abc import Sequence

from palier.guards.supporting import Overlap, Passage, Sentence, shared
from palier.text import tokens
from palier.text.stopwords import BOTH
from palier.text.support import STEM

MANNER = ("copied", "answered", "heard", "echoed", "self", "reader", "opinion", "hedges", "opens")
"""`copied`: it stands in a passage word for word; `answered`: share of the question's words that the passages have;
`heard`: share of its own that they have, each counting alike; `echoed`: share of them that only the question has;
`self`, `reader`, `opinion`, `hedges`: share of its words that speak of the writer, of the reader, of what one likes, of
what may be; `opens`: it begins as one talks ("oh", "well", "ah bon")."""
_QUESTION = 4_000
"""Characters of a question that are read."""
_SELF_WORDS = "i im my mine me myself we us our ours je j mon ma mes moi nous notre nos"
_READER_WORDS = "you your yours u vous votre vos tu te toi ton ta tes"
_OPINION_WORDS = (
    "think love like liked likes best great awesome amazing cool nice good funny favorite favourite fan enjoy enjoyed"
    " wonder guess believe feel hope wish bet interesting crazy pretty really definitely agree bad beautiful adore aime"
    " aimons pense crois trouve espere prefere super genial bien bon beau vraiment interessant incroyable dommage"
)
_HEDGING_WORDS = (
    "maybe might may could would should probably perhaps seem seems possibly likely peut probablement semble pourrait"
    " devrait doute"
)
_OPENING_WORDS = (
    "yes yeah oh haha ha lol no hi hello wow well ah true same yep sure nope hey ok okay me so oui non eh bof tiens"
)
_SELF, _READER, _OPINION, _HEDGES, _OPENS = (
    frozenset(words.split()) for words in (_SELF_WORDS, _READER_WORDS, _OPINION_WORDS, _HEDGING_WORDS, _OPENING_WORDS)
)


def asked(question: str) -> frozenset[str]:
    """The stems of a question's content words."""
    return frozenset(word[:STEM] for word in tokens(question[:_QUESTION]) if word not in BOTH)


def closely(said: Sentence, question: frozenset[str], among: Sequence[Overlap]) -> dict[str, float]:
    """The signals of `supporting` and those of `MANNER`, of a sentence laid beside passages, these taken together."""
    return shared(said, question, among) | manner(said, question, [one.passage for one in among])


def manner(said: Sentence, question: frozenset[str], among: Sequence[Passage]) -> dict[str, float]:
    """The signals of `MANNER`."""
    known = frozenset().union(*(one.known for one in among))
    own = frozenset(said.own)
    line = f" {' '.join(said.words)} "
    return {
        "copied": float(bool(said.words) and any(line in one.line for one in among)),
        "answered": _share(len(question & known), len(question)),
        "heard": _share(sum(stem in known for stem in said.own), len(said.own)),
        "echoed": _share(len((own & question) - known), len(own)),
        "self": _of(said, _SELF),
        "reader": _of(said, _READER),
        "opinion": _of(said, _OPINION),
        "hedges": _of(said, _HEDGES),
        "opens": float(bool(said.words) and said.words[0] in _OPENS),
    }


def _of(said: Sentence, words: frozenset[str]) -> float:
    return _share(sum(word in words for word in said.words), len(said.words))


def _share(part: int, whole: int) -> float:
    return part / whole if whole else 0.0
