"""LangChain's own suite for chat models, through `langchain-openai`, against a gateway over a scripted model.

What palier does not take (images, audio, PDF, video) is said by the suite's flags, and listed in
docs/reference/openai-api.md.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import httpx2
import pytest
from langchain_core.language_models import BaseChatModel
from langchain_openai import ChatOpenAI
from langchain_tests.integration_tests import ChatModelIntegrationTests
from tests.serving import Served, served

pytestmark = pytest.mark.filterwarnings("ignore::UserWarning")  # pydantic's and LangChain's own, about its suite


def _calls(name: str, **arguments: Any) -> list[dict[str, Any]]:
    return [{"id": "call_1", "name": name, "arguments": json.dumps(arguments, ensure_ascii=False)}]


JOKE = {"setup": "Why did the cat sit?", "punchline": "It was tired."}

SCRIPT: tuple[dict[str, Any], ...] = (
    {"pattern": "magic_function_no_args", "tools": _calls("magic_function_no_args")},
    {"pattern": r"magic_function\(3\)", "tools": _calls("magic_function", input=3)},
    {"match": "Hello!", "tools": _calls("magic_function", input=1), "answer": "Good day."},
    {"pattern": "greeting", "tools": _calls("greeting_generator", answer_style="pirate")},
    {"pattern": "weather", "tools": _calls("get_weather", location="San Francisco, CA")},
    {"pattern": "你好啊集团", "tools": _calls("unicode_customer", customer_name="你好啊集团")},
    {"pattern": "こんにちは", "tools": _calls("unicode_customer", customer_name="こんにちは株式会社")},
    {"pattern": "joke", "tools": _calls("Joke", **JOKE), "answer": json.dumps(JOKE)},
    {"answer": "Brest is in Brittany, and it rains there."},
)


@pytest.fixture(scope="module")
def backend(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    folder = tmp_path_factory.mktemp("langchain")
    (folder / "script.jsonl").write_text("".join(json.dumps(rule) + "\n" for rule in SCRIPT))
    tier = {"model": "scripted", "highest_label": "internal"}
    tree = {
        "models": {"scripted": {"kind": "fake", "file": "script.jsonl"}},
        "routes": {"support": {"tiers": [tier]}, "other": {"tiers": [tier]}},
    }
    with served(tree, folder) as running:
        yield running


class TestPalier(ChatModelIntegrationTests):
    """Every test of the suite that is about text."""

    @pytest.fixture
    def model(self, backend: Served, monkeypatch: pytest.MonkeyPatch) -> BaseChatModel:
        monkeypatch.setenv("OPENAI_API_BASE", backend.base_url)
        monkeypatch.setenv("OPENAI_API_KEY", backend.key)
        return ChatOpenAI(
            model="support",
            max_retries=0,
            stream_usage=True,
            http_async_client=httpx2.AsyncClient(),  # of this test's event loop: the default one outlives it
        )

    @property
    def chat_model_class(self) -> type[ChatOpenAI]:
        return ChatOpenAI

    @property
    def chat_model_params(self) -> dict[str, Any]:
        return {"model": "support"}

    @property
    def supports_json_mode(self) -> bool:
        return True

    @property
    def supports_model_override(self) -> bool:
        return True

    @property
    def model_override_value(self) -> str:
        return "other"
