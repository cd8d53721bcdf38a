"""Rules with words, patterns and examples."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any, cast

import numpy as np
import pytest
from tests.heads import WordEncoder

from palier.config import Guard
from palier.errors import ConfigurationError
from palier.guards.policy import Policy, build
from palier.interfaces import Resources, Vectors
from palier.interfaces.guarding import Context

RULES = r"""
[[rules]]
name = "promises"
reason = "it promises what only a contract may"
words = ["nous vous garantissons"]
examples = ["you will get all your money back"]
counter_examples = ["you will get your bill by mail"]
threshold = 0.8

[[rules]]
name = "competitors"
action = "mend"
patterns = ['(?i)\bgaltel\b']
"""


def policy(folder: Path, rules: str = RULES) -> Policy:
    (folder / "rules.toml").write_text(rules)
    resources = Resources(cast(Any, None), WordEncoder(), cast(Any, None), folder, lambda name: folder / name)
    return build("p", Guard(kind="policy", file="rules.toml"), resources)


async def test_words_patterns_and_examples_each_with_its_reason(tmp_path: Path) -> None:
    guard = policy(tmp_path)
    draft = Context(place="draft")
    fine = await guard.check("The fibre costs 30 euros.", draft)
    assert fine.action == "pass"
    assert fine.score is not None
    written = await guard.check("Bonjour. NOUS VOUS GARANTISSONS un prix.", draft)
    assert (written.action, written.score) == ("climb", 1.0)
    assert written.reason == "it promises what only a contract may"
    assert [(span.start, span.end) for span in written.spans] == [(9, 40)]
    near = await guard.check("You will get all your money back!", draft)
    assert near.action == "climb"
    assert near.score == pytest.approx(1.0, abs=0.01)
    assert (await guard.check("You will get your bill by mail.", draft)).action == "pass", "a counter-example is nearer"
    other = await guard.check("Galtel is cheaper.", draft)
    assert (other.action, other.text) == ("mend", "")
    both = await guard.check("Galtel is cheaper. Nous vous garantissons cela.", draft)
    assert both.action == "climb", "the strictest counts"


@pytest.mark.parametrize("before", range(360, 400, 3))
async def test_words_across_the_cut_of_a_long_sentence_are_found(tmp_path: Path, before: int) -> None:
    text = f"{'mot ' * 200}"[:before] + " nous vous garantissons" + " encore un mot" * 30
    assert (await policy(tmp_path).check(text, Context(place="draft"))).action == "climb"


@pytest.mark.parametrize(
    ("rules", "why"),
    [
        ("", "rules"),
        ("[[rules]]\nname = 'x'", "neither words nor patterns"),
        ("[[rules]]\nname = 'x'\nwords = ['a']\nthreshold = 2", "threshold 2"),
        ("[[rules]]\nname = 'x'\npatterns = ['(']", "no regular expression"),
        ("[[rules]]\nname = 'x'\nwords = ['a']\ncolour = 'red'", "colour"),
        ("rules = ", "rules.toml"),
    ],
)
def test_wrong_rules_are_refused(tmp_path: Path, rules: str, why: str) -> None:
    with pytest.raises(ConfigurationError, match=why):
        policy(tmp_path, rules)


async def test_the_limit_of_its_time_is_kept_whatever_its_patterns(tmp_path: Path) -> None:
    patterns = "[" + ", ".join(f"'\\d+x{{0,3}}y{{{n},}}'" for n in range(1, 400)) + "]"
    guard = policy(tmp_path, f"[[rules]]\nname = 'slow'\npatterns = {patterns}\n")
    text = "Le prix est de 10 euros, et il reste 20 jours. " * 1_900
    with pytest.raises(TimeoutError):
        async with asyncio.timeout(0.1):
            await guard.check(text, Context())


TOLD = """
[[rules]]
name = "told"
action = "mend"
words = ["we guarantee"]
patterns = ['\\b4242\\b', '(?i)discount\\W{1,4}100', 'free: true']
"""


@pytest.mark.parametrize(
    "text",
    [
        '{"x": "we guarantee", "x": "ok"}',
        '{"x": {"x": "we guarantee"}, "x": 1}',
        '{"price": 4242}',
        '{"price": [1, 4242]}',
        '{"price": 4.242e3}',
        '{"discount":100}',
        '{"discount": "100"}',
        '{"free": true}',
        '{"we": "guarantee"}',
        '{"we guarantee": {}}',
        r'{"x": "we guarant\u0065e"}',
        r'{"x": "we guarant\u0065e',
        r'Here it is: ```{"x": "we guarant\u0065e"}```',
        r'{"body": "{\"x\": \"we guarant\\u0065e\"}"}',
        json.dumps([""] * 10_000 + ["we guarantee"]),
        json.dumps([0] * 40_000 + ["we guarantee"]),
        json.dumps(["so"] * 20_000 + ["we guarantee"]),
        "[" * 5_000 + '"we guarantee"' + "]" * 5_000,
        json.dumps({str(n): f"string {n}" for n in range(3_000)}),
    ],
    ids=lambda text: text[:40],
)
async def test_nothing_that_json_says_is_overlooked(tmp_path: Path, text: str) -> None:
    guard = policy(tmp_path, TOLD)
    verdict = await guard.check(text, Context(place="draft", part="arguments"))
    assert verdict.action != "pass"
    assert not verdict.text, "nothing is cut out of JSON"
    fine = await guard.check('{"we": ["guarantee", 42, 42], "free": false}', Context())
    assert fine.action == "pass", "two strings, or two numbers, are not one"


async def test_what_begins_like_json_has_its_places(tmp_path: Path) -> None:
    verdict = await policy(tmp_path, TOLD).check("[2] It is free. We guarantee it.", Context())
    assert [(span.start, span.end) for span in verdict.spans] == [(16, 32)]


def test_it_shares_what_it_embeds_where_it_has_examples(tmp_path: Path) -> None:
    assert policy(tmp_path).shares
    assert not policy(tmp_path, "[[rules]]\nname = 'x'\nwords = ['a']").shares


class Opposite(WordEncoder):
    """What says no is the contrary of what does not."""

    async def encode(self, texts: Sequence[str]) -> Vectors:
        return np.array([[-1.0 if "no" in text else 1.0] for text in texts], np.float32)


async def test_the_contrary_of_every_example_scores_nothing(tmp_path: Path) -> None:
    rules = "[[rules]]\nname = 'r'\nexamples = ['yes']"
    (tmp_path / "rules.toml").write_text(rules)
    resources = Resources(cast(Any, None), Opposite(), cast(Any, None), tmp_path, lambda name: tmp_path / name)
    guard = build("p", Guard(kind="policy", file="rules.toml"), resources)
    verdict = await guard.check("It says no.", Context())
    assert (verdict.action, verdict.score) == ("pass", 0.0)
