"""What kind of thing a question asks for, and whether a sentence holds one: a number for "combien", a date for when."""

from __future__ import annotations

import re
from typing import NamedTuple

from palier.text.words import fold, tokens

_NOUNS = {
    "who": "nom auteur personne personnage name person author",
    "number": (
        "nombre taille prix cout montant part superficie population pourcentage proportion duree longueur hauteur"
        " distance vitesse debit age altitude price cost fee rate amount speed size length height percentage delay"
    ),
    "date": "date annee jour mois siecle epoque periode decennie moment heure year day month century period",
    "place": (
        "ville pays lieu region endroit continent commune departement etat rue quartier adresse boutique city country"
        " place town state street address shop"
    ),
}
_WORDS = {
    "who": r"\bqui\b|\bwho(?:m|se)?\b",
    "number": r"\bcombien\b|\bhow (?:many|much|long|far|old|fast|often|high)\b",
    "date": r"\bquand\b|\bwhen\b|\bdepuis\b.*\?|\bhow long\b",
    "place": r"\bwhere\b",
    "reason": r"\bpourquoi\b|\bwhy\b|\braisons?\b|\breasons?\b",
    "definition": (
        r"\bqu'est[ -]ce qu(?:e |')(?!on |il |elle |je )|\bc'est quoi\b|\bque (?:signifie|veut dire|designe)\b"
        r"|\bwhat (?:is|are) (?:an? )?\w+ ?\?|\bmean\b"
    ),
    "manner": r"\bcomment\b|\bhow (?:do|can|to|does|did|should|is|are|was|were)\b",
    "contact": r"\btelephone\b|\bnumero\b|\bappeler\b|\be-?mails?\b|\bcourriel\b|\bcontacter\b|\bcall\b|\bphone\b",
}
_BETWEEN = (
    r"(?: est| sont| etaient| etait| fut| furent| sera| is| are| was| were)?(?: l'| le| la| les| the)? ?(?:\w+ )?"
)


def _pattern(kind: str) -> re.Pattern[str]:
    """Its own question words, or "which" with one of its nouns. Matched folded: small letters without accents."""
    nouns = "|".join(_NOUNS.get(kind, "").split())
    which = rf"|\b(?:quel(?:le)?s?|what|which){_BETWEEN}(?:{nouns})s?\b" if nouns else ""
    return re.compile(_WORDS[kind] + which)


_ASKS = {kind: _pattern(kind) for kind in _WORDS}
_WHERE = re.compile(r"\b[oO]ù\b")

_WORD_NUMBERS = (
    r"deux|trois|quatre|cinq|six|sept|huit|neuf|dix|onze|douze|quinze|vingt|trente|quarante|cinquante|soixante|cents?"
    r"|mille|moiti[ée]|tiers|quart|double|two|three|four|five|seven|eight|nine|ten|twelve|hundred|thousand|half|twice"
)
_MONTHS = (
    r"janvier|f[ée]vrier|mars|avril|mai|juin|juillet|ao[uû]t|septembre|octobre|novembre|d[ée]cembre|january|february"
    r"|march|april|may|june|july|august|september|october|november|december"
)
_TO = r"(?:à|au|aux|en|dans|sur|de|du|vers|chez|in|at|near|from|to)"

# What shows it plainly, and what shows it perhaps. Sentences are matched as they are.
_SIGNS = {
    "who": (re.compile(r"(?<=[\w,;:)] )(?:[dl]['\u2019])?[A-ZÀ-Þ][\w-]+"), re.compile(r"\b[A-ZÀ-Þ]\w+ [A-ZÀ-Þ]\w+")),
    "number": (re.compile(r"\d"), re.compile(rf"(?i)\b(?:{_WORD_NUMBERS})\b")),
    "date": (
        re.compile(
            rf"\b1\d{{3}}\b|\b20\d\d\b|\d (?:{_MONTHS})\b|\d ?h\b|\b\d+ (?:jours?|mois|ans?|heures?|days?|hours?)"
        ),
        re.compile(r"(?i)\bsi[èe]cle|\bann[ée]es?\b|\b[XVI]+e\b|\bcentury|\blundi|\bmonday|\bjours?\b|\bdays?\b"),
    ),
    "place": (
        re.compile(rf"\b{_TO} (?:la |le |les |l['\u2019]|the )?[A-ZÀ-Þ]"),
        re.compile(r"\bsitu|\blocated\b|\brue\b|\bville\b|\bstreet\b"),
    ),
    "reason": (
        re.compile(r"(?i)\bcar\b|\bparce qu|\bpuisqu|\ben raison|\bgr[âa]ce|\bcause|\bdue?s?\b|\bbecause\b|\bsince\b"),
        re.compile(r"(?i)\bafin\b|\bpour\b|\bpermet|\bso that\b|\bin order\b|\bdonc\b"),
    ),
    "definition": (
        re.compile(
            r"(?i)\best (?:une?|l[ea'\u2019])|\bsont des\b|d[ée]signe|\bsignifie|\bis an?\b|\bmeans\b|\brefers\b"
        ),
        re.compile(r"(?i)\best\b|\bsont\b|\bis\b|\bare\b"),
    ),
    "manner": (
        re.compile(r"(?i)\ben \w+ant\b|\bgr[âa]ce|\bau moyen|\bà l['\u2019]aide|\bby \w+ing\b|^\W*(?:\d+[.)]|-)"),
        re.compile(r"(?i)\bpar\b|\bavec\b|\bby\b|\bwith\b|\busing\b"),
    ),
    "contact": (re.compile(r"\d{2}[ .]?\d{2}|@\w"), re.compile(r"\d")),
}


_COUNTED = re.compile(r"\b(?:combien d(?:e |')|how many )(\w{3,})")
_QUANTITY = rf"(?:\d[\d .,]*|\b(?:{_WORD_NUMBERS}) )(?:\w+ ){{0,2}}"


class Asking(NamedTuple):
    """What a question asks for: kinds of answer (none where its words do not say), its own words, what it counts."""

    kinds: frozenset[str]
    words: frozenset[str]
    counted: re.Pattern[str] | None

    def offered(self, sentence: str) -> float:
        """How well `sentence` looks like it holds what is asked: 1 plainly, 0.5 perhaps, 0 not.

        A name or a number of the question is no answer to it.
        """
        best = 0.0
        for kind in self.kinds:
            plain, perhaps = _SIGNS[kind]
            if kind == "number" and self.counted is not None:
                best = max(best, 1.0 if self.counted.search(fold(sentence)) else 0.5 * self._new(plain, sentence))
            elif self._new(plain, sentence):
                return 1.0
            if self._new(perhaps, sentence):
                best = max(best, 0.5)
        return best

    def _new(self, sign: re.Pattern[str], sentence: str) -> bool:
        return any(not self.words.issuperset(tokens(match.group())) for match in sign.finditer(sentence))


def asking(question: str) -> Asking:
    """Read `question` for what it asks."""
    # "Où" (where) and "ou" (or) fold to one word.
    folded = fold(_WHERE.sub("where", question))
    kinds = {kind for kind, pattern in _ASKS.items() if pattern.search(folded)}
    if "number" in kinds or "date" in kinds:
        kinds.discard("manner")
    counted = _COUNTED.search(folded)
    noun = re.compile(_QUANTITY + re.escape(counted.group(1)[:5])) if counted else None
    return Asking(frozenset(kinds), frozenset(tokens(question)), noun)
