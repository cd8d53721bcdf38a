"""Questions as people type them, and lists of files that are added to."""

from __future__ import annotations

import tomllib

import pytest

from palier.cases import Case, Suite
from palier.errors import InvalidRequest
from palier.evals.suites import perturbing
from palier.types import Message

TEXT = "Où est l'étiquette de ma Box Menhir 6, s'il vous plaît ? Elle coûte 29,99 €."


def changed(kind: str, text: str = TEXT, seed: int = 7, **fields: object) -> str:
    case = Case(id="a", input=text, references=("x",), **fields)  # type: ignore[arg-type]
    made = perturbing.perturb(Suite(name="s", cases=(case,)), kinds=[kind], seed=seed)
    return made[0].input if made else ""


def test_each_kind() -> None:
    assert changed("accents") == "Ou est l'etiquette de ma Box Menhir 6, s'il vous plait ? Elle coute 29,99 €."
    assert changed("punctuation") == "Où est l'étiquette de ma Box Menhir 6, s'il vous plaît Elle coûte 29,99 €"
    cases = {changed("case", seed=seed) for seed in range(12)}
    assert cases == {
        "où est l'étiquette de ma Box Menhir 6, s'il vous plaît ? elle coûte 29,99 €.",
        "OÙ EST L'ÉTIQUETTE DE MA Box Menhir 6, S'IL VOUS PLAÎT ? ELLE COÛTE 29,99 €.",
    }
    assert " ".join(changed("spacing").split()) == TEXT
    assert "  " in changed("spacing")
    typed = changed("typos")
    assert typed != TEXT
    assert len(set(typed.split()) - set(TEXT.split())) == 1


def test_what_must_be_found_is_kept() -> None:
    assert "s'il vous plaît" in changed("accents", must_contain=("s'il vous plaît",))
    case = Case(id="a", input="Je suis Maël Évrard, rappelez-moi.", references=('{"who": "Maël Évrard"}',))
    suite = Suite(name="s", task="extraction", cases=(case,))
    (made,) = perturbing.perturb(suite, kinds=["accents"], per_case=1) or [case]
    assert "Maël Évrard" in made.input
    for seed in range(20):
        (made,) = perturbing.perturb(suite, kinds=["typos"], seed=seed)
        assert "Maël Évrard" in made.input


def test_what_would_not_change_is_none() -> None:
    assert changed("accents", "No accents here") == ""
    assert changed("punctuation", "rien du tout") == ""
    assert changed("typos", "K-104 2 5") == ""


def test_only_originals_are_perturbed_the_last_turn_of_a_conversation() -> None:
    turns = (Message(role="user", content="Déjà ?"), Message(role="assistant", content="Où ?"))
    cases = (
        Case(id="a", messages=(*turns, Message(role="user", content="À côté")), references=("x",), split="holdout"),
        Case(id="b", input="Été", references=("x",), kind="paraphrase", family="a"),
        Case(id="c", input="Été", references=("x",), family="f", tags=("t",)),
    )
    first, second = perturbing.perturb(Suite(name="s", cases=cases), kinds=["accents"], per_case=3)
    assert [message.content for message in first.messages] == ["Déjà ?", "Où ?", "A cote"]
    assert (first.family, first.split, first.id) == ("a", "holdout", "a~accents")
    assert (second.family, second.tags) == ("f", ("t", "perturbation:accents"))


def test_up_to_so_many_of_a_case_each_of_another_kind() -> None:
    case = Case(id="a", input=TEXT, references=("x",))
    made = perturbing.perturb(Suite(name="s", cases=(case,)), per_case=5)
    assert {other.id for other in made} == {f"a~{kind}" for kind in perturbing.KINDS}
    one = {
        perturbing.perturb(Suite(name="s", cases=(case,)), per_case=1, seed=seed)[0].id.partition("~")[2]
        for seed in range(40)
    }
    assert one == set(perturbing.KINDS)


def test_an_id_that_is_taken() -> None:
    cases = (Case(id="a", input="Été", references=("x",)), Case(id="a~accents", input="b", references=("x",)))
    with pytest.raises(InvalidRequest, match="the id `a~accents` is that of another case"):
        perturbing.perturb(Suite(name="s", cases=cases), kinds=["accents"])


@pytest.mark.parametrize(
    "text",
    [
        'name = "x"\n',
        'name = "x"',
        'name = "x" # c\n\n[columns]\ninput = "text"\n',
        'cases = ["a.jsonl"]\nname = "x"\n',
        'cases = [\n    "a.jsonl",  # one\n    "b].jsonl",\n]\nname = "x"\n[candidates.c]\ntier = "t"\n',
        'cases = [{ file = "a.jsonl", columns = { tags = ["k"] } }, "b.jsonl"]\nname = "x"\n',
    ],
)
def test_a_file_is_added_to_the_list(text: str) -> None:
    tree = tomllib.loads(text)
    added = perturbing.with_entry(text, tree)
    assert added is not None
    after = tomllib.loads(added)
    assert after.pop("cases")[:-1] == tree.pop("cases", ["cases.jsonl"])
    assert after == tree
    assert all(comment in added for comment in ("# c", "# one") if comment in text)


@pytest.mark.parametrize("text", ['cases = "a.jsonl"\n', '"cases" = ["a.jsonl"]\n', 'cases = ["a.jsonl"  # one\n]\n'])
def test_where_that_cannot_be_done_it_is_left(text: str) -> None:
    assert perturbing.with_entry(text, tomllib.loads(text)) is None
