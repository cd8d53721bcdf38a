"""Kind `engine`: a small model that palier runs itself, in a child process it supervises.

The child speaks the OpenAI wire on loopback with a random key, so that asking it is asking any endpoint; but what it
would take in silence is refused before (`engine_request`), it is always asked for a stream (leaving one frees its slot
at once, leaving another call does not), and its death is told as what it is.
"""

from __future__ import annotations

import asyncio
import os
import secrets
import time
from collections.abc import AsyncGenerator, Mapping, Sequence
from contextlib import AbstractAsyncContextManager, aclosing
from pathlib import Path
from typing import Any

import msgspec

from palier.cards import ModelCard
from palier.config import Model as Settings
from palier.errors import Busy, ConfigurationError, InvalidRequest, Unavailable, UpstreamGarbage, UpstreamTimeout
from palier.interfaces import Connector, Reply, Resources
from palier.models import adapters as lora
from palier.models import catalogue, engine_request, weights, wire
from palier.models.engine_child import Configuration
from palier.models.engine_process import Child, Supervisor
from palier.models.refusals import refusal
from palier.types import Delta, Event, Finish, Metered, Prompt, ToolDelta, Usage

CONTEXT = 2048
"""Tokens a request may use where the settings do not say: memory grows with it, times `parallel`."""
CAPABILITIES = frozenset(
    {
        *("chat", "completions", "json_object", "json_schema", "logprobs", "top_logprobs", "n", "seed", "stop"),
        *("temperature", "top_p", "max_tokens", "presence_penalty", "frequency_penalty", "logit_bias", "adapter"),
    }
)
"""Of any GGUF. `tools` depend on the model's chat template, so they are for its card or the settings to claim."""
CONNECT_S = 5.0
MAX_REFUSAL_BYTES = 64_000
MAX_NATIVE_BYTES = 64 * 2**20


def build(name: str, settings: Settings, resources: Resources) -> Engine:
    """An `Engine` from `[models.NAME]`; nothing is started or read yet. Raises `ConfigurationError`."""
    if not settings.weights:
        raise ConfigurationError(f"model `{name}` has no `weights`", hint='for example "smollm2-135m"')
    if not settings.card and settings.weights in catalogue.entries():
        settings = msgspec.structs.replace(settings, card=settings.weights)
    default = ModelCard(
        name=name,
        kind="engine",
        title=Path(settings.weights).name,
        context=CONTEXT,
        capabilities=CAPABILITIES,
        on_premises=True,
    )
    card = catalogue.card(name, settings, default)
    context = settings.context or min(card.context or CONTEXT, CONTEXT)
    return Engine(msgspec.structs.replace(card, context=context), settings, resources)


class Engine:
    """`interfaces.Model` over a supervised child. `start` it, or the first request does."""

    def __init__(self, card: ModelCard, settings: Settings, resources: Resources) -> None:
        self.card = card
        self._settings = settings
        self._connector: Connector = resources.connector
        self._resolve = resources.resolve
        self._adapters = {name: resources.resolve(path) for name, path in settings.adapters.items()}
        """What a child that is started now loads; one that runs has those of its own start."""
        self._roles: dict[str, str] = {}
        self._supervisor = Supervisor(
            self._configure, start_timeout_s=settings.start_timeout_s, restart_wait_s=settings.restart_wait_s
        )
        self._slots = asyncio.Semaphore(settings.parallel)
        self._active = 0

    async def start(self) -> None:
        """Load the weights and wait until the engine answers. Raises what keeps it from doing so."""
        await self._supervisor.ready()

    async def stream(self, prompt: Prompt) -> AsyncGenerator[Event, None]:
        """See `interfaces.Model`. `Busy` beyond `max_concurrent`, `Unavailable` when the engine dies or is not back."""
        engine_request.check(prompt, self.card, [*self._roles, *self.adapters])
        if self._active >= self._settings.max_concurrent:
            raise Busy(f"model `{self.card.name}` already has {self._active} requests", retry_after=1.0)
        self._active += 1
        try:
            # Waiting here rather than inside the engine: a caller who leaves then leaves nothing behind.
            async with self._slots, aclosing(self._choices(prompt)) as events:
                async for event in events:
                    yield event
        finally:
            self._active -= 1

    async def health(self) -> tuple[bool, str]:
        """Ready, or not started yet (the first request starts it)."""
        state = self._supervisor.state
        return state in ("ready", "not started"), state

    async def close(self) -> None:
        """End the child, after what it is answering (five seconds at most)."""
        await self._supervisor.close()

    @property
    def adapters(self) -> tuple[str, ...]:
        """The adapters that requests can name now, besides the roles."""
        child = self._supervisor.child
        return child.adapters if child is not None else tuple(self._adapters)

    @property
    def roles(self) -> dict[str, str]:
        """Which adapter serves as what; an empty name is the base alone."""
        return dict(self._roles)

    def assign(self, roles: Mapping[str, str]) -> None:
        """Requests that name a role (`live`, `challenger`) are answered by that adapter from now on, "" being the base.

        No process is started: the child holds all its adapters, each at the scale that a request gives it. What is
        being answered ends as it began. Raises `ConfigurationError`, and nothing changes, for an adapter that is not
        loaded.
        """
        self._roles = _checked(roles, self.adapters)

    async def replace_adapters(self, adapters: Mapping[str, str], roles: Mapping[str, str] | None = None) -> None:
        """Serve with these LoRA adapters (name -> path of a GGUF) from now on, and with these roles where given.

        A new child is started beside the present one and takes over when it is ready; the old one answers what it has
        begun. Where the new one cannot start, nothing changes and the error is raised.
        """
        before = self._adapters
        assigned = _checked(self._roles if roles is None else roles, tuple(adapters))

        def switched() -> None:
            self._roles = assigned

        self._adapters = {name: self._resolve(path) for name, path in adapters.items()}
        try:
            await self._supervisor.replace(switched)
            if self.adapters != tuple(adapters):  # it was being started, with those before
                await self._supervisor.replace(switched)
        except BaseException:
            self._adapters = before
            raise

    async def hold_adapters(self, adapters: Mapping[str, str]) -> None:
        """Have these loaded, and of those that are as many as an engine holds besides: for a change of names to come.

        Where nothing runs yet nothing is started, and they are loaded when it is. Raises as `replace_adapters`.
        """
        if set(adapters) <= set(self.adapters):
            return
        others = {name: str(path) for name, path in self._adapters.items() if name not in adapters}
        wanted = dict([*adapters.items(), *others.items()][: lora.MOST])
        if self._supervisor.state == "not started":
            self._adapters = {name: self._resolve(path) for name, path in wanted.items()}
        else:
            await self.replace_adapters(wanted)

    async def native(self, path: str, body: Any) -> Any:
        """What the engine's own API says to `body` (JSON), for those who teach and judge: tokens, templates, scores.

        Raises `Unavailable` where it is not ready, `UpstreamRefused` or `InvalidRequest` where it refuses.
        """
        child = await self._supervisor.ready()
        with child.answering():
            async with self._post(child, path, msgspec.json.encode(body)) as reply:
                content = await reply.read(MAX_NATIVE_BYTES)
                child.heard = time.monotonic()
                if reply.status != 200:
                    raise refusal(reply.status, content[:MAX_REFUSAL_BYTES], "the engine")
                return msgspec.json.decode(content)

    @property
    def pid(self) -> int | None:
        """The child's process, when it is ready."""
        child = self._supervisor.child
        return child.pid if child is not None else None

    @property
    def log(self) -> list[str]:
        """The last lines the child wrote to its standard error."""
        child = self._supervisor.child
        return list(child.log) if child is not None else []

    async def _configure(self) -> Configuration:
        file = await asyncio.to_thread(
            weights.locate, self._settings.weights, self._resolve, sha256=self._settings.sha256
        )
        if len(self._adapters) > lora.MOST:
            raise ConfigurationError(
                f"model `{self.card.name}` has {len(self._adapters)} adapters, and an engine holds {lora.MOST}",
                hint="name those that are served, the one before and the one that is tried",
            )
        for name, path in self._adapters.items():
            await asyncio.to_thread(lora.check, name, path, file)
        return Configuration(
            name=self.card.name,
            weights=str(file),
            key=secrets.token_urlsafe(32),
            parent=os.getpid(),
            context=self.card.context or CONTEXT,
            parallel=self._settings.parallel,
            threads=self._settings.threads,
            adapters=tuple(str(path) for path in self._adapters.values()),
            names=tuple(self._adapters),
        )

    async def _choices(self, prompt: Prompt) -> AsyncGenerator[Event, None]:
        """All choices; the engine makes `parallel` of them at once, so that more are asked for in turns."""
        usage = Usage()
        for first in range(0, prompt.parameters.n, self._settings.parallel):
            n = min(prompt.parameters.n - first, self._settings.parallel)
            async with aclosing(self._answer(prompt, first, n)) as events:
                async for event in events:
                    if isinstance(event, Metered):
                        usage = _sum(usage, event.usage)
                    elif isinstance(event, Delta | ToolDelta | Finish) and first:
                        yield msgspec.structs.replace(event, choice=event.choice + first)
                    else:
                        yield event
        yield Metered(usage=usage)

    async def _answer(self, prompt: Prompt, first: int, n: int) -> AsyncGenerator[Event, None]:
        """The engine's events. One that died before it said anything is asked again, once, when it is back."""
        begun, tries = False, 0
        while True:
            child = await self._supervisor.ready()
            tries += 1
            try:
                with child.answering():
                    async with aclosing(self._ask(child, prompt, first, n)) as events:
                        async for event in events:
                            begun = True
                            child.heard = time.monotonic()
                            yield event
                return
            except UpstreamTimeout:
                await self._end_if_stuck(child)
                raise
            except (UpstreamGarbage, Unavailable):
                if not await _died(child):
                    raise
            if begun or tries == 2:
                raise Unavailable(
                    f"the engine of model `{self.card.name}` died ({child.death()}) while it was answering",
                    hint="it is being started again",
                    retry_after=1.0,
                )

    async def _end_if_stuck(self, child: Child) -> None:
        """End a child that nobody has heard for as long as one may wait for a token: it would never answer again."""
        if time.monotonic() - child.heard >= self._settings.first_token_timeout_s:
            await child.kill()

    async def _ask(self, child: Child, prompt: Prompt, first: int, n: int) -> AsyncGenerator[Event, None]:
        # Of this child: another may be starting with others, and the engine takes any number for an adapter.
        adapters = child.adapters
        named = prompt.parameters.adapter
        if named:
            known = self._roles.get(named, named)
            if known and known not in adapters:
                raise InvalidRequest(f"there is no adapter `{named}` any more", param="palier.adapter")
            prompt = msgspec.structs.replace(
                prompt, parameters=msgspec.structs.replace(prompt.parameters, adapter=known)
            )
        sent = msgspec.json.encode(engine_request.body(prompt, adapters, first=first, n=n))
        async with self._post(child, f"/v1{wire.path(prompt)}", sent) as reply:
            if reply.status != 200:
                raise refusal(reply.status, await reply.read(MAX_REFUSAL_BYTES), "the engine")
            events = wire.read(reply, "the engine", top=prompt.parameters.top_logprobs, usage_of_each=True)
            async for event in events:
                yield event

    def _post(self, child: Child, path: str, body: bytes) -> AbstractAsyncContextManager[Reply]:
        return self._connector.post(
            f"{child.address}{path}",
            body,
            headers={
                "Authorization": f"Bearer {child.key}",
                "Content-Type": "application/json",
                # After a stream the engine closes the connection late: used again, it may fail.
                "Connection": "close",
            },
            on_premises=True,
            connect_s=CONNECT_S,
            first_byte_s=self._settings.first_token_timeout_s,
            total_s=self._settings.total_timeout_s,
        )


def _checked(roles: Mapping[str, str], adapters: Sequence[str]) -> dict[str, str]:
    for role, adapter in roles.items():
        if not role or role in adapters:
            raise ConfigurationError(f"`{role}` is no name of a role", hint="another than the adapters have")
        if adapter and adapter not in adapters:
            known = ", ".join(adapters) or "none"
            raise ConfigurationError(f"`{role}` cannot be adapter `{adapter}`", hint=f"loaded: {known}")
    return dict(roles)


def _sum(one: Usage, other: Usage) -> Usage:
    """The prompt counts once, however many choices were made of it."""
    return Usage(
        prompt=other.prompt, completion=one.completion + other.completion, cached=max(one.cached, other.cached)
    )


async def _died(child: Child) -> bool:
    """Whether the child is gone, or about to be: its connections break a moment before its end is known."""
    try:
        async with asyncio.timeout(1.0):
            await child.ended()
    except TimeoutError:
        return False
    return True
