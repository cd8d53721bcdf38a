"""Runs lm-eval against a gateway, in an environment of its own: python run.py BASE_URL MODEL WIRE TASK

WIRE is `chat` (local-chat-completions) or `raw` (local-completions). Writes the metrics to standard output as JSON.
A route has no vocabulary of its own, so requests are texts; where lm-eval must count tokens (log-likelihood), it is
given the words that the scripted model takes for tokens.
"""

from __future__ import annotations

import json
import os
import re
import sys
from pathlib import Path
from types import SimpleNamespace
from typing import Any

from lm_eval import simple_evaluate
from lm_eval.models.openai_completions import LocalChatCompletion, LocalCompletionsAPI
from lm_eval.tasks import TaskManager

HERE = Path(__file__).parent


class Words:
    """A tokenizer whose tokens are words with the space before them, numbered as they come."""

    eos_token_id = None
    bos_token_id = None
    eos_token = None

    def __init__(self) -> None:
        self._ids: dict[str, int] = {}

    def __call__(self, text: str | list[str], **_: Any) -> SimpleNamespace:
        if isinstance(text, list):
            return SimpleNamespace(input_ids=[self._encode(one) for one in text])
        return SimpleNamespace(input_ids=self._encode(text))

    def _encode(self, text: str) -> list[int]:
        return [self._ids.setdefault(word, len(self._ids)) for word in re.findall(r"\s*\S+|\s+$", text)]

    def decode(self, ids: list[int], **_: Any) -> str:
        words = list(self._ids)
        return "".join(words[one] for one in ids)

    def batch_decode(self, batch: list[list[int]], **_: Any) -> list[str]:
        return [self.decode(ids) for ids in batch]


def main(base_url: str, model: str, wire: str, task: str) -> None:
    os.chdir(HERE)
    settings = {"model": model, "max_retries": 1, "tokenizer_backend": None, "num_concurrent": 2}
    if wire == "chat":
        lm: Any = LocalChatCompletion(base_url=f"{base_url}/chat/completions", **settings)
    else:
        lm = LocalCompletionsAPI(base_url=f"{base_url}/completions", **settings)
        lm.tokenizer, lm.tokenizer_backend = Words(), "huggingface"
    found = simple_evaluate(
        model=lm,
        tasks=[task],
        task_manager=TaskManager(include_path=str(HERE), include_defaults=False),
        apply_chat_template=wire == "chat",
        bootstrap_iters=0,
    )
    json.dump({name: value for name, value in found["results"][task].items() if isinstance(value, float)}, sys.stdout)


if __name__ == "__main__":
    main(*sys.argv[1:])
