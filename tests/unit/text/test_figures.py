"""Facts and their normal forms."""

import time

import pytest

from palier.text import figures


def found(text):
    return [(figure.kind, figure.value) for figure in figures(text)]


@pytest.mark.parametrize("text", ["29,99 €", "29.99 euros", "€29.99", "29 € 99", "29,99 EUR", "€ 29,99"])
def test_one_amount_written_in_many_ways(text):
    assert found(f"cela fait {text} par mois") == [("amount", "29.99 EUR")]


@pytest.mark.parametrize(
    "text", ["3 mars 2026", "2026-03-03", "03/03/2026", "3.3.2026", "March 3, 2026", "3rd of March 2026"]
)
def test_one_date_written_in_many_ways(text):
    assert found(f"le {text}, sans faute") == [("date", "2026-03-03")]


@pytest.mark.parametrize(
    "text",
    ["02 61 91 00 10", "02.61.91.00.10", "0261910010", "+33 2 61 91 00 10", "0033 261910010", "+33 (0)2 61 91 00 10"],
)
def test_one_telephone_number_written_in_many_ways(text):
    assert found(f"appelez le {text} le matin") == [("telephone", "+33261910010")]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("14,2 milliards d'euros", [("amount", "14200000000 EUR")]),
        ("$5 million", [("amount", "5000000 USD")]),
        ("58 % des clients", [("number", "58%")]),
        ("10 000 clients ou 10,000", [("number", "10000"), ("number", "10000")]),
        ("-5 degrés", [("number", "-5")]),
        ("le 1er mai", [("date", "--05-01")]),
        ("en mars 2026", [("date", "2026-03")]),
        ("12/25/2026", [("date", "2026-12-25")]),
        ("à 15h30 ou 3:30 pm", [("date", "T15:30"), ("date", "T15:30")]),
        ("écrire à Aide@armorique.example", [("email", "aide@armorique.example")]),
        ("voir https://www.armorique.example/aide.", [("url", "armorique.example/aide")]),
        ("le code K-104 en 5G", [("name", "k104"), ("name", "5g")]),
        ("100 Mo à 2 Gbit/s", [("number", "100"), ("number", "2")]),
        ("rien de tout cela", []),
        ("", []),
    ],
)
def test_other_figures(text, expected):
    assert found(text) == expected


@pytest.mark.parametrize(
    ("text", "names"),
    [
        ("La SNCF et Jakob Böhme vivent à Saint-Malo.", ["sncf", "jakob bohme", "saint malo"]),
        ("Paris dort. L'Allemagne gagne. Le Korrigan clignote.", ["allemagne", "korrigan"]),
        ("Elle part lundi. Monday is fine. En Mars aussi.", []),
        ("Le Ministère de la Jeunesse décide.", ["ministere de la jeunesse"]),
        ("La box Menhir 5 clignote.", ["menhir 5"]),
        ("- Prix : Goéland", []),
        ("Le prix du Goéland", ["goeland"]),
    ],
)
def test_names_are_capitalised_for_themselves(text, names):
    assert [figure.value for figure in figures(text) if figure.kind == "name"] == names


def test_figures_do_not_overlap_and_say_where_they_stand():
    text = "Le 3 mars 2026, Menhir 5 à 29,99 € : K-104, 02 61 91 00 10."
    last = 0
    for figure in figures(text):
        assert figure.start >= last
        assert text[figure.start : figure.start + len(figure.text)] == figure.text
        last = figure.start + len(figure.text)


def test_names_can_be_left_out():
    assert {figure.kind for figure in figures("Jakob paie 3 €", names=False)} == {"amount"}


@pytest.mark.parametrize(
    "text", ["9" * 50_000, "a-" * 25_000, "1 " * 25_000, "+" * 50_000, "A" * 50_000, "0 0" * 20_000]
)
def test_hostile_text_takes_no_time(text):
    started = time.process_time()
    figures(text)
    assert time.process_time() - started < 5
