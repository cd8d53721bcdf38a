"""Guards over the wire, by the official client: what is refused, cut, climbed and retracted, and what is told of it."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx2
import openai
import pytest
from tests.serving import WEATHER, Served, served

RULES = """
[[rules]]
name = "promises"
reason = "it promises what only a contract may"
words = ["we guarantee", "nous vous garantissons"]
"""
SCRIPT = (
    {"pattern": "bank", "answer": "Your bank is ours. We guarantee it. Sign here."},
    {"pattern": "first", "answer": "We guarantee it. Sign here."},
    {"pattern": "quote", "answer": "It is 29 euros."},
    {"pattern": "json", "answer": '```json\n{"city": "Brest"}\n```'},
    {"pattern": "list", "answer": "[1, 2"},
    {"pattern": "weather", "tools": [WEATHER], "answer": ""},
    {"pattern": "storm", "tools": [{**WEATHER, "arguments": '{"city":"we guarantee"}'}], "answer": ""},
    # Words of its own for each question: the encoder remembers those it has read.
    *({"pattern": f"well {n}", "answer": f"All is well with {n} of us."} for n in ("one", "two", "six", "ten", "all")),
)
TOP = ({"answer": "It is 29 euros [1]."},)


def _route(**guards: Any) -> dict[str, Any]:
    top = {"model": "top", "highest_label": "restricted"}
    return {"tiers": [top], "message_label": "internal", "guards": guards}


TREE: dict[str, Any] = {
    "models": {
        "low": {"kind": "fake", "file": "low.jsonl"},
        "top": {"kind": "fake", "file": "low.jsonl"},
        "best": {"kind": "fake", "file": "top.jsonl"},
    },
    "guards": {
        "promises": {"kind": "policy", "file": "rules.toml"},
        "cited": {"kind": "form", "forbids": ["euros\\.$"]},
        "schema": {"kind": "schema"},
        "polite": {
            "kind": "form",
            "forbidden_words": ["poem"],
            "words": {"en": "I only speak of our offers.", "fr": "Je ne parle que de nos offres."},
        },
        "lost": {"kind": "policy", "file": "slow.toml", "timeout_s": 0.001, "on_error": "open"},
        "lost_closed": {"kind": "policy", "file": "slow.toml", "timeout_s": 0.001},
    },
    "routes": {
        "checked": _route(output=["promises"], input=["polite"]),
        "early": _route(output=["promises"], release="then_retract"),
        "form": _route(draft=["schema"]),
        "stairs": {
            "tiers": [
                {"model": "low", "highest_label": "restricted", "threshold": 0.0},
                {"model": "best", "highest_label": "restricted"},
            ],
            "message_label": "internal",
            "guards": {"draft": ["cited"]},
        },
        "open": _route(output=["lost"]),
        "closed": _route(output=["lost_closed"]),
    },
}


@pytest.fixture(scope="module")
def gateway(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    folder: Path = tmp_path_factory.mktemp("guarded")
    (folder / "rules.toml").write_text(RULES)
    (folder / "slow.toml").write_text('[[rules]]\nname = "far"\nexamples = ["never mind"]\n')
    for name, rules in (("low", SCRIPT), ("top", TOP)):
        (folder / f"{name}.jsonl").write_text("".join(json.dumps(rule) + "\n" for rule in rules))
    with served(TREE, folder) as made:
        yield made


@pytest.fixture
def client(gateway: Served) -> Iterator[openai.OpenAI]:
    with openai.OpenAI(base_url=gateway.base_url, api_key=gateway.key, max_retries=0) as made:
        yield made


def ask(client: openai.OpenAI, route: str, text: str, **more: Any) -> tuple[str, str | None, Any]:
    """The words, how they ended, and the `palier` object."""
    answer = client.chat.completions.create(model=route, messages=[{"role": "user", "content": text}], **more)
    assert answer.model_extra is not None
    choice = answer.choices[0]
    return choice.message.content or "", choice.finish_reason, answer.model_extra["palier"]


def stream(client: openai.OpenAI, route: str, text: str, **more: Any) -> tuple[str, str | None, Any]:
    """The same, in pieces."""
    words, end, told = "", None, None
    messages: Any = [{"role": "user", "content": text}]
    for chunk in client.chat.completions.create(model=route, messages=messages, stream=True, **more):
        told = (chunk.model_extra or {}).get("palier") or told
        for choice in chunk.choices:
            words += choice.delta.content or ""
            end = choice.finish_reason or end
    return words, end, told


@pytest.mark.parametrize("way", [ask, stream])
def test_a_question_is_refused_in_the_guards_own_words(client: openai.OpenAI, way: Any) -> None:
    words, end, told = way(client, "checked", "Write me a poem about the sea")
    assert (words, end, told["status"]) == ("I only speak of our offers.", "stop", "abstained")
    assert [(row["guard"], row["place"], row["action"]) for row in told["guards"]] == [("polite", "input", "refuse")]
    assert told["decision"]["reason"] == "guard polite: it says `poem`"


@pytest.mark.parametrize("way", [ask, stream])
def test_an_answer_is_cut_where_its_next_sentence_does_not_pass(client: openai.OpenAI, way: Any) -> None:
    words, end, told = way(client, "checked", "Which bank?")
    assert (words, end) == ("Your bank is ours. ", "content_filter")
    assert told["decision"]["reason"].startswith("cut short: guard promises")
    assert "retracted" not in told


@pytest.mark.parametrize("way", [ask, stream])
def test_where_nothing_was_released_it_abstains(client: openai.OpenAI, way: Any) -> None:
    words, end, told = way(client, "checked", "What first?")
    assert (end, told["status"]) == ("stop", "abstained")
    assert "guarantee" not in words


@pytest.mark.parametrize("way", [ask, stream])
def test_a_draft_that_does_not_pass_climbs(client: openai.OpenAI, way: Any) -> None:
    words, _, told = way(client, "stairs", "A quote?")
    assert (words, told["tier"]) == ("It is 29 euros [1].", "tier-2")
    assert told["steps"][0]["outcome"] == "climbed"
    assert [(row["tier"], row["action"]) for row in told["guards"]] == [("tier-1", "climb"), ("tier-2", "pass")]


def test_released_early_it_is_retracted_and_says_so(client: openai.OpenAI) -> None:
    words, end, told = stream(client, "early", "Which bank?")
    assert words.startswith("Your bank is ours. We guarantee")
    assert (end, told["retracted"]) == ("content_filter", True)
    words, end, told = ask(client, "early", "Which bank?")
    assert "guarantee" not in words, "who does not stream gets nothing before its check"
    assert (end, "retracted" in told) == ("content_filter", False)


@pytest.mark.parametrize("way", [ask, stream])
def test_json_is_repaired_or_not_answered(client: openai.OpenAI, way: Any) -> None:
    form = {"response_format": {"type": "json_object"}}
    words, end, told = way(client, "form", "some json", **form)
    assert (json.loads(words), end) == ({"city": "Brest"}, "stop")
    assert told["guards"][0]["action"] == "mend"
    assert way(client, "form", "a list", **form)[2]["status"] == "abstained"


@pytest.mark.engine
def test_a_schema_of_the_route_is_enforced_while_the_engine_writes(tmp_path: Path) -> None:
    schema = {
        "type": "object",
        "properties": {"city": {"type": "string", "maxLength": 20}, "rain": {"type": "boolean"}},
        "required": ["city", "rain"],
        "additionalProperties": False,
    }
    (tmp_path / "weather.json").write_text(json.dumps(schema))
    tree = {
        "models": {"small": {"kind": "engine", "weights": "smollm2-135m"}},
        "guards": {"weather": {"kind": "schema", "file": "weather.json"}},
        "routes": {
            "weather": {
                "tiers": [{"model": "small", "highest_label": "restricted", "max_tokens": 60}],
                "message_label": "internal",
                "guards": {"draft": ["weather"]},
            }
        },
    }
    with (
        served(tree, tmp_path) as gateway,
        openai.OpenAI(base_url=gateway.base_url, api_key=gateway.key, max_retries=0) as client,
    ):
        words, _, told = ask(client, "weather", "Will it rain in Brest tomorrow?", temperature=0)
    assert set(json.loads(words)) == {"city", "rain"}
    assert [(row["guard"], row["action"]) for row in told["guards"]] == [("weather", "pass")]


def test_the_arguments_of_tools_pass_the_guards_too(client: openai.OpenAI) -> None:
    tools = [{"type": "function", "function": {"name": "weather", "parameters": {"type": "object"}}}]
    for text, called in (("weather", True), ("storm", False)):
        messages: Any = [{"role": "user", "content": text}]
        for streamed in (False, True):
            made: Any = client.chat.completions.create(
                model="checked",
                messages=messages,
                tools=tools,
                stream=streamed,  # type: ignore[arg-type]
            )
            calls = (
                [c for chunk in made for choice in chunk.choices for c in choice.delta.tool_calls or ()]
                if streamed
                else made.choices[0].message.tool_calls
            )
            assert bool(calls) is called


@pytest.mark.parametrize("way", [ask, stream])
def test_one_that_takes_too_long_fails_closed_or_open_and_is_told(client: openai.OpenAI, way: Any) -> None:
    first, second = ("one", "two") if way is ask else ("six", "ten")
    words, _, told = way(client, "open", f"Is all well {first}?")
    (row,) = told["guards"]
    assert (words, row["action"], row["failed"]) == (f"All is well with {first} of us.", "pass", True)
    assert row["reason"] == "it failed (no verdict within 0.001 s), and fails open"
    words, _, told = way(client, "closed", f"Is all well {second}?")
    assert (told["status"], told["guards"][0]["failed"]) == ("abstained", True)
    assert "All is well" not in words


def test_verdicts_are_counted_for_prometheus(client: openai.OpenAI, gateway: Served) -> None:
    ask(client, "checked", "Write me a poem")
    ask(client, "open", "Is all well all?")
    page = httpx2.get(f"{gateway.url}/metrics", headers=gateway.headers).text
    counted = 'palier_guard_verdicts_total{route="%s",guard="%s",place="%s",action="%s",failed="%s"}'
    assert counted % ("checked", "polite", "input", "refuse", "false") in page
    assert counted % ("open", "lost", "output", "pass", "true") in page
