"""Placeholders out and back: also where a model wrote them in its own way, and reported where it is not clear."""

from __future__ import annotations

import json

import pytest

from palier.errors import InvalidRequest, TooLarge
from palier.interfaces import Entity
from palier.privacy import vault as vaults
from palier.privacy.placeholders import NONCE, new_nonce
from palier.privacy.vault import Restored, Vault


@pytest.fixture
def vault() -> Vault:
    vault = Vault("K7Q2")
    assert vault.placeholder("PERSON", "Zoé Le Gall") == "<PERSON_1_K7Q2>"
    assert vault.placeholder("PERSON", "Yann") == "<PERSON_2_K7Q2>"
    assert vault.placeholder("BIRTH_DATE", "12/03/1985") == "<BIRTH_DATE_1_K7Q2>"
    return vault


@pytest.mark.parametrize(
    ("answer", "text"),
    [
        ("Dear <PERSON_1_K7Q2>,", "Dear Zoé Le Gall,"),
        ("Dear **<PERSON_1_K7Q2>**,", "Dear **Zoé Le Gall**,"),
        ("Dear <person_1_k7q2>,", "Dear Zoé Le Gall,"),
        ("Dear <Person 1 K7Q2>,", "Dear Zoé Le Gall,"),
        ("Dear <PERSON_1·K7Q2>,", "Dear Zoé Le Gall,"),
        ("Dear <PERSON-1-K7Q2>,", "Dear Zoé Le Gall,"),
        ("Dear <PERSON1K7Q2>,", "Dear Zoé Le Gall,"),
        ("Dear < PERSON_1_K7Q2 >,", "Dear Zoé Le Gall,"),
        ("Dear &lt;PERSON_1_K7Q2&gt;,", "Dear Zoé Le Gall,"),
        ("Dear &#60;PERSON_1_K7Q2&#62;,", "Dear Zoé Le Gall,"),
        ("Dear &amp;lt;PERSON_1_K7Q2&amp;gt;,", "Dear Zoé Le Gall,"),
        ("Dear \\<PERSON\\_1\\_K7Q2\\>,", "Dear Zoé Le Gall,"),
        ("Dear \\<PERSON_1_K7Q2>,", "Dear Zoé Le Gall,"),
        ("Dear [PERSON_1_K7Q2],", "Dear Zoé Le Gall,"),
        ("Dear {{PERSON_1_K7Q2}},", "Dear {Zoé Le Gall},"),
        ("Dear PERSON_1_K7Q2,", "Dear Zoé Le Gall,"),
        ("Dear (PERSON_1_K7Q2),", "Dear (Zoé Le Gall),"),
        ("[PERSON_1_K7Q2](x)", "[Zoé Le Gall](x)"),
        ("[<PERSON_1_K7Q2>](x)", "[Zoé Le Gall](x)"),
        ("__PERSON_1_K7Q2__", "__Zoé Le Gall__"),
        ("<BIRTH DATE 1 K7Q2>", "12/03/1985"),
        ("<birthdate-1-k7q2>", "12/03/1985"),
        ("<PERSON_1_K7Q2><PERSON_2_K7Q2>", "Zoé Le GallYann"),
        ("<PERSON_01_K7Q2>'s", "Zoé Le Gall's"),
    ],
)
def test_restored_however_it_is_written(vault: Vault, answer: str, text: str) -> None:
    assert vault.restore(answer) == Restored(text)


@pytest.mark.parametrize(
    ("answer", "missed"),
    [
        ("<PERSON_3_K7Q2>", ("<PERSON_3_K7Q2>",)),
        ("<PERSON_1>", ("<PERSON_1>",)),
        ("<PERSON_1_K7Q>", ("<PERSON_1_K7Q>",)),
        ("<PERSON_1_A2B3>", ("<PERSON_1_A2B3>",)),
        ("<PERSONNE_1_K7Q2>", ("K7Q2",)),
        ("the code K7Q2", ("K7Q2",)),
        ("<PHONE_1_K7Q2>", ("<PHONE_1_K7Q2>",)),
    ],
)
def test_what_is_not_clear_is_kept_and_reported(vault: Vault, answer: str, missed: tuple[str, ...]) -> None:
    assert vault.restore(answer) == Restored(answer, missed)


@pytest.mark.parametrize(
    "answer",
    [
        "person 1",
        "Person 1 and 2",
        "<b>",
        "PERSON_1_A2B3",
        "a < b > c",
        "[1]",
        "XPERSON_1_K7Q2X",
        "&lt;br&gt;",
        "<person>",
    ],
)
def test_what_is_no_placeholder_is_left_alone(vault: Vault, answer: str) -> None:
    assert vault.restore(answer) == Restored(answer)


def test_values_are_escaped_inside_json() -> None:
    vault = Vault("K7Q2")
    placeholder = vault.placeholder("ADDRESS", 'chez "Zoé"\n12 rue \\ Brest')
    arguments = json.dumps({"to": placeholder, "say": f"to {placeholder}!"})
    restored = vault.restore_json(arguments)
    assert json.loads(restored.text) == {"to": 'chez "Zoé"\n12 rue \\ Brest', "say": 'to chez "Zoé"\n12 rue \\ Brest!'}
    escaped = arguments.replace("<", "\\u003c").replace(">", "\\u003e")
    assert vault.restore_json(escaped) == restored
    fragments = vault.restoring(json=True)
    assert "".join(map(fragments.feed, arguments)) + fragments.end() == restored.text


def test_a_restored_value_is_not_read_again() -> None:
    vault = Vault("K7Q2")
    outer = vault.placeholder("PERSON", "<PERSON_2_K7Q2>")
    vault.placeholder("PERSON", "secret")
    assert vault.restore(outer).text == "<PERSON_2_K7Q2>"


def test_look_alikes_in_the_input_are_replaced() -> None:
    vault = Vault("K7Q2")
    vault.placeholder("PHONE", "0612345678")
    text = "Say <PHONE_1_K7Q2> and k7q2."
    redacted = vault.redact(text, ())
    assert redacted == "Say <PHONE_1_<TEXT_1_K7Q2>> and <TEXT_2_K7Q2>."
    assert vault.restore(redacted).text == text
    assert vault.counts == {"PHONE": 1}


def test_a_stream_is_held_back_only_where_a_placeholder_may_begin(vault: Vault) -> None:
    restoring = vault.restoring()
    assert restoring.feed("Hello, dear ") == "Hello, dear "
    assert restoring.feed("<PER") == ""
    assert restoring.feed("SON_1_K7") == ""
    assert restoring.held == 12
    assert restoring.feed("Q2>, and") == "Zoé Le Gall, and"
    assert restoring.feed(" so on") == " so on"
    assert restoring.most_held < 80
    assert restoring.end() == ""


def test_what_a_stream_ends_in_is_not_lost(vault: Vault) -> None:
    restoring = vault.restoring()
    assert restoring.feed("and <PERSON_1_K7") + restoring.end() == "and <PERSON_1_K7"
    assert restoring.end() == ""


def test_maps_of_several_requests_are_restored_together(vault: Vault) -> None:
    other = Vault("A2B3")
    other.placeholder("PERSON", "Maël")
    joined = Vault.from_map({**vault.map, **other.map})
    assert joined.restore("<PERSON_1_K7Q2> et <PERSON_1_A2B3>").text == "Zoé Le Gall et Maël"


def test_a_vault_goes_on_from_its_map(vault: Vault) -> None:
    again = Vault.from_map(vault.map)
    assert again.nonce == vault.nonce
    assert again.counts == vault.counts == {"BIRTH_DATE": 1, "PERSON": 2}
    assert again.placeholder("PERSON", "Yann") == "<PERSON_2_K7Q2>"
    assert again.placeholder("PERSON", "YANN") == "<PERSON_2b_K7Q2>"
    assert again.placeholder("PERSON", "Maël") == "<PERSON_3_K7Q2>"


def test_joined_maps_go_on_without_meeting(vault: Vault) -> None:
    other = Vault("A2B3")
    other.placeholder("PERSON", "Maël")
    other.placeholder("PERSON", "MAËL")
    joined = Vault.from_map({**vault.map, **other.map})
    before = joined.map
    assert joined.placeholder("PERSON", "YANN") not in before
    assert {placeholder: joined.restore(placeholder).text for placeholder in before} == before


def test_types_that_differ_by_a_separator_do_not_meet() -> None:
    vault = Vault("K7Q2")
    values = {
        vault.placeholder("CA_SIN", "a"): "a",
        vault.placeholder("CASIN", "b"): "b",
        vault.placeholder("C_ASIN", "c"): "c",
    }
    assert {placeholder: vault.restore(placeholder).text for placeholder in values} == values


@pytest.mark.parametrize("name", ["", "A B", "1A", "É", "A" * 33, "<A>"])
def test_a_type_that_is_none_is_refused(name: str) -> None:
    with pytest.raises(ValueError, match="a type is"):
        Vault().placeholder(name, "x")


def test_an_empty_map_restores_nothing() -> None:
    assert Vault.from_map({}).restore("a <PERSON_1_K7Q2>").text == "a <PERSON_1_K7Q2>"


@pytest.mark.parametrize("kept", [{"<PERSON_1>": "secret"}, {"x": "secret"}, {"<PERSON_1_K7Q2>": 1}, ["secret"], None])
def test_a_map_that_is_none_is_refused_without_its_values(kept: object) -> None:
    with pytest.raises(InvalidRequest) as error:
        Vault.from_map(kept)  # type: ignore[arg-type]
    assert "secret" not in str(error.value)


def test_values_are_shown_by_no_repr(vault: Vault) -> None:
    assert "Zoé" not in repr(vault) + str(vault) + repr(vault.restoring())


@pytest.mark.parametrize("spans", [[(2, 1)], [(0, 2), (1, 3)], [(0, 99)], [(1, 1)]])
def test_spans_that_do_not_stand_in_the_text_are_refused(spans: list[tuple[int, int]]) -> None:
    with pytest.raises(ValueError, match="entities"):
        Vault().redact("abcd", [Entity("PERSON", start, end, "") for start, end in spans])


def test_a_value_too_many_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(vaults, "MOST_VALUES", 3)
    vault = Vault()
    for n in range(3):
        vault.placeholder("PERSON", f"value {n}")
    assert vault.placeholder("PERSON", "value 1")
    with pytest.raises(TooLarge):
        vault.placeholder("PERSON", "another")


def test_a_value_written_in_more_ways_than_letters_gets_a_new_number() -> None:
    vault = Vault("K7Q2")
    ways = [vault.placeholder("PHONE", "06" + " " * n + "12") for n in range(30)]
    assert ways[0] == "<PHONE_1_K7Q2>"
    assert ways[1] == "<PHONE_1b_K7Q2>"
    assert ways[26] == "<PHONE_2_K7Q2>"
    assert [vault.restore(way.lower()).text for way in ways] == ["06" + " " * n + "12" for n in range(30)]


def test_nonces_differ() -> None:
    nonces = {new_nonce() for _ in range(50)}
    assert len(nonces) > 40
    assert all(NONCE.fullmatch(nonce) for nonce in nonces)
