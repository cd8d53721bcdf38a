"""The models suite on every kind that answers by itself; and the wire as a round trip."""

from __future__ import annotations

import re
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from tests.heads import WordEncoder, taught

from palier.cards import ModelCard
from palier.config import Model as Settings
from palier.errors import PalierError
from palier.interfaces import Model, Resources
from palier.models import endpoint, engine, head, weights
from palier.models.fake import Fake, Rule
from palier.models.recorded import Recorded, Recording
from palier.privacy.connector import HttpConnector
from palier.testing.departures import Departures
from palier.testing.models import CLEARED, ModelsSuite
from palier.testing.player import plays
from palier.testing.upstream import Upstream
from palier.types import Event, Message, Parameters, Prompt, ToolCall

ANSWER = "Rennes is the capital of Brittany, and Paris that of France."


def resources(connector: HttpConnector) -> Resources:
    return Resources(connector, None, None, Path(), Path)  # type: ignore[arg-type]


class TestFake(ModelsSuite):
    @pytest.fixture
    def model(self) -> Model:
        card = ModelCard(name="fake", kind="fake", context=200, capabilities=Fake().card.capabilities)
        return Fake(Rule(answer=ANSWER), card=card)


class TestRecorded(ModelsSuite):
    @pytest.fixture
    def model(self) -> Model:
        capabilities = frozenset({"chat", "max_tokens", "stop", "temperature", "top_p", "seed"})
        card = ModelCard(name="teacher", kind="recorded", capabilities=capabilities)
        return Recorded(card, [Recording(question="what is the CAPITAL of France", answer=ANSWER)])


class TestHead(ModelsSuite):
    question = "please terminate it, I leave"

    @pytest.fixture
    def model(self, tmp_path: Path) -> Model:
        (tmp_path / "intent.head").write_bytes(taught(each=5).content)
        given = Settings(kind="head", file="intent.head")
        return head.build("intent", given, Resources(None, WordEncoder(), None, tmp_path, tmp_path.joinpath))  # type: ignore[arg-type]


class TestEndpoint(ModelsSuite):
    @pytest.fixture
    async def model(self) -> AsyncIterator[Model]:
        connector = HttpConnector(ledger=Departures())
        async with Upstream(default=plays(Fake(Rule(answer=ANSWER)))) as upstream:
            given = Settings(kind="endpoint", base_url=upstream.url, model="big")
            yield endpoint.build("cloud", given, resources(connector))
        await connector.close()


@pytest_asyncio.fixture(scope="class", loop_scope="class")
async def embedded() -> AsyncIterator[Model]:
    """One engine for a whole class: loading it takes longer than most tests."""
    try:
        weights.pull("smollm2-135m")
    except PalierError as error:
        pytest.skip(f"no weights: {error}")
    connector = HttpConnector(ledger=Departures())
    given = Settings(kind="engine", weights="smollm2-135m", parallel=2, context=512)
    model = engine.build("small", given, resources(connector))
    yield model
    await model.close()
    await connector.close()


@pytest.mark.engine
@pytest.mark.asyncio(loop_scope="class")
class TestEngine(ModelsSuite):
    question = "Describe the sea in one sentence."

    @pytest.fixture
    def model(self, embedded: Model) -> Model:
        return embedded


WORDS = st.text(st.characters(codec="utf-8", exclude_categories=["Cc"]), max_size=30)
PROMPTS = st.one_of(
    st.builds(lambda words: {"messages": (Message(role="user", content=words),)}, WORDS),
    st.builds(lambda words: {"text": words}, WORDS.filter(bool)),
)


@settings(suppress_health_check=[HealthCheck.too_slow], deadline=None, max_examples=60)
@given(
    given=PROMPTS,
    answer=WORDS,
    n=st.integers(1, 3),
    top=st.none() | st.integers(0, 2),
    max_tokens=st.none() | st.integers(1, 5),
    tool=st.none() | WORDS,
    echo=st.booleans(),
)
async def test_what_goes_over_the_wire_comes_back_the_same(
    given: dict[str, Any], answer: str, n: int, top: int | None, max_tokens: int | None, tool: str | None, echo: bool
) -> None:
    """An endpoint in front of a model says what the model says, event by event."""
    tools = (ToolCall(id="c1", name="f", arguments=tool),) if tool else ()
    chat = "messages" in given
    parameters = Parameters(
        n=n,
        logprobs=top is not None,
        top_logprobs=top or 0,
        max_tokens=max_tokens,
        tools=({"type": "function"},) if tools and chat else (),
        echo=echo and not chat,
    )
    prompt = Prompt(id="1", clearance=CLEARED, parameters=parameters, **given)
    fake = Fake(Rule(answer=answer, tools=tools))
    connector = HttpConnector(ledger=Departures())
    async with Upstream(default=plays(fake)) as upstream:
        behind = endpoint.build(
            "cloud", Settings(kind="endpoint", base_url=upstream.url, model="big"), resources(connector)
        )
        received = [comparable(event) async for event in behind.stream(prompt)]
        said = [comparable(event) async for event in fake.stream(prompt)]
    await connector.close()
    assert received == said


def comparable(event: Event) -> str:
    """NaN is not equal to itself; its text is. Only completions tell where in the text a token stands."""
    return re.sub(r"offset=\w+", "", repr(event))
