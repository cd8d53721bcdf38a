"""A model behind a URL that behaves, and one that does not."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any, NoReturn

import pytest

from palier.config import Model as Settings
from palier.errors import (
    Busy,
    ConfigurationError,
    InvalidRequest,
    PalierError,
    StoreError,
    Unavailable,
    UpstreamGarbage,
    UpstreamRefused,
    UpstreamTimeout,
)
from palier.interfaces import Resources
from palier.models import endpoint
from palier.models.breaker import Breaker
from palier.models.endpoint import Endpoint
from palier.privacy.connector import HttpConnector
from palier.testing import upstream as scripted
from palier.testing.departures import Departures
from palier.testing.models import CLEARED
from palier.testing.upstream import Upstream
from palier.types import Delta, Event, Finish, Message, Metered, Parameters, Prompt, Usage

KEY = "sk-not-to-be-seen"
PROMPT = Prompt(id="1", clearance=CLEARED, messages=(Message(role="user", content="Bonjour ?"),), question="Bonjour ?")


@pytest.fixture
async def upstream() -> AsyncIterator[Upstream]:
    async with Upstream() as server:
        yield server


@pytest.fixture
async def connector() -> AsyncIterator[HttpConnector]:
    connector = HttpConnector(ledger=Departures())
    yield connector
    await connector.close()


@pytest.fixture(autouse=True)
def short_pauses(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(endpoint, "PAUSE_S", 0.001)


def _nested(status: int) -> scripted.Behaviour:
    """JSON that no parser follows to its end."""

    async def behaviour(call: scripted.Call, wire: scripted.Wire) -> None:
        deep = b'{"choices":' + b"[" * 20_000 + b"]" * 20_000 + b"}"
        await wire.whole(status, deep, {"Content-Type": "application/json"})

    return behaviour


def model(upstream: Upstream, connector: HttpConnector, **settings: Any) -> Endpoint:
    given = {"kind": "endpoint", "base_url": upstream.url, "model": "big", "first_token_timeout_s": 1.0, **settings}
    resources = Resources(connector, None, None, Path(), Path)  # type: ignore[arg-type]
    return endpoint.build("cloud", Settings(**given), resources)


async def ask(model: Endpoint, prompt: Prompt = PROMPT) -> list[Event]:
    return [event async for event in model.stream(prompt)]


async def refused(model: Endpoint, expected: type[PalierError], words: str, prompt: Prompt = PROMPT) -> PalierError:
    with pytest.raises(PalierError, match=words) as caught:
        await ask(model, prompt)
    assert type(caught.value) is expected
    assert KEY not in repr(caught.value) + str(caught.value)
    return caught.value


async def test_streams_the_answer(
    upstream: Upstream, connector: HttpConnector, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("BIG_KEY", KEY)
    cloud = model(upstream, connector, api_key_env="BIG_KEY", headers={"X-Team": "support"})
    upstream.script = [scripted.answers("Bonjour, oui.")]
    assert await ask(cloud) == [
        Delta(text="Bonjour,"),
        Delta(text=" oui."),
        Finish(reason="stop"),
        Metered(usage=Usage(prompt=7, completion=5)),
    ]
    call = upstream.calls[0]
    assert call.path == "/v1/chat/completions"
    assert call.headers["authorization"] == f"Bearer {KEY}"
    assert call.headers["x-team"] == "support"
    assert call.json["model"] == "big"
    assert call.json["stream"] is True


async def test_a_connection_serves_one_stream_after_the_other(upstream: Upstream, connector: HttpConnector) -> None:
    cloud = model(upstream, connector)
    for _ in range(5):
        await ask(cloud)
    assert upstream.connections == 1


async def test_completions(upstream: Upstream, connector: HttpConnector) -> None:
    prompt = Prompt(id="1", clearance=CLEARED, text="Once", parameters=Parameters(n=2))
    events = await ask(model(upstream, connector), prompt)
    assert upstream.calls[0].path == "/v1/completions"
    assert [e.choice for e in events if isinstance(e, Finish)] == [0, 1]


async def test_the_key_is_read_at_the_call(
    upstream: Upstream, connector: HttpConnector, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("BIG_KEY", raising=False)
    cloud = model(upstream, connector, api_key_env="BIG_KEY")
    assert await cloud.health() == (
        False,
        "model `cloud` needs a key, and the environment variable BIG_KEY is not set (export BIG_KEY=...)",
    )
    await refused(cloud, ConfigurationError, "BIG_KEY is not set")
    assert not upstream.calls
    monkeypatch.setenv("BIG_KEY", KEY)
    assert await cloud.health() == (True, "ready")
    assert await ask(cloud)


@pytest.mark.parametrize("status", [429, 502, 503, 504])
async def test_what_may_pass_is_tried_again(upstream: Upstream, connector: HttpConnector, status: int) -> None:
    upstream.script = [scripted.refuses(status), scripted.refuses(status), scripted.answers("enfin")]
    assert (await ask(model(upstream, connector)))[0] == Delta(text="enfin")
    assert len(upstream.calls) == 3


@pytest.mark.parametrize(
    ("behaviour", "expected", "words"),
    [
        (scripted.refuses(500, "boom"), UpstreamRefused, r"127\.0\.0\.1 failed \(500\): boom"),
        (scripted.refuses(401, f"bad key {KEY}"), UpstreamRefused, r"does not accept the key \(401\).*BIG_KEY"),
        (scripted.refuses(403, "no"), UpstreamRefused, r"does not accept the key \(403\)"),
        (scripted.refuses(404, "no model `big`"), UpstreamRefused, "knows no such model or path: no model `big`"),
        (scripted.redirects("http://127.0.0.1:1/"), UpstreamRefused, r"answers with a redirect \(307\)"),
        (scripted.garbage(), UpstreamGarbage, "is not the OpenAI wire: '<html>It works!</html>'"),
        (scripted.cuts(), UpstreamGarbage, "cut its answer in the middle"),
        (scripted.stalls(after=1), UpstreamTimeout, "was silent for 0.2 s"),
        (scripted.stalls(), UpstreamTimeout, "was silent for 0.2 s"),
        (scripted.refuses(400, "no such thing", param="tools"), InvalidRequest, "no such thing"),
        (scripted.replies(422, {"detail": [{"msg": "too deep"}]}), InvalidRequest, "too deep"),
        (scripted.replies(400, {"error": f"echo {KEY}"}), InvalidRequest, r"echo \*\*\*"),
        (scripted.replies(200, {"error": {"message": f"bad key {KEY}"}}), UpstreamRefused, r"bad key \*\*\*"),
        (_nested(200), UpstreamGarbage, "is not the OpenAI wire"),
        (_nested(400), InvalidRequest, "400"),
    ],
)
async def test_what_will_not_pass_is_not(
    upstream: Upstream,
    connector: HttpConnector,
    monkeypatch: pytest.MonkeyPatch,
    behaviour: scripted.Behaviour,
    expected: type[PalierError],
    words: str,
) -> None:
    monkeypatch.setenv("BIG_KEY", KEY)
    upstream.script = [behaviour]
    await refused(model(upstream, connector, api_key_env="BIG_KEY", first_token_timeout_s=0.2), expected, words)
    assert len(upstream.calls) == 1


async def test_the_parameter_that_was_refused_is_named(upstream: Upstream, connector: HttpConnector) -> None:
    upstream.script = [scripted.refuses(400, "Invalid value", param="temperature")]
    assert (await refused(model(upstream, connector), InvalidRequest, "Invalid value")).param == "temperature"


@pytest.mark.parametrize(
    "message",
    [
        "This model's maximum context length is 4097 tokens. However, you requested 5360 tokens (1360 in the messages).",
        "This model's maximum context length is 4097 tokens. However, your messages resulted in 5360 tokens.",
        "The decoder prompt (length 5360) is longer than the maximum model length of 4097.",
        "request (5360 tokens) exceeds the available context size (4097 tokens), try increasing it",
        "prompt is too long: 5360 tokens > 4097 maximum",
        "The input token count (5,360) exceeds the maximum number of tokens allowed (4,097).",
        "Prompt contains 5360 tokens and 0 draft tokens, too large for model with 4097 maximum context length",
    ],
)
async def test_a_prompt_that_is_too_long_is_said_with_both_numbers(
    upstream: Upstream, connector: HttpConnector, message: str
) -> None:
    upstream.script = [scripted.refuses(400, message)]
    error = await refused(model(upstream, connector), InvalidRequest, "5360 tokens long and the context holds 4097")
    assert error.code == "context_length_exceeded"


async def test_nobody_there(connector: HttpConnector) -> None:
    async with Upstream() as upstream:
        cloud = model(upstream, connector)
    error = await refused(cloud, Unavailable, r"cannot connect to 127\.0\.0\.1")
    assert error.unsent


async def test_what_has_no_entry_in_the_ledger_was_not_sent(
    upstream: Upstream, connector: HttpConnector, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: object, **__: object) -> NoReturn:
        raise StoreError("the ledger cannot be written: disk is full")

    cloud = model(upstream, connector)
    monkeypatch.setattr(connector, "post", full)
    assert (await refused(cloud, StoreError, "cannot be written")).unsent


async def test_a_cut_after_the_first_byte_is_not_tried_again(upstream: Upstream, connector: HttpConnector) -> None:
    upstream.script = [scripted.cuts(after=2)]
    events = model(upstream, connector).stream(PROMPT)
    assert [await anext(events), await anext(events)] == [Delta(text="Bonjour,"), Delta(text=" tout")]
    with pytest.raises(UpstreamGarbage):
        await anext(events)
    assert len(upstream.calls) == 1


async def test_retry_after_is_honoured_up_to_a_limit(upstream: Upstream, connector: HttpConnector) -> None:
    cloud = model(upstream, connector)
    upstream.script = [scripted.refuses(429, retry_after=0.2), scripted.answers("enfin")]
    start = time.monotonic()
    await ask(cloud)
    assert 0.2 <= time.monotonic() - start < 2.0
    upstream.script = [scripted.refuses(429, "quota", retry_after=3600)]
    error = await refused(cloud, UpstreamRefused, "no capacity or quota left")
    assert error.retry_after == 3600


async def test_no_retries_where_none_are_wanted(upstream: Upstream, connector: HttpConnector) -> None:
    upstream.script = [scripted.refuses(503)]
    error = await refused(model(upstream, connector, retries=0), UpstreamRefused, r"failed \(503\)")
    assert not error.unsent


async def test_the_total_time_covers_the_retries(upstream: Upstream, connector: HttpConnector) -> None:
    upstream.default = scripted.refuses(503, retry_after=0.3)
    start = time.monotonic()
    await refused(model(upstream, connector, retries=9, total_timeout_s=1.0), UpstreamRefused, r"failed \(503\)")
    assert time.monotonic() - start < 2.0  # nine pauses take 2.7 s


async def test_leaving_cancels(upstream: Upstream, connector: HttpConnector) -> None:
    upstream.script = [scripted.stalls(after=1)]
    events = model(upstream, connector).stream(PROMPT)
    assert await anext(events) == Delta(text="Bonjour,")
    await events.aclose()
    async with asyncio.timeout(2):
        await upstream.left.wait()


async def test_no_more_at_once_than_said(upstream: Upstream, connector: HttpConnector) -> None:
    upstream.default = scripted.stalls(after=1)
    cloud = model(upstream, connector, max_concurrent=2)
    streams = [cloud.stream(PROMPT) for _ in range(2)]
    for events in streams:
        await anext(events)
    busy = await refused(cloud, Busy, "already answers 2 requests")
    assert busy.retry_after
    assert busy.unsent
    for events in streams:
        await events.aclose()
    upstream.default = scripted.answers("a")
    assert await ask(cloud)


async def test_an_upstream_that_keeps_failing_is_left_alone(upstream: Upstream, connector: HttpConnector) -> None:
    cloud = model(upstream, connector, breaker_failures=2, breaker_cooldown_s=0.5, retries=0)
    upstream.script = [scripted.refuses(500), scripted.refuses(400), scripted.garbage(), scripted.refuses(500)]
    await refused(cloud, UpstreamRefused, "500")
    await refused(cloud, InvalidRequest, "scripted")  # an answer: it is alive
    await refused(cloud, UpstreamGarbage, "wire")
    await refused(cloud, UpstreamRefused, "500")
    error = await refused(cloud, Unavailable, "left alone")
    assert error.unsent
    assert error.retry_after is not None
    assert 0 < error.retry_after <= 0.5
    assert (await cloud.health())[0] is False
    assert len(upstream.calls) == 4
    await asyncio.sleep(0.55)
    assert await ask(cloud)
    assert await cloud.health() == (True, "ready")


def test_the_breaker_lets_one_through_when_half_open() -> None:
    now = [0.0]
    breaker = Breaker(1, 10.0, clock=lambda: now[0])
    assert breaker.enter() == 0
    breaker.failed()
    assert breaker.enter() == 10.0
    now[0] = 10.0
    assert breaker.enter() == 0
    assert breaker.enter() > 0
    breaker.failed()
    assert breaker.enter() == 10.0
    now[0] = 20.0
    assert breaker.enter() == 0
    breaker.left()
    assert breaker.enter() == 0
    breaker.succeeded()
    assert breaker.enter() == 0
    assert breaker.enter() == 0


async def test_the_newer_name_of_the_limit_is_learnt(upstream: Upstream, connector: HttpConnector) -> None:
    """OpenAI's reasoning models refuse `max_tokens`."""
    said = "Unsupported parameter: 'max_tokens' is not supported with this model. Use 'max_completion_tokens' instead."
    cloud = model(upstream, connector, retries=0)
    prompt = Prompt(id="1", clearance=CLEARED, messages=PROMPT.messages, parameters=Parameters(max_tokens=5))
    upstream.script = [scripted.refuses(400, said, param="max_tokens")]
    for _ in range(2):
        await ask(cloud, prompt)
    assert ["max_tokens" in call.json for call in upstream.calls] == [True, False, False]
    assert upstream.calls[1].json["max_completion_tokens"] == 5


async def test_calls_made_at_once_all_learn_the_newer_name(upstream: Upstream, connector: HttpConnector) -> None:
    said = "Unsupported parameter: use 'max_completion_tokens' instead."

    async def newer(call: scripted.Call, wire: scripted.Wire) -> None:
        await asyncio.sleep(0.02)
        behaviour = scripted.refuses(400, said) if "max_tokens" in call.json else scripted.answers("ok")
        await behaviour(call, wire)

    upstream.script = [newer] * 20
    cloud = model(upstream, connector, retries=0)
    prompt = Prompt(id="1", clearance=CLEARED, messages=PROMPT.messages, parameters=Parameters(max_tokens=5))
    answers = await asyncio.gather(*[ask(cloud, prompt) for _ in range(10)])
    assert all(Delta(text="ok") in events for events in answers)


async def test_on_premises_is_checked(upstream: Upstream, connector: HttpConnector) -> None:
    cloud = model(upstream, connector, base_url="http://192.0.2.7:1/v1", on_premises=True)
    assert cloud.card.on_premises
    await refused(cloud, ConfigurationError, "neither loopback nor in a declared network")


def test_settings_that_are_missing_or_wrong(connector: HttpConnector) -> None:
    for settings, words in [
        ({"model": "big"}, "no base_url"),
        ({"base_url": "http://127.0.0.1/v1"}, "which `model`"),
        ({"base_url": "http://h/v1", "model": "m", "capabilities": ("tool",)}, "did you mean `tools`"),
        ({"base_url": "http://h/v1", "model": "m", "card": "smolm2"}, "did you mean `smollm2-135m`"),
    ]:
        resources = Resources(connector, None, None, Path(), Path)  # type: ignore[arg-type]
        with pytest.raises(ConfigurationError, match=words):
            endpoint.build("cloud", Settings(kind="endpoint", **settings), resources)


def test_the_card_is_the_catalogues_under_the_settings(upstream: Upstream, connector: HttpConnector) -> None:
    cloud = model(upstream, connector, card="smollm2-135m", licence="mine", languages=("br",), region="fr-par")
    assert (cloud.card.name, cloud.card.kind, cloud.card.licence) == ("cloud", "endpoint", "mine")
    assert cloud.card.languages == ("br",)
    assert cloud.card.region == "fr-par"
    assert cloud.card.context == 8192
    assert not cloud.card.on_premises
