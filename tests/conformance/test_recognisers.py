"""The recognisers' suite on each that palier brings."""

import pytest

from palier import registry
from palier.config import Redaction
from palier.testing.recognisers import RecogniserSuite, assert_linear

SETTINGS = Redaction(names="off", patterns={"CUSTOMER": "C-[0-9]{8}"})


class BuiltIn(RecogniserSuite):
    kind = ""

    @pytest.fixture
    def recogniser(self):
        return registry.find("recognisers", self.kind)(SETTINGS)


class TestAddress(BuiltIn):
    kind = "address"
    samples = (
        "au [[ADDRESS|12 bis rue de la République, 35000 Rennes]].",
        "at [[ADDRESS|742 Evergreen Terrace, Apt 4B]], please",
        "in [[ADDRESS|Via Roma 12]], Torino",
    )
    hostile = ("12 rue A, bat A ", "1 Aa St, Bb ", "résidence Aa ", "Aa straße ", "35000 Aa ")


class TestBirth(BuiltIn):
    kind = "birth"
    samples = ("née le [[BIRTH_DATE|12/03/1985]] à Brest", "DOB: [[BIRTH_DATE|1985-03-12]]")
    hostile = ("né ", "né 1/1/", "born May ")


class TestEmail(BuiltIn):
    kind = "email"
    samples = ("à [[EMAIL|jean@exemple.fr]].", "[[EMAIL|zoe (at) exemple (dot) com]]")
    hostile = ("a@a.a.", "(at)", "a-", '"@')


class TestIban(BuiltIn):
    kind = "iban"
    samples = ("[[IBAN|FR76 3000 6000 0112 3456 7890 189]] merci",)
    hostile = ("FR76 3", "FR7")


class TestIntroduced(BuiltIn):
    kind = "introduced"
    samples = (
        "my name is [[PERSON|vitoria]]",
        "Je m'appelle [[PERSON|Yann de Kervella]] et",
        "[[PERSON|Zak]] shouted",
        "the mother of [[PERSON|Daniel]]'s wife",
    )
    hostile = ("je m'appelle ", "said Aa and ", "my name is Aa ", "Aa's wife ", "nom de nom de ", "moi c'est ")


class TestLetters(BuiltIn):
    kind = "letters"
    samples = ("[[NIR|253072B07300470]]", "NI number [[UK_NINO|AB 12 34 56 C]]")
    hostile = ("2 53 07 2B ", "AB 12 ")


class TestNetwork(BuiltIn):
    kind = "network"
    samples = ("depuis [[IP|192.168.1.12]].", "depuis [[IP|2001:db8::ff00:42:8329]],", "[[MAC|00:1A:2b:3c:4d:5e]]")
    hostile = ("1.2.3.", "a:", "00:1A:")


class TestNumbers(BuiltIn):
    kind = "numbers"
    samples = (
        "[[NIR|2 95 10 99 126 111 93]], [[CARD|4111 1111 1111 1111]], [[IMEI|356938035643809]]",
        "SIREN [[SIREN|732 829 320]], SIRET [[SIRET|732 829 320 00074]], IMSI [[IMSI|208011234567890]]",
        "[[ICCID|8933150319050000013]], msisdn [[MSISDN|33612345678]], SSN [[US_SSN|536-22-8726]]",
        "registre national [[BE_NN|85.07.30-033 28]], AVS [[CH_AHV|756.9217.0769.85]], SIN [[CA_SIN|046 454 286]]",
    )
    hostile = ("card 4111 ", "1 22 333 ", "siren 732829320 ")


class TestPatterns(BuiltIn):
    kind = "patterns"
    samples = ("client [[CUSTOMER|C-12345678]]",)
    hostile = ("C-", "C-1234567 ")


class TestSigned(BuiltIn):
    kind = "signed"
    samples = (
        "Nom : [[PERSON|BELKACEM]]",
        "Cordialement,\n[[PERSON|Harpreet Sandhu]]",
        "[[PERSON|Zoé]] : « Bonjour »",
        "voir plus haut.\n\n[[PERSON|Satu Elomo]]\n\nAccountant\nhttps://example.com",
    )
    hostile = ("Nom : a ", "Aa Bb\n", "merci Aa ", "> Aa Bb\n", "titulaire Aa ")


class TestTelephone(BuiltIn):
    kind = "telephone"
    samples = ("au [[PHONE|06 39 98 34 56]]", "[[PHONE|+33(0)6 39 98 60 11]]", "call [[PHONE|(514) 555-0199]]")
    hostile = ("06 12 34 56 78 ", "commande 0639982217 ", "tel 06 ", "+33 (0)")


class TestTitle(BuiltIn):
    kind = "title"
    samples = ("voir avec Mme [[PERSON|Le Gall]], merci", "Dear Mr [[PERSON|Smith]],")
    hostile = ("Mme de la ", "M. A. ", "Mr Aa ")


class TestWorldwide(BuiltIn):
    kind = "worldwide"
    samples = (
        "it is [[ADDRESS|6750 Lehtikatu 25 Apt. 864\nMercedes\n, CO\n Uruguay 64677]]",
        "it is [[ADDRESS|PSC 0272, Box 1651\nAPO AA 94530]]",
        "his address: [[ADDRESS|329 Arenas 9462]]. Or [[ADDRESS|Boise, ID 83702]]",
    )
    hostile = ("Apt. 5 ", "1 Aa Apt 5 ", "Apt 5, Aa\n", "corner of A and ", "address of a ", "PSC 12 Box ", "Aa (Bb) ")


def test_every_recogniser_runs_the_suite() -> None:
    assert {suite.kind for suite in BuiltIn.__subclasses__()} == set(registry.kinds("recognisers"))


def test_a_quadratic_recogniser_is_seen() -> None:
    """The suite can fail: each place looks at all that is before it."""

    class Slow:
        types = ("A",)

        def find(self, text):
            for end in range(0, len(text), 64):
                sum(1 for _ in text[:end])
            return ()

    with pytest.raises(AssertionError, match="then"):
        assert_linear(Slow(), "a" * 8)
