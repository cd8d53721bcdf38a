"""Kind `endpoint`: a model behind any OpenAI-compatible URL (a cloud, vLLM, Ollama, llama-server).

A call is tried again only before the first byte of a reply, and only where that is safe and may help: no connection,
429, 502, 503, 504. The pauses have full jitter (M. Brooker, "Exponential backoff and jitter", 2015). It always streams,
even for a client that does not: leaving a stream is what cancels a generation.
"""

from __future__ import annotations

import asyncio
import itertools
import os
import random
import time
from collections.abc import AsyncGenerator
from contextlib import AbstractAsyncContextManager
from urllib.parse import urlsplit

import msgspec

from palier.cards import CAPABILITIES as ALL
from palier.cards import ModelCard
from palier.config import Model as Settings
from palier.errors import (
    Busy,
    ConfigurationError,
    ConnectTimeout,
    PalierError,
    StoreError,
    Unavailable,
    UpstreamError,
    UpstreamTimeout,
)
from palier.interfaces import Connector, Reply, Resources
from palier.models import catalogue, wire
from palier.models.breaker import Breaker
from palier.models.refusals import parse, refusal
from palier.types import Event, Prompt

RETRIED = frozenset({429, 502, 503, 504})
PAUSE_S, LONGEST_PAUSE_S = 0.25, 10.0
MAX_REFUSAL_BYTES = 64_000
NEWER_LIMIT = "max_completion_tokens"

CAPABILITIES = ALL - {"echo", "suffix", "adapter"}
"""What an endpoint is taken to honour where neither its card nor its settings say otherwise."""


def build(name: str, settings: Settings, resources: Resources) -> Endpoint:
    """An `Endpoint` from `[models.NAME]`. Raises `ConfigurationError` where `base_url` or `model` is missing."""
    if not settings.base_url:
        raise ConfigurationError(f"model `{name}` has no base_url", hint='for example "http://127.0.0.1:11434/v1"')
    if not settings.model:
        raise ConfigurationError(f"model `{name}` does not say which `model` the endpoint should use")
    default = ModelCard(
        name=name,
        kind="endpoint",
        title=settings.model,
        capabilities=CAPABILITIES,
        priced_as="" if settings.on_premises or _is_loopback(settings.base_url) else settings.model,
    )
    card = catalogue.card(name, settings, default)
    return Endpoint(card, settings, resources.connector)


class Endpoint:
    """`interfaces.Model` over HTTP. The key is read from the environment at each call, and kept nowhere."""

    def __init__(self, card: ModelCard, settings: Settings, connector: Connector) -> None:
        self.card = card
        self._settings = settings
        self._connector = connector
        self._base = settings.base_url.rstrip("/")
        self._host = urlsplit(self._base).hostname or settings.base_url
        self._breaker = Breaker(settings.breaker_failures, settings.breaker_cooldown_s)
        self._active = 0
        self._limit_field = "max_tokens"

    async def stream(self, prompt: Prompt) -> AsyncGenerator[Event, None]:
        """See `interfaces.Model`. `Busy` beyond `max_concurrent`, `Unavailable` while the circuit is open."""
        if self._active >= self._settings.max_concurrent:
            raise _unsent(Busy(f"model `{self.card.name}` already answers {self._active} requests", retry_after=1.0))
        if wait := self._breaker.enter():
            away = f"{self._host} failed repeatedly and is left alone for a while"
            raise _unsent(Unavailable(away, retry_after=wait))
        self._active += 1
        outcome = self._breaker.left
        deadline = time.monotonic() + self._settings.total_timeout_s
        heard = False  # an upstream that answered anything may have taken something
        try:
            for retry in itertools.count():
                reply, limit_field = None, self._limit_field
                try:
                    async with self._post(prompt, deadline) as reply:
                        heard = True
                        await self._check(reply, prompt, limit_field)
                        async for event in wire.read(
                            reply, self._host, top=prompt.parameters.top_logprobs, secret=self._key()
                        ):
                            outcome = self._breaker.succeeded
                            yield event
                        return
                except (ConnectTimeout, StoreError, Unavailable, _Refused) as failure:
                    if not heard and isinstance(failure, PalierError):
                        _unsent(failure)
                    # A store is the ledger's: what has no entry there does not leave, and another try changes nothing.
                    if isinstance(failure, StoreError) or (reply is not None and not isinstance(failure, _Refused)):
                        raise
                    pause = self._pause(failure, retry, deadline)
                    if pause is None:
                        raise
                await asyncio.sleep(pause)
        except _Refused as refused:
            outcome = self._breaker.failed if refused.outage else self._breaker.succeeded
            raise refused.error from None
        except (UpstreamError, UpstreamTimeout, Unavailable):
            outcome = self._breaker.failed
            raise
        finally:
            self._active -= 1
            outcome()

    async def health(self) -> tuple[bool, str]:
        """From what is known: nothing is sent."""
        if wait := self._breaker.wait():
            return False, f"circuit open for {wait:.0f} s"
        try:
            self._key()
        except ConfigurationError as error:
            return False, str(error)
        return True, "ready"

    async def close(self) -> None:
        """Nothing is held: connections belong to the connector."""

    def _post(self, prompt: Prompt, deadline: float) -> AbstractAsyncContextManager[Reply]:
        body = wire.body(prompt, stream=True, limit_field=self._limit_field, model=self._settings.model)
        return self._connector.post(
            self._base + wire.path(prompt),
            msgspec.json.encode(body),
            headers=self._headers(self._key()),
            on_premises=self._settings.on_premises,
            connect_s=self._settings.connect_timeout_s,
            first_byte_s=self._settings.first_token_timeout_s,
            total_s=max(deadline - time.monotonic(), 0.001),
            clearance=prompt.clearance,
        )

    async def _check(self, reply: Reply, prompt: Prompt, limit_field: str) -> None:
        """Raises `_Refused` for a reply that is no answer; `limit_field` is what the request called its limit."""
        if reply.status == 200:
            return
        said = await reply.read(MAX_REFUSAL_BYTES)
        settings = self._settings
        error = refusal(
            reply.status, said, self._host, headers=reply.headers, key_env=settings.api_key_env, secret=self._key()
        )
        is_older = prompt.text is None and limit_field != NEWER_LIMIT
        if reply.status == 400 and is_older and NEWER_LIMIT in parse(said).message:
            # Newer OpenAI models refuse the old name and tell the new one: learnt once, for good.
            self._limit_field = NEWER_LIMIT
            raise _Refused(error, learnt=True)
        raise _Refused(error, again=reply.status in RETRIED, outage=reply.status >= 500)

    def _pause(self, failure: PalierError | _Refused, retry: int, deadline: float) -> float | None:
        """Seconds to wait before the next try; None where there is none."""
        asked = None
        if isinstance(failure, _Refused):
            if failure.learnt:
                return 0.0
            if not failure.again:
                return None
            asked = failure.error.retry_after
        pause = _jitter(retry) if asked is None else asked
        late = time.monotonic() + pause >= deadline
        if retry >= self._settings.retries or pause > LONGEST_PAUSE_S or late:
            return None
        return pause

    def _key(self) -> str:
        name = self._settings.api_key_env
        if not name:
            return ""
        key = os.environ.get(name, "")
        if not key:
            raise ConfigurationError(
                f"model `{self.card.name}` needs a key, and the environment variable {name} is not set",
                hint=f"export {name}=...",
            )
        return key

    def _headers(self, key: str) -> dict[str, str]:
        headers = {"Content-Type": "application/json", **self._settings.headers}
        return {**headers, "Authorization": f"Bearer {key}"} if key else headers


def _is_loopback(url: str) -> bool:
    """By its name alone, for the price: what runs on this machine has no published one."""
    host = urlsplit(url).hostname or ""
    return host in ("localhost", "::1") or host.startswith("127.")


def _unsent(error: PalierError) -> PalierError:
    error.unsent = True
    return error


class _Refused(Exception):
    """A reply that is no answer: what it means, whether to try again, and whether the upstream is to blame.

    `learnt`: the next try will be different, and need not wait.
    """

    def __init__(self, error: PalierError, *, again: bool = False, outage: bool = False, learnt: bool = False) -> None:
        super().__init__(error.message)
        self.error = error
        self.again = again
        self.outage = outage
        self.learnt = learnt


def _jitter(retry: int) -> float:
    return random.uniform(0, min(LONGEST_PAUSE_S, PAUSE_S * 2**retry))  # noqa: S311
