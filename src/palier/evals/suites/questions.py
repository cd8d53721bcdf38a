"""Questions out of documents, without any model: drafts for a person to edit.

Only what reads right is asked: headings that are questions, pairs of question and answer, headings that say what to do
(a known verb), definitions, and prices. The reference is what the document says, word for word.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import NamedTuple

from palier.text import detect, sentences, terms
from palier.types import Document

LONGEST = 1200
"""Characters of a reference."""
_SHORTEST = 12
_MAX_QUESTION = 200


class Drafted(NamedTuple):
    """A question, what the document answers, and how it was made: `faq`, `heading`, `how-to`, `definition`, `price`."""

    question: str
    answer: str
    made: str
    language: str
    must_contain: tuple[str, ...] = ()


def drafts(document: Document) -> Iterator[Drafted]:
    """The questions of a document, in its order; those of French and English only, else headings and pairs."""
    language = document.language or detect(document.text[:2000])
    if _is_question(document.title) and len(document.text) <= LONGEST:
        yield Drafted(document.title.strip(), document.text.strip(), "faq", language)
        return
    subject = re.split(r" ?: |[,(]", document.title or _first_heading(document.text))[0].strip()
    for heading, body in _sections(document.text):
        prose = _prose(body)
        if len(prose) >= _SHORTEST and not prose.startswith("|"):
            if _is_question(heading):
                yield Drafted(_of(heading, subject, language), prose, "heading", language)
            elif how := _how_to(heading, language):
                yield Drafted(_of(how, subject, language), prose, "how-to", language)
        yield from _pairs(body, language)
        for start, end in sentences(body):
            yield from _of_sentence(" ".join(body[start:end].split()), language)


# --- headings and pairs ------------------------------------------------------------------------------------------

_HEADING = re.compile(r"^(#{1,6})[ \t]+(.+?)[ \t]*#*$", re.MULTILINE)
_PAIR = re.compile(
    r"^[ \t]*(?:[-*] )?(?:\*\*|__)?(?:Q(?:uestion)?[ \t]*[:.)][ \t]*)?(?P<q>[^\n*_|]{8,200}\?)(?:\*\*|__)[ \t]*\n*"
    r"[ \t]*(?P<a>[^\n#|][^\n]*)$|"
    r"^[ \t]*Q(?:uestion)?[ \t]*[:.)][ \t]*(?P<q2>[^\n]{8,200}\?)[ \t]*\n+[ \t]*(?:[AR]|Answer|R[ée]ponse)[ \t]*[:.)]"
    r"[ \t]*(?P<a2>[^\n]+)$",
    re.MULTILINE,
)


def _is_question(text: str) -> bool:
    return text.strip().endswith("?") and _SHORTEST <= len(text.strip()) <= _MAX_QUESTION


def _sections(text: str) -> Iterator[tuple[str, str]]:
    """Each heading (Markdown) with what stands below it, down to the next heading; before the first, "" is it."""
    heading, start = "", 0
    for match in _HEADING.finditer(text):
        yield heading, text[start : match.start()]
        heading, start = match.group(2).strip(), match.end()
    yield heading, text[start:]


def _first_heading(text: str) -> str:
    match = _HEADING.search(text)
    return match.group(2).strip() if match else ""


def _of(question: str, subject: str, language: str) -> str:
    """The question after what it is about, where its own words do not say: `Sterne Solidaire : qui y a droit ?`"""
    says = len(terms(question, language)) > 1 and not question.startswith(("Et ", "And "))
    if says or not subject or subject.endswith("?") or subject in question:
        return question
    rest = question[0].lower() + question[1:] if language == "fr" else question
    return f"{subject} : {rest}" if language == "fr" else f"{subject}: {rest}"


def _prose(body: str) -> str:
    """The body whole where it is short, else its first paragraphs."""
    body = re.sub(r"\*\*|__", "", body).strip()
    if len(body) <= LONGEST:
        return body
    kept = body[:LONGEST]
    cut = kept.rfind("\n\n")
    return kept[:cut].strip() if cut > _SHORTEST else ""


def _pairs(body: str, language: str) -> Iterator[Drafted]:
    for match in _PAIR.finditer(body):
        question, answer = match["q"] or match["q2"], match["a"] or match["a2"]
        if len(answer) >= _SHORTEST and not answer.strip().endswith("?"):
            yield Drafted(question.strip(), answer.strip(), "faq", language)


# Verbs that say what to do: any other word that looks like an infinitive may be a noun (boîtier, papier; plan, order).
_VERBS = {
    "fr": (
        "accéder activer ajouter annuler apparier brancher bloquer calculer changer choisir configurer confirmer"
        " connaître connecter consulter contacter contester créer déclarer demander déménager démarrer désactiver"
        " échanger effacer envoyer faire installer joindre limiter lire mesurer mettre modifier obtenir ouvrir payer"
        " protéger réclamer recevoir redémarrer réduire régler réinitialiser rejoindre remplacer rendre renouveler"
        " renvoyer réserver résilier résoudre retirer retourner retrouver souscrire suivre supprimer"
        " suspendre transférer trouver utiliser vérifier"
    ),
    "en": (
        "activate add ask avoid block book call cancel change check choose configure connect contact create delete"
        " disable dispute enable end find get install join leave measure move open pay protect reboot reduce register"
        " remove rename renew replace request reset restart return send suspend transfer unblock unlock update use"
        " verify"
    ),
}
_INFINITIVE = {
    language: re.compile(rf"(?:{'|'.join(verbs.split())})\b.*", re.IGNORECASE) for language, verbs in _VERBS.items()
}


def _how_to(heading: str, language: str) -> str:
    """`Changer la date` -> `Comment changer la date ?`; "" where the heading is none."""
    pattern = _INFINITIVE.get(language)
    plain = heading.strip().rstrip(".")
    match = pattern.fullmatch(plain) if pattern else None
    if match is None or re.search(r"[:;?!|,(]|\d{3}", plain) or not 2 <= len(plain.split()) <= 12:
        return ""
    lowered = plain[0].lower() + plain[1:]
    if language == "fr":
        return f"Comment {lowered} ?"
    mine = re.sub(r"\byour\b", "my", lowered)
    return f"How do I {mine}?"


# --- sentences ---------------------------------------------------------------------------------------------------

_SUBJECT = {
    "fr": r"(?P<article>[Uu]ne? |[Ll]a |[Ll]e |[Ll]['\u2019])(?P<noun>[^,;:()«»\"\d][^,;:()«»\"]{1,50}?)",
    "en": r"(?P<article>[Tt]he |[Aa]n? )(?P<noun>[^,;:()\"\d][^,;:()\"]{1,50}?)",
}
_DEFINITION = {
    "fr": re.compile(rf"{_SUBJECT['fr']} (?:est|désigne) (?:une? |l['\u2019]|la |le )(?!plus |moins ).{{15,}}"),
    "en": re.compile(rf"{_SUBJECT['en']} (?:is|means) (?:an? |the )(?!same|most|more|less|best).{{15,}}"),
}
_AMOUNT = r"(?P<amount>(?:[€$£] ?)?\d[\d \u00a0\u202f.,]*(?<! )(?: ?[€$£])?)"
_PRICE = {
    "fr": re.compile(rf"{_SUBJECT['fr']} coûte {_AMOUNT}(?:[ ,.;].*)?"),
    "en": re.compile(rf"{_SUBJECT['en']} costs {_AMOUNT}(?:[ ,.;].*)?"),
}
_NOT_A_SUBJECT = re.compile(
    r"\b(?:qui|que|dont|où|il|elle|ils|elles|on|nous|vous|est|sont|which|that|who|it|they|you|we|is|are|and|et|ou|or)\b"
)


def _of_sentence(sentence: str, language: str) -> Iterator[Drafted]:
    """What a sentence defines, or the price it tells."""
    if language not in _DEFINITION or sentence.startswith(("|", "-", "*", "#")) or not sentence.endswith("."):
        return
    defined = _DEFINITION[language].fullmatch(sentence)
    if defined and _reads_right(defined["noun"]):
        yield Drafted(_what_is(defined["article"], defined["noun"], language), sentence, "definition", language)
    priced = _PRICE[language].fullmatch(sentence)
    if priced and _reads_right(priced["noun"]) and re.search("[€$£]", priced["amount"]):
        subject = _small(priced["article"]) + priced["noun"]
        question = f"Combien coûte {subject} ?" if language == "fr" else f"How much does {subject} cost?"
        figure = re.search(r"\d[\d.,]*\d|\d", priced["amount"])
        telling = figure is not None and len(figure.group()) > 2  # "2" stands in too much
        yield Drafted(question, sentence, "price", language, (figure.group(),) if figure and telling else ())


def _reads_right(noun: str) -> bool:
    return not _NOT_A_SUBJECT.search(noun) and len(noun.split()) <= 7


def _what_is(article: str, noun: str, language: str) -> str:
    subject = _small(article) + noun
    if language == "en":
        return f"What is {subject}?"
    return f"Qu'est-ce qu'{subject} ?" if article.casefold().startswith("u") else f"Qu'est-ce que {subject} ?"


def _small(article: str) -> str:
    return article[0].lower() + article[1:]
