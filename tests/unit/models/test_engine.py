"""The embedded engine: what it answers, what it refuses, and what happens when it dies."""

from __future__ import annotations

import asyncio
import json
import math
import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import aiohttp
import psutil
import pytest

from palier.errors import Busy, ConfigurationError, InvalidRequest, Unavailable, UpstreamTimeout
from palier.models.engine import Engine
from palier.types import Delta, Event, Finish, Message, Metered, Parameters, Prompt

from .conftest import Build

pytestmark = pytest.mark.engine


def prompt(question: str = "Tell me a long story.", **parameters: Any) -> Prompt:
    parameters = {"max_tokens": 8, "temperature": 0.0, **parameters}
    messages = (Message(role="user", content=question),)
    return Prompt(id="1", messages=messages, question=question, parameters=Parameters(**parameters))


async def ask(model: Engine, prompt: Prompt) -> list[Event]:
    return [event async for event in model.stream(prompt)]


def text(events: list[Event], choice: int = 0) -> str:
    return "".join(event.text for event in events if isinstance(event, Delta) and event.choice == choice)


def metered(events: list[Event]) -> Metered:
    last = events[-1]
    assert isinstance(last, Metered)
    return last


async def test_answers_as_a_model_does(build: Build) -> None:
    model = build()
    assert await model.health() == (True, "not started")
    await model.start()
    assert await model.health() == (True, "ready")

    events = await ask(model, prompt(max_tokens=4))
    assert text(events)
    assert Finish(reason="length") in events
    assert metered(events).usage.completion == 4
    assert metered(events).usage.prompt > 10

    completion = Prompt(id="1", text="The capital of France is", parameters=Parameters(max_tokens=3, temperature=0))
    assert "Paris" in text(await ask(model, completion))

    whole = text(await ask(model, prompt(max_tokens=12)))
    stop = whole.split(" ")[2]
    assert text(await ask(model, prompt(max_tokens=12, stop=(stop,)))) == whole[: whole.index(stop)]


async def test_log_probabilities_seeds_and_choices(build: Build) -> None:
    model = build()
    for top in (0, 2):
        events = await ask(model, prompt(logprobs=True, top_logprobs=top))
        tokens = [token for event in events if isinstance(event, Delta) for token in event.logprobs]
        assert len(tokens) == 8
        assert all(token.logprob <= 0 and len(token.top) == top for token in tokens)
        assert not any(math.isnan(token.logprob) for token in tokens)

    for seed in (7, -7, 2**40):
        one, other = [text(await ask(model, prompt(seed=seed, temperature=1.0))) for _ in range(2)]
        assert one == other

    events = await ask(model, prompt(n=5, temperature=1.5, seed=1))
    assert sorted(event.choice for event in events if isinstance(event, Finish)) == [0, 1, 2, 3, 4]
    assert len({text(events, choice) for choice in range(5)}) >= 3
    assert metered(events).usage.completion == 40


async def test_grammars(build: Build) -> None:
    model = build()
    schema = {
        "type": "object",
        "properties": {"city": {"enum": ["Brest", "Vannes"]}, "age": {"type": "integer", "minimum": 3, "maximum": 5}},
        "required": ["city", "age"],
        "additionalProperties": False,
    }
    wanted = {"type": "json_schema", "json_schema": {"name": "person", "strict": True, "schema": schema}}
    found = json.loads(text(await ask(model, prompt(max_tokens=60, response_format=wanted, temperature=1.0))))
    assert found["city"] in ("Brest", "Vannes")
    assert 3 <= found["age"] <= 5
    anything = await ask(model, prompt("A name, as JSON", max_tokens=60, response_format={"type": "json_object"}))
    assert text(anything).lstrip().startswith("{")


async def test_a_prompt_that_is_too_long(build: Build) -> None:
    with pytest.raises(InvalidRequest, match=r"is \d+ tokens long and the context holds 512"):
        await ask(build(), prompt("word " * 800))


async def test_adapters_by_name_and_replaced_while_it_answers(build: Build, adapter: Path) -> None:
    model = build(adapters={"noise": str(adapter)})
    plain = text(await ask(model, prompt()))
    noisy = text(await ask(model, prompt(adapter="noise")))
    assert noisy != plain
    assert text(await ask(model, prompt())) == plain
    with pytest.raises(InvalidRequest, match="no adapter `nose`"):
        await ask(model, prompt(adapter="nose"))

    first = model.pid
    answering = model.stream(prompt(max_tokens=200))
    await anext(answering)
    await model.replace_adapters({"other": str(adapter)})
    assert model.pid != first
    assert text(await ask(model, prompt(adapter="other"))) == noisy
    assert metered([event async for event in answering]).usage.completion > 10
    async with asyncio.timeout(5):
        while first in psutil.pids():
            await asyncio.sleep(0.02)

    with pytest.raises(ConfigurationError, match="adapter `gone` is not there"):
        await model.replace_adapters({"gone": "/nowhere.gguf"})
    assert text(await ask(model, prompt(adapter="other"))) == noisy


async def test_roles_change_hands_at_once(build: Build, adapter: Path) -> None:
    """Live, previous and challenger are in one child: a change of id, with no answer from the wrong one."""
    model = build(adapters={"v1": str(adapter), "v2": str(adapter)})
    plain, noisy = [text(await ask(model, prompt(adapter=name))) for name in (None, "v1")]
    model.assign({"live": "", "challenger": "v1"})
    child = model.pid
    assert text(await ask(model, prompt(adapter="live"))) == plain
    assert text(await ask(model, prompt(adapter="challenger"))) == noisy
    start = time.monotonic()
    model.assign({"live": "v1", "previous": ""})
    assert time.monotonic() - start < 0.1
    assert text(await ask(model, prompt(adapter="live"))) == noisy
    assert text(await ask(model, prompt(adapter="previous"))) == plain
    with pytest.raises(InvalidRequest, match="no adapter `challenger`"):
        await ask(model, prompt(adapter="challenger"))
    for wrong in ({"live": "v9"}, {"v1": "v2"}, {"": "v1"}):
        with pytest.raises(ConfigurationError):
            model.assign(wrong)
    assert model.roles == {"live": "v1", "previous": ""}
    assert model.pid == child


async def test_what_the_engine_remembers_of_a_prompt_is_of_its_adapter(build: Build, adapter: Path) -> None:
    """The same long prompt under one adapter after the other: neither answers from what the other read."""
    model = build(adapters={"v1": str(adapter)}, parallel=1)
    long = "The box blinks red. " * 6
    names = (None, "v1", None)
    found = [await ask(model, prompt(long, adapter=name, logprobs=True, max_tokens=4)) for name in names]
    said = [[t.logprob for event in events if isinstance(event, Delta) for t in event.logprobs] for events in found]
    assert said[0] != said[1]
    assert said[2] == pytest.approx(said[0], abs=0.05)


async def test_while_others_are_loaded_the_present_ones_answer(build: Build, adapter: Path) -> None:
    """A request that comes between is of the child that answers it, whatever the next child will hold."""
    model = build(adapters={"old": str(adapter)})
    model_answer = text(await ask(model, prompt(adapter="old")))
    replacing = asyncio.create_task(model.replace_adapters({"new": str(adapter)}, {"live": "new"}))
    await asyncio.sleep(0)
    assert model.adapters == ("old",)
    assert text(await ask(model, prompt(adapter="old"))) == model_answer
    await replacing
    assert model.adapters == ("new",)
    assert text(await ask(model, prompt(adapter="live"))) == model_answer


async def test_more_adapters_than_it_holds(build: Build, adapter: Path) -> None:
    with pytest.raises(ConfigurationError, match="9 adapters, and an engine holds 8"):
        await build(adapters={f"v{n}": str(adapter) for n in range(9)}).start()


async def test_leaving_frees_the_slot(build: Build) -> None:
    model = build(parallel=1, context=2048)
    await model.start()
    events = model.stream(prompt(max_tokens=1500, stop=("never said",)))
    await anext(events)
    await events.aclose()
    start = time.monotonic()
    await ask(model, prompt(max_tokens=1))
    assert time.monotonic() - start < 10  # 1,500 tokens take half a minute


async def test_no_more_at_once_than_said(build: Build) -> None:
    model = build(max_concurrent=1)
    events = model.stream(prompt())
    await anext(events)
    with pytest.raises(Busy, match="already has 1 requests"):
        await ask(model, prompt())
    await events.aclose()


async def test_killed_while_it_answers(build: Build) -> None:
    model = build()
    events = model.stream(prompt(max_tokens=400))
    await anext(events)
    kill(model)
    with pytest.raises(Unavailable, match=r"died \(signal SIGKILL\) while it was answering") as caught:
        async for _ in events:
            pass
    assert caught.value.retry_after
    assert text(await ask(model, prompt()))  # waits for the restart


async def test_killed_before_it_is_asked(build: Build) -> None:
    model = build()
    await model.start()
    kill(model)
    assert text(await ask(model, prompt()))


async def test_stuck_for_good(build: Build) -> None:
    """One that says nothing any more is ended, and the next request is served by its successor."""
    model = build(first_token_timeout_s=3.0)
    await model.start()
    assert model.pid is not None
    os.kill(model.pid, signal.SIGSTOP)
    with pytest.raises(UpstreamTimeout, match="was silent for 3 s"):
        await ask(model, prompt())
    assert text(await ask(model, prompt()))


async def test_a_restart_that_takes_too_long(build: Build) -> None:
    model = build(restart_wait_s=0.01)
    await model.start()
    kill(model)
    while model.pid is not None:
        await asyncio.sleep(0.005)
    with pytest.raises(Unavailable, match=r"not ready after 0\.01 s") as caught:
        await ask(model, prompt())
    assert caught.value.retry_after
    assert (await model.health())[0] is False


async def test_weights_that_are_none(build: Build, tmp_path: Path) -> None:
    file = tmp_path / "broken.gguf"
    file.write_bytes(b"GGUF" + bytes(1000))
    model = build(weights=str(file))
    with pytest.raises(Unavailable, match="the engine cannot start"):
        await model.start()
    ready, words = await model.health()
    assert not ready
    assert "cannot start" in words
    with pytest.raises(ConfigurationError, match=r"not there.*nowhere\.gguf"):
        await build(weights=str(tmp_path / "nowhere.gguf")).start()
    with pytest.raises(ConfigurationError, match="its SHA-256 is not 00"):
        await build(weights=str(file), sha256="00").start()


async def test_it_is_closed_to_others_and_keeps_its_secrets(build: Build, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SOME_CLOUD_KEY", "sk-not-to-be-seen")
    model = build()
    await model.start()
    child = model._supervisor.child
    assert child is not None
    process = psutil.Process(child.pid)
    shown = json.dumps([process.cmdline(), process.environ()])
    assert child.key not in shown
    assert "sk-not-to-be-seen" not in shown
    body = {"messages": [{"role": "user", "content": "hi"}]}
    async with aiohttp.ClientSession(child.address) as session:
        for path in ("/v1/chat/completions", "/completion", "/tokenize"):
            async with session.post(path, json=body) as reply:
                assert reply.status == 401, path
        for path in ("/", "/slots", "/metrics"):
            async with session.get(path, headers={"Authorization": f"Bearer {child.key}"}) as reply:
                assert reply.status in (404, 501), path


async def test_closing_ends_the_child_and_what_waits(build: Build) -> None:
    before = set(psutil.Process().children())  # a gateway that other tests share has some too
    model = build()
    waiting = asyncio.create_task(model.start())
    await asyncio.sleep(0.05)
    await model.close()
    with pytest.raises(Unavailable, match="closed"):
        await waiting
    with pytest.raises(Unavailable, match="closed"):
        await ask(model, prompt())
    assert set(psutil.Process().children()) <= before


PARENT = """
import asyncio, sys
from pathlib import Path
from palier.config import Model
from palier.interfaces import Resources
from palier.models import engine
from palier.privacy.connector import HttpConnector

async def main():
    resources = Resources(HttpConnector(), None, None, Path(), Path)
    await engine.build("small", Model(kind="engine", weights=sys.argv[1]), resources).start()
    print("ready", flush=True)
    await asyncio.sleep(60)

asyncio.run(main())
"""


@pytest.mark.parametrize("moment", ["ready", "loading"])
def test_it_dies_with_its_parent(small_weights: str, moment: str) -> None:
    parent = subprocess.Popen([sys.executable, "-c", PARENT, small_weights], stdout=subprocess.PIPE)
    child = wait_for(lambda: next(iter(psutil.Process(parent.pid).children()), None))
    if moment == "ready":
        assert parent.stdout is not None
        assert parent.stdout.readline() == b"ready\n"
    elif sys.platform != "linux":
        pytest.skip("a parent that is killed during loading leaves the child until then")
    else:
        wait_for(lambda: any(".gguf" in open_file.path for open_file in child.memory_maps()))
    parent.kill()
    parent.wait()
    start = time.monotonic()
    wait_for(lambda: not child.is_running() or child.status() == psutil.STATUS_ZOMBIE)
    assert time.monotonic() - start < 5


def wait_for(condition: Any, limit_s: float = 20) -> Any:
    end = time.monotonic() + limit_s
    while time.monotonic() < end:
        if found := condition():
            return found
        time.sleep(0.005)
    raise AssertionError("it did not come to that")


def kill(model: Engine) -> None:
    assert model.pid is not None
    os.kill(model.pid, signal.SIGKILL)
