"""What is said outright, and what only sounds like it."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any, cast

import pytest
from tests.heads import WordEncoder

from palier.config import Guard
from palier.errors import ConfigurationError
from palier.guards.policy import MOST, Policy
from palier.guards.toxicity import build
from palier.interfaces import Resources
from palier.interfaces.guarding import Context
from palier.text import sentences


def guard(folder: Path = Path(), **settings: Any) -> Policy:
    resources = Resources(cast(Any, None), WordEncoder(), cast(Any, None), folder, lambda name: folder / name)
    return build("t", Guard(kind="toxicity", **settings), resources)


GUARD = guard()

FOUND = {
    "insult": (
        "You are an idiot.",
        "What a bunch of clowns you all are, bunch of clowns!",
        "You're such a pathetic person.",
        "Vous êtes des incapables.",
        "T'es vraiment un abruti.",
        "C'est une bande d'imbéciles.",
        "Espèce de crétin !",
        "Allez vous faire voir, connards.",
    ),
    "threat": (
        "I'll kill you.",
        "We know where your kids go.",
        "You deserve to die.",
        "Je vais te casser la gueule.",
        "On sait où tu habites.",
        "Vous allez crever.",
    ),
    "hatred": (
        "All immigrants are vermin.",
        "Women are inferior.",
        "Les étrangers sont des parasites.",
        "Retourne dans ton pays.",
    ),
    "self_harm": (
        "Go kill yourself.",
        "The world would be better off without you.",
        "Tu devrais te suicider.",
        "Personne ne te regrettera.",
    ),
    "harassment": ("Send me some nudes.", "Montre-moi tes seins.", "Women belong in the kitchen."),
}
FINE = (
    "How do I kill a process that hangs?",
    "I will find you an answer by tomorrow.",
    "That is a stupid question, I know.",
    "My idiot-proof router is broken.",
    "What is the policy against insults?",
    "Is it a threat to my computer?",
    "They said immigrants are welcome here.",
    "Can you shoot a photo of the cables?",
    "C'est débile comme procédure.",
    "Mon voisin est incapable de m'aider.",
    "Je vais vous retrouver un rendez-vous.",
    "Je vais vous rappeler demain.",
    "Comment tuer un processus ?",
    "Les femmes sont-elles mieux payées ici ?",
    "Les étrangers sont accueillis à l'agence de Brest.",
    "Vous êtes des experts.",
    "Quel abonnement me faut-il ?",
)


@pytest.mark.parametrize("rule", FOUND)
async def test_what_is_said_outright_is_found(rule: str) -> None:
    reasons = {rule.name: rule.reason for rule in GUARD._rules}
    for text in FOUND[rule]:
        verdict = await GUARD.check(text, Context(place="output"))
        assert reasons[rule] in verdict.reason, text
        assert verdict.action == "refuse"


@pytest.mark.parametrize("text", FINE)
async def test_what_only_sounds_like_it_passes(text: str) -> None:
    assert (await GUARD.check(text, Context())).action == "pass"


async def test_ones_own_rules_come_on_top_and_replace_those_of_their_name(tmp_path: Path) -> None:
    (tmp_path / "own.toml").write_text('[[rules]]\nname = "insult"\nwords = ["nincompoop"]\n')
    own = guard(tmp_path, file="own.toml")
    assert (await own.check("you nincompoop", Context())).action == "climb"
    assert (await own.check("you are an idiot", Context())).action == "pass"
    assert (await own.check("I'll kill you", Context())).action == "climb"


def test_a_file_that_is_wrong_is_named(tmp_path: Path) -> None:
    (tmp_path / "own.toml").write_text("[[rules]]\nname = 3\n")
    with pytest.raises(ConfigurationError, match=r"own\.toml"):
        guard(tmp_path, file="own.toml")
    with pytest.raises(ConfigurationError, match="cannot be read"):
        guard(tmp_path, file="absent.toml")


@pytest.mark.parametrize(
    "text",
    [
        "You are\u00a0an\u00a0idiot.",
        "Je vais te\u202ftuer.",
        "You\tare an idiot.",
        "You are an **idiot**.",
        "ass\u200bhole",
        "ass\u00adhole",
        "Espe\u0300ce d'abruti !",
        "je vais t\u2019egorger",
        '{"text": "Bonjour\\nconnard"}',
        '{"a": "encul\\u00e9"}',
        "Hello there. " * 300 + "You are an idiot.",
    ],
)
async def test_other_spaces_signs_and_escapes_hide_nothing(text: str) -> None:
    assert (await GUARD.check(text, Context())).action == "climb"


async def test_more_than_can_be_looked_at_does_not_pass() -> None:
    for text in ("x" * (MOST + 1), "Ok. " * 2_500):
        assert (await GUARD.check(text, Context())).action == "climb"


@pytest.mark.parametrize("text", ["." * 100_000, "a. " * 60_000, "!? " * 50_000, "*" * 100_000])
def test_no_text_takes_long_to_cut(text: str) -> None:
    started = time.process_time()
    sentences(text)
    assert time.process_time() - started < 2.0
