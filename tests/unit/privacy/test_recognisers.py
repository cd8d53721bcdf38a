"""What is recognised by its form, and what is not: one case a row."""

from __future__ import annotations

import time

import pytest

from palier.config import Redaction
from palier.errors import ConfigurationError, InvalidRequest
from palier.privacy.recognisers.patterns import Patterns
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
        ("IBAN", "[FR76 3000 6000 0112 3456 7890 189] merci"),
        ("IBAN", "[be71 0961 2345 6769]"),
        ("IBAN", "IBAN:[GB29NWBK60161331926819]"),
        ("IBAN", "[FR76-3000-6000-0112-3456-7890-189]"),
        ("IBAN", "[FR76 3OOO 6OOO 0112 3456 7890 189]"),
        ("CARD", "[4111 1111 1111 1111]"),
        ("CARD", "[4111-1111-1111-1111]"),
        ("CARD", "ma carte [378282246310005]"),
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
        ("CUSTOMER", "client [C-12345678]"),
        ("PERSON", "voir avec Mme [Le Gall], merci"),
        ("PERSON", "Dear Mr [Smith],"),
        ("PERSON", "Je m'appelle [Yann de Kervella] et"),
        ("PERSON", "Dr. [Jean-Paul Martin] a dit"),
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
