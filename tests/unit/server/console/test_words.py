"""Every sentence is there in both languages, and set as each of them is."""

from __future__ import annotations

import re
from importlib import resources
from pathlib import Path
from typing import get_args, get_type_hints

import pytest

from palier import ingest, versions
from palier.access import Role
from palier.lessons import KINDS, STATES
from palier.routing.risk import Target
from palier.server.console import benchmarks, overview, traces
from palier.server.console.visits import NAVIGATION
from palier.server.console.words import LANGUAGES, THIN, WIDE, Words, catalogue, french, language_of
from palier.stores import browsing
from palier.types import Label, Quantity, drafts, outcomes

CONSOLE = Path(str(resources.files("palier.server.console")))
EN, FR = Words("en"), Words("fr")


def test_a_sentence_has_the_same_blanks_in_both_languages() -> None:
    for name, said in catalogue().items():
        assert len(said) == len(LANGUAGES), name
        assert all(said), name
        blanks = [set(re.findall(r"\{(\w+)\}", text)) for text in said]
        assert blanks[0] == blanks[1], name


def test_what_pages_say_is_in_the_catalogue() -> None:
    texts = [file.read_text(encoding="utf-8") for kind in ("*.html", "*.py") for file in CONSOLE.rglob(kind)]
    used = {
        name for text in texts for name in re.findall(r"""(?:\bt|words)(?:\.count)?\(["'](\w+\.[\w-]+)["']""", text)
    }
    assert len(used) > 50
    assert not used - set(catalogue())
    counted = {name for text in texts for name in re.findall(r"""\.count\(["'](\w+\.\w+)["']""", text)}
    assert all(f"{name}_one" in catalogue() for name in counted)


def test_no_sentence_is_said_nowhere() -> None:
    """Those that are put together from a page and a word are of these pages."""
    together = {"acts", "errors", "guarded", "kinds", "labels", "pages", "purposes", "roles", "spans", "statuses"}
    together |= {
        "axes",
        "brought",
        "checks",
        "effects",
        "faults",
        "lesson_kinds",
        "splits",
        "students",
        "version_states",
        "states",
        "steps",
        "targets",
        "verdicts",
    }
    texts = "".join(file.read_text(encoding="utf-8") for kind in ("*.html", "*.py") for file in CONSOLE.rglob(kind))
    silent = [
        name
        for name in catalogue()
        if name.partition(".")[0] not in together
        and name.removesuffix("_one") not in texts
        and not name.startswith(("ask.kept_", "lessons.done_"))
    ]
    assert not silent


def test_french_is_set_as_french() -> None:
    assert french("« Quoi ? » dit-il : rien !") == f"«{WIDE}Quoi{THIN}?{WIDE}» dit-il{WIDE}: rien{THIN}!"
    for name, (_, text) in catalogue().items():
        assert not re.search(r"[^\s\u202f\u00a0»)][?!;:](\s|$)", text), f"{name}: a space before `?`, `!`, `;`, `:`"
        assert "'" not in text, f"{name}: ’"
        assert "..." not in text, f"{name}: …"


def test_numbers_are_written_as_each_language_does() -> None:
    assert (EN.number(1234.5, 1), FR.number(1234.5, 1)) == ("1,234.5", f"1{THIN}234,5")
    assert (EN.percent(0.735), FR.percent(0.735)) == ("74%", f"74{THIN}%")
    assert (EN.dollars(0.0012), FR.dollars(0.0012)) == ("$0.0012", f"0,0012{WIDE}$")
    assert (EN.percent(0.1, 1), EN.percent(0.071, 1)) == ("10%", "7.1%")
    assert EN.dollars(3e-7) == f"<{WIDE}$0.00001"
    assert (EN.significant(0), EN.significant(1234), EN.significant(0.25)) == ("0", "1,234", "0.25")
    assert (EN.took(3.14), EN.took(314), FR.took(3_140)) == (f"3.1{WIDE}ms", f"314{WIDE}ms", f"3,1{WIDE}s")
    assert FR.day(0) == f"1er{WIDE}janvier 1970"
    assert [EN.wait(s) for s in (0.2, 61, 120.5, 3_600)] == [f"1{WIDE}s", f"61{WIDE}s", f"3{WIDE}min", f"1{WIDE}h"]
    assert FR.wait(67_017) == f"18{WIDE}h{WIDE}37{WIDE}min"
    assert (EN.wait(172_800), FR.wait(180_000)) == (f"2{WIDE}days", f"2{WIDE}jours{WIDE}2{WIDE}h")
    assert EN.when(86_400) == "2 Jan 1970, 00:00:00"


def test_french_has_a_minus_as_wide_as_a_plus() -> None:
    assert FR.significant(-0.312) == "−0,31"
    assert FR.dollars(-1.5) == f"−1,5{WIDE}$"
    assert EN.significant(-0.312) == "-0.31"


def test_a_number_says_what_it_is() -> None:
    assert EN.quantity(Quantity(), "g") == "unknown"
    assert EN.quantity(Quantity(value=2.0, basis="estimated"), "g").startswith("≈")
    assert EN.quantity(Quantity(value=2.0, basis="measured"), "dollars") == "$2.0"


def test_one_is_not_many() -> None:
    assert EN.count("steps.withheld", 1) == "1 passage was kept back"
    assert EN.count("steps.withheld", 0) == "0 passages were kept back"
    assert FR.count("steps.withheld", 0) == "0 passage a été retenu"


@pytest.mark.parametrize(
    ("chosen", "accepted", "language"),
    [
        ("", "", "en"),
        ("", "fr-CA,fr;q=0.9,en;q=0.8", "fr"),
        ("", "de, en;q=0.4, fr;q=0.6", "fr"),
        ("en", "fr", "en"),
        ("xx", "fr", "fr"),
        ("", "fr;q=nonsense, *;q=0.1", "en"),
        ("", "fr;q=0", "en"),
    ],
)
def test_the_language_is_what_was_chosen_or_what_the_browser_says(chosen: str, accepted: str, language: str) -> None:
    assert language_of(chosen, accepted) == language


def test_every_word_of_the_field_is_said_in_words() -> None:
    """What is added to one of these must be added to the catalogue."""
    hints = get_type_hints(drafts.Clearance)
    fields = {
        "axes": list(benchmarks.AXES),
        "brought": get_args(ingest.Action),
        "faults": browsing.FAULTS,
        "guarded": [*get_args(outcomes.GuardPlace), *get_args(get_type_hints(outcomes.Guarded)["action"])],
        "labels": list(Label),
        "lesson_kinds": KINDS,
        "purposes": get_args(hints["purpose"]),
        "roles": list(Role),
        "spans": [*traces.SPANS, *overview.SPANS],
        "states": STATES,
        "statuses": get_args(outcomes.TraceStatus),
        "steps": get_args(outcomes.Outcome),
        "targets": get_args(Target),
        "students": get_args(versions.Student),
        "verdicts": get_args(drafts.Verdict),
        "version_states": versions.STATES,
        "pages": [entry.name for entry in NAVIGATION],
    }
    missing = [
        f"{page}.{word}" for page, words in fields.items() for word in words if f"{page}.{word}" not in catalogue()
    ]
    assert not missing
