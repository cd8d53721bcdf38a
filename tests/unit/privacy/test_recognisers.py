"""What is recognised by its form, and what is not: one case a row."""

from __future__ import annotations

import random
import time

import pytest

from palier.config import Redaction
from palier.errors import ConfigurationError, InvalidRequest
from palier.guards.backtracking import exponential
from palier.privacy.recognisers.patterns import Patterns, compiled
from palier.privacy.recognisers.reading import Reading
from palier.privacy.redaction import Redactor

OWN = Redactor(Redaction(names="off", patterns={"CUSTOMER": "C-[0-9]{8}"}))


def found(text: str) -> list[tuple[str, str]]:
    return [(entity.type, entity.text) for entity in OWN.find(text)]


@pytest.mark.parametrize(
    ("kind", "text"),
    [
        ("EMAIL", "écrivez à [jean.dupont+tag@mail.exemple.fr]."),
        ("EMAIL", "écrivez à [o'neil_99@exemple.co.uk], merci"),
        ("EMAIL", "[jean (at) exemple (dot) com]"),
        ("EMAIL", "mon mail : [rené@café-crème.fr]"),
        ("EMAIL", "<[jean@exemple.fr]>"),
        ("PHONE", "au [06 12 34 56 78] le soir"),
        ("PHONE", "au [06.12.34.56.78]."),
        ("PHONE", "au [0612345678]"),
        ("PHONE", "au [+33 6 12 34 56 78]"),
        ("PHONE", "au [+33 (0)6 12 34 56 78]"),
        ("PHONE", "au [0033 6 12 34 56 78]"),
        ("PHONE", "(tél. [01 42 68 53 00])"),
        ("PHONE", "bel [+32 470 12 34 56]"),
        ("PHONE", "GSM [0470/12.34.56]"),
        ("PHONE", "Suisse [079 123 45 67]"),
        ("PHONE", "Suisse [+41 44 668 18 00]"),
        ("PHONE", "call [020 7946 0958]"),
        ("PHONE", "call [+44 7911 123456]"),
        ("PHONE", "call [(514) 555-0199] now"),
        ("PHONE", "call [212-555-0147 x12]"),
        ("PHONE", "call [+1 650 253 0000]"),
        ("PHONE", "phone: [6502530000]"),
        ("PHONE", "my mobile is [+447700 921 916]"),
        ("PHONE", "please call [467 3395]"),
        ("PHONE", "portable [06 39 98 45 45]."),
        ("PHONE", "c'est le [0639985021] je crois"),
        ("PHONE", "tel [0639982217]"),
        ("PHONE", "Rappel : [0 639 984 410], merci"),
        ("PHONE", "au [02.61.91.55.03]"),
        ("PHONE", "au [05-36-49-22-18]"),
        ("PHONE", "au [+33(0)6 39 98 60 11]"),
        ("PHONE", "au [0033 6 39 98 60 11]"),
        ("PHONE", "appelez le [0145678912] pour la commande"),
        ("PHONE", "ring me on [07700 900461]."),
        ("PHONE", "they're not answering at [99 668472]"),
        ("IBAN", "[FR76 3000 6000 0112 3456 7890 189] merci"),
        ("IBAN", "[be71 0961 2345 6769]"),
        ("IBAN", "IBAN:[GB29NWBK60161331926819]"),
        ("IBAN", "[FR76-3000-6000-0112-3456-7890-189]"),
        ("IBAN", "[FR76 3OOO 6OOO 0112 3456 7890 189]"),
        ("CARD", "[4111 1111 1111 1111]"),
        ("CARD", "[4111-1111-1111-1111]"),
        ("CARD", "ma carte [378282246310005]"),
        ("CARD", "credit card [060426070011] was charged"),
        ("CARD", "[4 1 1 1 1 1 1 1 1 1 1 1 1 1 1 1]"),
        ("NIR", "[2 95 10 99 126 111 93]"),
        ("NIR", "[253072B07300470]"),
        ("NIR", "[2 53 07 2A 073 004 43]"),
        ("NIR", "numéro de sécu : [2 95 10 99 126 111]"),
        ("SIREN", "SIREN [732 829 320]"),
        ("SIREN", "RCS Rennes [732829320]"),
        ("SIRET", "[732 829 320 00074]"),
        ("SIRET", "La Poste, siret [35600000009075]"),
        ("IP", "depuis [192.168.1.12]."),
        ("IP", "depuis [2001:db8::ff00:42:8329],"),
        ("MAC", "box [00:1A:2b:3c:4d:5e]"),
        ("IMEI", "IMEI [49-015420-323751-8]"),
        ("IMEI", "[356938035643809]"),
        ("IMSI", "IMSI [208011234567890]"),
        ("ICCID", "[8933150319050000013]"),
        ("MSISDN", "msisdn [33612345678]"),
        ("MSISDN", "la ligne [33612345678]"),
        ("US_SSN", "[536-22-8726]"),
        ("US_SSN", "SSN [536228726]"),
        ("US_SSN", "my social security number is [078-05-1120]"),
        ("UK_NINO", "NI number [AB 12 34 56 C]"),
        ("BE_NN", "registre national [85.07.30-033 28]"),
        ("CH_AHV", "AVS [756.9217.0769.85]"),
        ("CA_SIN", "SIN [046 454 286]"),
        ("BIRTH_DATE", "née le [12/03/1985] à Brest"),
        ("BIRTH_DATE", "Date de naissance : [12 mars 1985]"),
        ("BIRTH_DATE", "né à Brest le [1er avril 1985]"),
        ("BIRTH_DATE", "born in Paris on [March 12, 1985]"),
        ("BIRTH_DATE", "DOB: [1985-03-12]"),
        ("BIRTH_DATE", "patient, DDN [17/08/2001], allergique"),
        ("BIRTH_DATE", "D.O.B. [12.03.85]"),
        ("ADDRESS", "au [12 bis rue de la République, 35000 Rennes]."),
        ("ADDRESS", "au [3, avenue du Général-de-Gaulle\n29200 Brest]"),
        ("ADDRESS", "j'habite [12 rue victor hugo], merci"),
        ("ADDRESS", "au [8 bd Saint-Michel 75005 Paris Cedex 05]"),
        ("ADDRESS", "j'habite à [35000 Rennes]"),
        ("ADDRESS", "at [1600 Pennsylvania Avenue NW, Washington, DC 20500]"),
        ("ADDRESS", "at [10 Downing Street, London SW1A 2AA]."),
        ("ADDRESS", "at [742 Evergreen Terrace, Apt 4B], please"),
        ("ADDRESS", "at [P.O. Box 1234]"),
        ("ADDRESS", "at [221b baker street]"),
        ("ADDRESS", "in der [Friedrichstraße 44] in Berlin"),
        ("ADDRESS", "in [Via Roma 12], Torino"),
        ("ADDRESS", "it is [Apt. 656]"),
        ("ADDRESS", "it is [Suite 245]"),
        ("ADDRESS", "mon adresse [8 r. des Écoles 94200 Ivry]"),
        ("ADDRESS", "au [9 allée des Mimosas, bâtiment C, appartement 31, 33000 Bordeaux] et"),
        ("ADDRESS", "chez moi, [résidence Les Pins, 4 rue Tanguy-Prigent, 29600 Morlaix]."),
        ("ADDRESS", "at [2210 Juniper Ridge Rd, Apt 4B, Boise, ID 83702]"),
        ("ADDRESS", "in [Boise, ID 83702]"),
        ("ADDRESS", "the address of Acme is [6750 Lehtikatu 25 Apt. 864\nMercedes\n, CO\n Uruguay 64677]"),
        ("ADDRESS", "> [935 69 Long Drive\n> Suite 828\n> MILL TOWN\n> United Kingdom 89800]"),
        ("ADDRESS", "arrived at [17224 Akurbraut 66 Suite 991, Gdynia, Poland 52096] last night"),
        ("ADDRESS", "it is [808 Szabó Imre u. 12.\n Apt. 762\n Zalaka\n Hungary 06554]"),
        ("ADDRESS", "address:\n[947 trg slobode 17 apt. 858 begunje slovenia]."),
        ("ADDRESS", "his address: [329 Arenas 9462]"),
        ("ADDRESS", "Please return to [72134 Corona 3599\nNimega\n, GE\n Netherlands 62971] if found"),
        ("ADDRESS", "it is [654 Rua Ana Lopes 1159, Leiria, Portugal] now"),
        ("ADDRESS", "it is [PSC 0272, Box 1651\nAPO AA 94530]"),
        ("ADDRESS", "it is [USNV Garcia\nFPO AA 68422]"),
        ("CUSTOMER", "client [C-12345678]"),
        ("PERSON", "voir avec Mme [Le Gall], merci"),
        ("PERSON", "Dear Mr [Smith],"),
        ("PERSON", "Je m'appelle [Yann de Kervella] et"),
        ("PERSON", "Dr. [Jean-Paul Martin] a dit"),
        ("PERSON", "M. [DA SILVA ANTONIO], merci"),
        ("PERSON", "ask mr. [elliott], please"),
        ("PERSON", "What's your last name? [Boyle]"),
        ("PERSON", "my name is [vitoria]"),
        ("PERSON", "Maybe it's under [Miklós Hajdu]"),
        ("PERSON", "It's under my partner's name [Shane M Culp]"),
        ("PERSON", "Call me back, ask for [Rosalind]."),
        ("PERSON", "Hi, it's [Siobhan O'Leary], my router is dead"),
        ("PERSON", "a film directed by [Brad L Key] in 2001"),
        ("PERSON", "[Warrane], can I please speak to your boss?"),
        ("PERSON", "[Zak] shouted loudly"),
        ("PERSON", "I am [Daniel]'s daughter"),
        ("PERSON", "la date n'est pas celle de ma voisine [Germaine], merci"),
        ("PERSON", "JE M APPELLE [LE BIHAN YVONNE] ET JE N AI PLUS DE TELEPHONE"),
        ("PERSON", "slt c [kevin] du 3e, le colis est tjs pas la"),
        ("PERSON", "c moi [lucas] jai recu le sms"),
        ("PERSON", "Bonjour c'est [Manon], j'ai oublié mon mot de passe"),
        ("PERSON", "pour le virement, au nom de [nolan briand]"),
        ("PERSON", "VIREMENT REJETE MOTIF COMPTE CLOS TITULAIRE [OUEDRAOGO SALIF] MERCI"),
        ("PERSON", "Mon nom de jeune fille est [Sezny]."),
        ("PERSON", "Nom : [BELKACEM]\nDate de naissance : inconnue"),
        ("PERSON", "Prénoms : [Awa Louise]"),
        ("PERSON", "Titulaire : M. ou Mme [LE ROUX]"),
        ("PERSON", "Bonjour [Nadia], je vous transfère la demande"),
        ("PERSON", "à traiter vite. Bonne journée, [Pauline]"),
        ("PERSON", "Best regards,\n[Harpreet Sandhu]\n"),
        ("PERSON", '[Vsevolod]: "Who are you?"'),
        ("PERSON", "[Satu Elomo]\n\nAccountant\nhttps://example.com"),
        ("PERSON", "> \n> [Benito Bianchi]\n> Locavore\n> code 04055"),
        ("PERSON", "Bonjour, je suis [Claire Le Goff], cliente"),
        ("PERSON", "Hello, this is [John Miller] speaking"),
        ("PERSON", "le 3 avril, [Solène Jézéquel] a écrit :"),
        ("PERSON", "[M'hamed El Ouafi] est passé en agence"),
    ],
)
def test_found(kind: str, text: str) -> None:
    before, _, rest = text.partition("[")
    value, _, after = rest.rpartition("]")
    assert found(before + value + after) == [(kind, value)]


@pytest.mark.parametrize(
    "text",
    [
        "commande 4111 1111 1111 1112",
        "FR76 3000 6000 0112 3456 7890 188",
        "2 95 10 99 126 111 94",
        "numéro 123456782",
        "le 12/03/2024 à 10:30:25",
        "du 01/02/2024 12 au 03/04/2024",
        "version 1.2.3 et 12.5.0.1.7",
        "une facture de 1 234 567,89 euros",
        "ISBN 978-3-16-148410-0",
        "réf. 20240112345678",
        "std::vector et a::b, il est 12:30:45",
        "10 000 rues, 3 places, 2 avenues",
        "l'@ du site, @jean, a@b",
        "C-1234567",
        "mon nom est mal orthographié, my name is misspelt, au nom de la société",
        "mon fils vient de dépasser, my husband passed, let me speak with whoever can help",
        "LE NOM EST ECRIT EN MAJUSCULES, C'EST URGENT, MERCI",
        "Bonjour à tous, Merci. Cordialement,\nle secrétariat",
        "Terms And Conditions\n\nThese are the terms.",
        "Prénom :\nNom :\nDate de naissance :",
        "N° abonné : CLI-450077",
        "I'm Irish, je suis Breton, this is Customer Support, c'est Noël",
        "chez ma sœur, appartement 4, unit 5 of the course, flat 20 % off",
        "I arrived at Gate 12, moved to Windows 11 and stopped at Platform 10",
        "the corner of the room and I, on the other side of 2024",
        "commande 0639982217, facture n° 0245678912",
        "bon de livraison 3530100458",
        "the part number is 417-22-6047-A",
        "ticket 0639, badge 0099120345, order 555-0143-88",
        "la référence est 378-2246-31, l'article 4 006 381 333 931",
        "le rendez-vous du 12/03/2025 à 14 h 30, on 5 June at 10:15",
        "129,99 € au lieu de 99,99 €, 1,299.00 dollars",
        "la garantie 24 mois, la brigade 12, sortie 3, via l'offre 5",
        "Madame, Monsieur, Madame la Directrice, M. le Maire, Mr Chairman",
        "IMSI 000001234567890",
        "une bonne année 1985, le 12 mars 1985",
        "le 0 800 est gratuit",
        "",
        " \n\t",
    ],
)
def test_not_found(text: str) -> None:
    assert found(text) == []


def test_what_follows_an_address_is_no_part_of_it() -> None:
    assert found("12 rue Pasteur\nCommande 123456") == [("ADDRESS", "12 rue Pasteur")]
    assert found("742 Evergreen Terrace\nOrder 12345") == [("ADDRESS", "742 Evergreen Terrace")]
    assert found("12 rue Pasteur\nMarie Morvan") == [("ADDRESS", "12 rue Pasteur")]
    assert found("5 Mill Road, Apt. 4\nThanks") == [("ADDRESS", "5 Mill Road, Apt. 4")]


def test_the_streets_of_a_corner_are_both_found() -> None:
    text = "Stop at the corner of Nieuwe Laan 473 St. and Ina Loop St."
    assert found(text) == [("ADDRESS", "Nieuwe Laan 473 St"), ("ADDRESS", "Ina Loop St")]


def test_a_name_before_an_address_of_mail() -> None:
    text = "De : Solène Jézéquel <s.jezequel@cabinet.example>, copie Paul Roux (paul@cabinet.example)"
    assert found(text) == [
        ("PERSON", "Solène Jézéquel"),
        ("EMAIL", "s.jezequel@cabinet.example"),
        ("PERSON", "Paul Roux"),
        ("EMAIL", "paul@cabinet.example"),
    ]


def test_names_that_follow_one_another_are_each_found() -> None:
    text = "C'est la maman de Noah et d'Inaya (CE1). I'm jealous! said Gladys to Logan"
    assert [name for kind, name in found(text) if kind == "PERSON"] == ["Noah", "Inaya", "Gladys", "Logan"]


def test_numbers_that_follow_each_other_are_each_found() -> None:
    text = "12 06 12 34 56 78 4111 1111 1111 1111 378282246310005"
    assert found(text) == [
        ("PHONE", "06 12 34 56 78"),
        ("CARD", "4111 1111 1111 1111"),
        ("CARD", "378282246310005"),
    ]


def test_spans_lead_back_to_what_was_written() -> None:
    reading = Reading("a\u200bb\u00adc\u00a0d")
    assert reading.text == "abc d"
    assert [reading.span(i, i + 1) for i in range(5)] == [(0, 1), (2, 3), (4, 5), (5, 6), (6, 7)]


def test_lone_surrogates_are_read() -> None:
    assert found("\ud800 06 12 34 56 78 \udfff") == [("PHONE", "06 12 34 56 78")]


@pytest.mark.parametrize(
    "pattern",
    ["(a+)+b", "(a|a)*b", "(a|ab)*c", r"(\w+\s?)*$", ".*.*.*x", "(x+x+)+y", "a{1,9999}", r"(a)\1", "(?x) a", "x" * 300],
)
def test_a_pattern_that_could_take_too_long_is_refused(pattern: str) -> None:
    with pytest.raises(ConfigurationError, match="CUSTOMER"):
        Patterns({"CUSTOMER": pattern})


@pytest.mark.parametrize(("name", "pattern"), [("A", "("), ("A", ""), ("A", "x*"), ("A B", "x"), ("", "x"), ("A", "[")])
def test_a_pattern_that_is_none_is_refused(name: str, pattern: str) -> None:
    with pytest.raises(ConfigurationError, match=r"\[redaction\]"):
        Patterns({name: pattern})


@pytest.mark.parametrize(
    ("pattern", "text", "value"),
    [
        (r"CUST\d+", "see CUST123456.", "CUST123456"),
        (r"[A-Z]{2}-\d{4,}", "see AB-12345 x", "AB-12345"),
        (r"(?i)ref[:+*]\d++", "see REF+12", "REF+12"),
        (r"(?<=no )\d{3}(?:-\d\d)?", "no 123-45", "123-45"),
        (r"[]+]x*?y", "a]xxy", "]xxy"),
        (r"L[0-9]{5}", "É L1234\u06625", "L1234\u0662"),
    ],
)
def test_own_patterns(pattern: str, text: str, value: str) -> None:
    own = Redactor(Redaction(names="off", entities=("own",), patterns={"own": pattern}))
    assert [(entity.type, entity.text) for entity in own.find(text)] == [("OWN", value)]


def test_what_guards_refuse_as_exponential_is_refused_here_too() -> None:
    """Patterns are bounded by another rule here, which must refuse no less."""
    chance = random.Random(3)

    def made(depth: int) -> str:
        match chance.randrange(8 if depth else 2):
            case 0:
                return chance.choice(("a", "b", r"\w", r"\d", "[ab]", "."))
            case 1:
                return chance.choice(("a?", "a*", "b+", "a{2}", "a{0,2}", "a{1,}", "a++", "b*?"))
            case 2 | 3:
                return made(depth - 1) + made(depth - 1)
            case 4:
                return f"(?:{made(depth - 1)}|{made(depth - 1)})"
            case 5 | 6:
                return f"(?:{made(depth - 1)}){chance.choice(('+', '*', '?', '{2,}', '{3}', '{0,2}', '+?', '*+'))}"
        return f"(?={made(depth - 1)})"

    exponentials = accepted = 0
    for pattern in (made(3) for _ in range(6_000)):
        try:
            compiled("A", pattern)
        except ConfigurationError:
            exponentials += exponential(pattern)
        else:
            accepted += 1
            assert not exponential(pattern), pattern
    assert accepted > 1_000
    assert exponentials > 20


def test_a_pattern_finds_across_its_strides() -> None:
    pattern = Patterns({"A": "ab{200}c"})
    text = ("x" * 2000 + "a" + "b" * 200 + "c") * 5
    assert len(list(pattern.find(text))) == 5


def test_a_pattern_gives_up_where_the_text_makes_it_slow(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("palier.privacy.recognisers.patterns.SECONDS_PER_MB", 0.0)
    with pytest.raises(InvalidRequest, match="too long"):
        list(Patterns({"A": "ab"}).find("b" * 10_000))


@pytest.mark.parametrize(
    "unit",
    [
        "a",
        "1",
        "1 ",
        "12 ",
        "@",
        "a@",
        "a@a.",
        "12 rue ",
        "1 Aa ",
        ":",
        "née 1/1/85 ",
        "1\u200b",
        "д",
        "FR76 ",
        "Apt. 5 ",
        "1 Aa Apt 5 ",
        "Aa ",
        "Apt 5, Aa\n",
        "corner of A and ",
        "address of a ",
        "12 rue A, bat A ",
        "commande 0639982217 ",
        "je m'appelle Aa ",
        "said Aa and Bb and ",
        "de d' le la Aa ",
        "Nom : a b ",
        "Aa Bb\n",
        "Aa's wife ",
        "je m'appelle ",
        "(",
        "+33 ",
        "\\",
    ],
)
def test_hostile_texts_take_a_time_that_is_linear(unit: str) -> None:
    """Eight times the text takes at most about eight times as long: twenty leaves room for a busy machine."""

    def seconds(size: int) -> float:
        text = unit * (size // len(unit))
        times = []
        for _ in range(3):
            started = time.process_time()
            OWN.find(text)
            times.append(time.process_time() - started)
        return min(times)

    assert seconds(32_000) < 20 * max(seconds(4_000), 0.002)


def test_a_mistyped_nir_is_found_where_a_word_names_it() -> None:
    redactor = Redactor(Redaction(names="off"))
    (found,) = redactor.find("Mon numéro de sécurité sociale : 2 92 10 29 019 187 27.")
    assert (found.type, found.text) == ("NIR", "2 92 10 29 019 187 27")
    assert not redactor.find("Commande 292102901918727, livrée hier.")
