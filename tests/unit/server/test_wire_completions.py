"""Raw completions and embeddings: what is understood, and what is refused."""

from __future__ import annotations

import base64
import json
from typing import Any

import numpy as np
import pytest

from palier.errors import InvalidRequest
from palier.server import wire_completions, wire_embeddings
from palier.server.wire_completions import decode_completion, prompts
from palier.server.wire_embeddings import check_dimensions, decode_embedding, embeddings, inputs, shortened


def completion(**fields: Any) -> wire_completions.CompletionRequest:
    return decode_completion(json.dumps({"model": "m", "prompt": "once", **fields}).encode())


def test_one_prompt_or_several() -> None:
    assert prompts(completion()) == ["once"]
    assert prompts(completion(prompt=["a", "b"])) == ["a", "b"]


@pytest.mark.parametrize(
    ("fields", "param"),
    [
        ({"prompt": [1, 2]}, "prompt"),
        ({"prompt": [[1], [2]]}, "prompt"),
        ({"prompt": ["a", 1]}, "prompt"),
        ({"prompt": []}, "prompt"),
        ({"prompt": None}, "prompt"),
        ({"prompt": ["a"] * 33}, "prompt"),
        ({"prompt": ["a", "b"], "stream": True}, "prompt"),
        ({"best_of": 3}, "best_of"),
        ({"best_of": 1, "n": 2}, "best_of"),
        ({"logprobs": 6}, "logprobs"),
        ({"logprobs": True}, "logprobs"),
        ({"max_tokens": 0}, "max_tokens"),
        ({"echo": True, "suffix": "s"}, "suffix"),
        ({"messages": []}, "messages"),
        ({"tools": []}, "tools"),
    ],
)
def test_what_has_no_meaning_is_refused(fields: dict[str, Any], param: str) -> None:
    with pytest.raises(InvalidRequest) as caught:
        prompts(completion(**fields))
    assert caught.value.param == param


def test_the_parameters_of_a_log_likelihood_request() -> None:
    made = wire_completions.parameters(completion(echo=True, logprobs=0, max_tokens=0, best_of=1))
    assert (made.echo, made.logprobs, made.top_logprobs, made.max_tokens) == (True, True, 0, 0)


def embedding(**fields: Any) -> wire_embeddings.EmbeddingRequest:
    return decode_embedding(json.dumps({"model": "e", **fields}).encode())


@pytest.mark.parametrize(
    ("given", "expected"),
    [("a", ["a"]), (["a", "b"], ["a", "b"]), ([1, 0], [[1, 0]]), ([[1], [2, 3]], [[1], [2, 3]])],
)
def test_texts_and_token_arrays(given: Any, expected: Any) -> None:
    assert inputs(embedding(input=given)) == expected


@pytest.mark.parametrize("given", ["", [], [""], [[]], ["a", 1], ["a", [1]], [-1], [1.5], None, {"a": 1}, ["a"] * 2049])
def test_other_inputs_are_refused_by_name(given: Any) -> None:
    with pytest.raises(InvalidRequest) as caught:
        inputs(embedding(input=given))
    assert caught.value.param is not None
    assert caught.value.param.startswith("input")


def test_fewer_dimensions_are_unit_vectors_again() -> None:
    vectors = np.array([[0.6, 0.0, 0.8], [0.0, 0.0, 1.0]], np.float32)
    cut = shortened(vectors, 2)
    assert cut.dtype == np.float32
    assert cut.tolist() == [[1.0, 0.0], [0.0, 0.0]]
    assert shortened(vectors, None) is vectors
    with pytest.raises(InvalidRequest, match="have 3"):
        check_dimensions(4, 3)


def test_base64_is_little_endian_float32() -> None:
    vectors = np.array([[0.5, -2.0]], np.float32)
    sent = embeddings(vectors, "e", 3, "base64")
    assert isinstance(sent.data[0].embedding, str)
    assert np.frombuffer(base64.b64decode(sent.data[0].embedding), "<f4").tolist() == [0.5, -2.0]
    assert embeddings(vectors, "e", 3, None).data[0].embedding == [0.5, -2.0]
