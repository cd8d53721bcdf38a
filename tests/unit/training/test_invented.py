"""Invented values: the same for the same, of their kind, and nobody's."""

from __future__ import annotations

import pytest
from stdnum import iban, luhn
from stdnum.fr import nir, siret

from palier.training.invented import Inventor, words

KEY = b"k" * 32


@pytest.fixture
def inventor() -> Inventor:
    return Inventor(KEY)


def test_a_person_stays_one_person(inventor: Inventor) -> None:
    given, surname = inventor.invent("PERSON", "Marie Kerdoncuff").split(" ")
    assert given in words().women
    assert inventor.invent("PERSON", "Mme KERDONCUFF") == f"Mme {surname.upper()}"
    assert inventor.invent("PERSON", "M. Yves Kerdoncuff").endswith(f" {surname}")
    local, _, domain = inventor.invent("EMAIL", "marie.kerdoncuff29@laposte.net").partition("@")
    assert local.startswith(f"{given.lower()}.{surname.lower()}") or not (given + surname).isascii()
    assert local[-2:].isdigit()
    assert domain in ("example.com", "example.net", "example.org")


@pytest.mark.parametrize("name", ["Marie", "Jean-Luc", "Marie d'Ormesson", "O'Brien", "Anne Le Goff"])
def test_no_word_of_a_name_is_left(inventor: Inventor, name: str) -> None:
    kept = {part.casefold() for part in inventor.name(name).replace("-", " ").replace("'", " ").split()}
    real = {part.casefold() for part in name.replace("-", " ").replace("'", " ").split()}
    assert kept & real <= {"d", "o", "le"}


def test_one_number_written_in_several_ways_is_one_number(inventor: Inventor) -> None:
    first = inventor.invent("PHONE", "06 12 34 56 78")
    assert first.startswith("06 39 98 ")
    digits = first.replace(" ", "")
    assert inventor.invent("PHONE", "0612345678") == digits
    assert inventor.invent("PHONE", "+33 6 12 34 56 78") == f"+33 {first[1:]}"
    assert inventor.invent("PHONE", "+33 (0)6 12 34 56 78") == f"+33 (0){first[1:]}"
    assert inventor.invent("PHONE", "0033612345678") == f"0033{digits[1:]}"
    assert (
        inventor.invent("PHONE", "07911 123456").replace(" ", "")[1:] == inventor.invent("PHONE", "+447911123456")[3:]
    )


@pytest.mark.parametrize(
    ("value", "begins"),
    [("02 98 11 22 33", "02 61 91"), ("07911 123456", "07700 900"), ("+1 415-555-2671", "+1 "), ("3631", "36")],
)
def test_telephones_are_of_ranges_that_nobody_has(inventor: Inventor, value: str, begins: str) -> None:
    made = inventor.invent("PHONE", value)
    assert made.startswith(begins)
    assert [c for c in made if not c.isdigit()] == [c for c in value if not c.isdigit()]


def test_numbers_keep_their_form_and_agree_with_their_check_digits(inventor: Inventor) -> None:
    made = inventor.invent("IBAN", "FR76 3000 6000 0112 3456 7890 189")
    assert iban.is_valid(made, check_country=False)
    assert (made[:2], [i for i, c in enumerate(made) if c == " "]) == ("FR", [4, 9, 14, 19, 24, 29])
    assert luhn.is_valid(inventor.invent("CARD", "4111 1111 1111 1111").replace(" ", ""))
    assert nir.is_valid(inventor.invent("NIR", "1 85 05 78 006 084 36"))
    assert siret.is_valid(inventor.invent("SIRET", "732 829 320 00074"))
    assert len(inventor.invent("CUSTOMER", "C-00482913")) == 10


def test_other_kinds(inventor: Inventor) -> None:
    assert inventor.invent("IP", "10.1.2.3").rpartition(".")[0] in ("192.0.2", "198.51.100", "203.0.113")
    assert inventor.invent("IP", "fe80::1").startswith("2001:db8::")
    assert inventor.invent("MAC", "00:1A:2b:3c:4d:5e").startswith("02:")
    assert "mars" in inventor.invent("BIRTH_DATE", "3 mars 1978")
    address = inventor.invent("ADDRESS", "12 rue des Lilas, 29200 Brest", "fr")
    assert "Brest" not in address
    assert any(town in address for town in words().towns["fr"])
    assert any(s in inventor.invent("ADDRESS", "221B Baker Street", "en") for s in words().streets["en"])


def test_another_installation_invents_otherwise() -> None:
    names = [f"Person{chr(97 + n)}" for n in range(20)]
    assert [Inventor(KEY).name(n) for n in names] == [Inventor(KEY).name(n) for n in names]
    assert [Inventor(KEY).name(n) for n in names] != [Inventor(b"other").name(n) for n in names]


def test_two_values_do_not_become_one_in_one_hand(inventor: Inventor) -> None:
    numbers = [f"06 12 34 {n // 100:02} {n % 100:02}" for n in range(2_000)]
    assert len({inventor.invent("PHONE", one) for one in numbers}) == 2_000
    surnames = {f"Q{a}{b}{c}x" for a in "abcdefgh" for b in "abcdefgh" for c in "abcdefgh"}
    assert len({inventor.name(one) for one in surnames}) == len(surnames)


def test_placeholders_alone_are_replaced(inventor: Inventor) -> None:
    values = {"<EMAIL_1_K7Q2>": "ann@b.fr", "<TEXT_1_K7Q2>": "K7Q2"}
    (told,) = inventor.replace(["a <EMAIL_1_K7Q2> b <TEXT_1_K7Q2> <EMAIL_9_K7Q2>"], values)
    assert told.startswith("a ")
    assert "ann@" not in told
    assert told.endswith(" b K7Q2 <EMAIL_9_K7Q2>")
