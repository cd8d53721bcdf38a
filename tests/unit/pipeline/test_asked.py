"""Tiers under a policy: chosen ahead, passed over, cut short, judged by the policy's own probability."""

from __future__ import annotations

import dataclasses
from collections.abc import AsyncIterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from tests.heads import WordEncoder, taught
from tests.stairs import wired

from palier.config import Model as Settings
from palier.interfaces import Resources, Vectors
from palier.models import head
from palier.models.fake import Fake
from palier.models.fake import Rule as Script
from palier.pipeline import Landing, Parts, answer, stream
from palier.privacy.egress import EgressGate
from palier.routing.ahead import Limits
from palier.routing.calibrator import Calibrator, Feature
from palier.routing.cascade import NEVER, decide
from palier.routing.confidence import FittedConfidence
from palier.routing.policy import PolicyTier
from palier.routing.questions import fit_questions
from palier.stores.traces import SqliteTraces
from palier.types import (
    Completed,
    Delta,
    Draft,
    Event,
    Features,
    Finish,
    Hit,
    Label,
    Message,
    Parameters,
    Principal,
    Prompt,
    Request,
    TokenLogprob,
)

PROMISE = "at most 10 % wrong, 95 % confidence, 300 labels, fitted 2026-11-25"


class Shelf:
    async def search(
        self, query: str, collections: Sequence[str], limit: int, principal: Principal, *, context: str = ""
    ) -> list[Hit]:
        return [
            Hit(
                collection="c", document="d.md", passage=0, text="29.99 euros", score=1.0, label=Label.PUBLIC, title="D"
            )
        ]


class SaysSo:
    """Half sure of everything; tells of log-probabilities where there are some."""

    def features(self, prompt: Prompt, draft: Draft) -> Features:
        logprobs = draft.choices[0].logprobs
        mean = sum(t.logprob for t in logprobs) / len(logprobs) if logprobs else 0.0
        return {"said": float(draft.text.startswith("sure")), "logprobs": float(bool(logprobs)), "mean_logprob": mean}

    def probability(self, features: Features, *, generates: bool) -> float:
        return 0.5


class Tokens(Fake):
    """Writes a token at a time, each with the same log-probability; counts them."""

    def __init__(self, logprob: float, count: int = 64) -> None:
        super().__init__()
        self.logprob, self.count, self.written = logprob, count, 0

    async def stream(self, prompt: Prompt) -> Any:
        for _ in range(self.count):
            self.written += 1
            yield Delta(text="x ", logprobs=(TokenLogprob(token="x ", logprob=self.logprob),))
        yield Finish(reason="stop")


class Encoder:
    name, dimension = "two", 2

    async def encode(self, texts: Sequence[str]) -> Vectors:
        return np.array([[1.0, 0.0] if "easy" in text else [0.0, 1.0] for text in texts], np.float32)


def calibrator(name: str, coefficient: float = 4.0) -> Calibrator:
    return Calibrator(features=(Feature(name=name, mean=0.5, scale=1.0, coefficient=coefficient),), intercept=0.0)


def by_question() -> PolicyTier:
    """Right of easy questions, wrong of hard ones."""
    random = np.random.default_rng(0)
    easy = np.arange(60) % 2
    vectors = np.column_stack((easy, 1 - easy)) + random.normal(scale=0.05, size=(60, 2))
    model = fit_questions(vectors.astype(np.float32), easy.astype(float))
    return PolicyTier(
        name="t1",
        threshold=0.5,
        calibrator=Calibrator(
            features=(Feature(name="question", mean=0.0, scale=1.0, coefficient=1.0),), intercept=0.0
        ),
        question=model,
    )


def landing(name: str, model: Any, rule: PolicyTier | None = None, **changed: Any) -> Landing:
    made = wired(name, f"model-{name}", model)
    made = made.under(rule, PROMISE, ahead=changed.pop("ahead", False)) if rule else made
    return dataclasses.replace(made, **changed)


@pytest.fixture
async def traces(tmp_path: Path) -> AsyncIterator[SqliteTraces]:
    opened = SqliteTraces.open(tmp_path / "traces.db")
    yield opened
    await opened.close()


def parts(traces: SqliteTraces, *landings: Landing) -> Parts:
    return Parts(
        landings=landings,
        collections=("c",),
        retriever=Shelf(),
        gate=EgressGate(),
        confidence=SaysSo(),
        decide=decide,
        traces=traces,
        answers=traces,
        detect=lambda text: "en",
        abstention={},
        languages=("en",),
        passages=6,
        climb_on_failure=True,
        retention_s=1000.0,
        encoder=Encoder(),
        fingerprint="f1",
        policy="p1",
    )


def request(question: str = "How much?", **fields: Any) -> Request:
    return Request(id="r-1", route="support", messages=(Message(role="user", content=question),), **fields)


async def test_the_policys_own_probability_decides_and_the_decision_quotes_it(traces: SqliteTraces) -> None:
    rule = PolicyTier(name="t1", threshold=0.8, calibrator=calibrator("said"))
    result = await answer(
        request(),
        parts(traces, landing("t1", Fake(Script(answer="sure")), rule), landing("top", Fake(Script(answer="z")))),
    )
    assert result.tier == "t1"
    assert result.decision.reason == f"0.88 >= 0.80: {PROMISE}"
    assert result.decision.calibrated
    trace = await traces.get("r-1")
    assert trace is not None
    assert (trace.fingerprint, trace.policy, trace.calibrated) == ("f1", "p1", True)


async def test_a_draft_below_the_policys_threshold_climbs(traces: SqliteTraces) -> None:
    rule = PolicyTier(name="t1", threshold=0.8, calibrator=calibrator("said"))
    built = parts(traces, landing("t1", Fake(Script(answer="perhaps")), rule), landing("top", Fake(Script(answer="z"))))
    result = await answer(request(), built)
    assert (result.tier, result.steps[0].reason) == ("top", f"0.12 < 0.80: {PROMISE}")


async def test_signals_that_the_policy_was_not_fitted_on_are_no_confidence(traces: SqliteTraces) -> None:
    rule = PolicyTier(name="t1", threshold=0.1, calibrator=calibrator("of another version"))
    built = parts(traces, landing("t1", Fake(Script(answer="sure")), rule), landing("top", Fake(Script(answer="z"))))
    result = await answer(request(), built)
    assert result.tier == "top"
    assert "no confidence" in result.steps[0].reason


async def test_a_tier_asked_by_name_is_promised_nothing(traces: SqliteTraces) -> None:
    rule = PolicyTier(name="t1", threshold=0.8, calibrator=calibrator("said"))
    built = parts(traces, landing("t1", Fake(Script(answer="perhaps")), rule), landing("top", Fake()))
    result = await answer(request(tier="t1"), built)
    assert (result.tier, result.decision.calibrated) == ("t1", False)
    trace = await traces.get("r-1")
    assert trace is not None
    assert trace.policy == ""


async def test_a_tier_that_may_keep_nothing_is_not_asked_and_it_says_why(traces: SqliteTraces) -> None:
    home = Fake(Script(answer="sure"))
    built = parts(
        traces,
        landing("t1", home, threshold=NEVER, guarantee="the guarantee broke"),
        landing("top", Fake(Script(answer="z"))),
    )
    result = await answer(request(), built)
    assert (result.tier, list(home.calls)) == ("top", [])
    assert result.decision.reason.endswith("t1 skipped: the guarantee broke")


async def test_nothing_kept_and_nobody_above_is_an_abstention(traces: SqliteTraces) -> None:
    built = parts(traces, landing("t1", Fake(Script(answer="sure")), threshold=NEVER, guarantee="it broke"))
    result = await answer(request(), built)
    assert result.status == "abstained"
    assert "it broke" in result.decision.reason


@pytest.mark.parametrize(("question", "tier"), [("an easy one", "t1"), ("a hard one", "top")])
async def test_a_tier_is_chosen_by_the_question_before_it_answers(
    traces: SqliteTraces, question: str, tier: str
) -> None:
    home = Fake(Script(answer="straight away"))
    built = parts(traces, landing("t1", home, by_question(), ahead=True), landing("top", Fake(Script(answer="z"))))
    result = await answer(request(question), built)
    assert result.tier == tier
    assert bool(home.calls) == (tier == "t1")
    assert PROMISE in result.steps[0].reason
    assert result.steps[0].confidence is not None


async def test_what_is_chosen_ahead_streams_at_once(traces: SqliteTraces) -> None:
    """The first token is released before the second is written."""
    model = Tokens(-0.1, count=3)
    built = parts(traces, landing("t1", model, by_question(), ahead=True), landing("top", Fake()))
    events = stream(request("an easy one"), built)
    seen = [model.written async for event in events if isinstance(event, Delta)]
    assert seen == [1, 2, 3]


async def test_a_draft_in_vain_is_not_asked_for(traces: SqliteTraces) -> None:
    home = Fake(Script(answer="sure"))
    rule = PolicyTier(
        name="t1",
        threshold=0.1,
        calibrator=calibrator("said"),
        question=by_question().question,
        limits=Limits(question=0.0),
    )
    built = parts(traces, landing("t1", home, rule), landing("top", Fake(Script(answer="z"))))
    result = await answer(request("a hard one"), built)
    assert (result.tier, list(home.calls)) == ("top", [])
    assert result.steps[0].reason.startswith("its draft would be thrown away, by the question: -")


@pytest.mark.parametrize(("logprob", "written", "outcome"), [(-3.0, 16, "climbed"), (-0.5, 64, "answered")])
async def test_a_hopeless_draft_is_cut_short(traces: SqliteTraces, logprob: float, written: int, outcome: str) -> None:
    model = Tokens(logprob)
    rule = PolicyTier(name="t1", threshold=0.1, calibrator=calibrator("mean_logprob", 0.1), limits=Limits(early=-1.0))
    built = parts(traces, landing("t1", model, rule), landing("top", Fake(Script(answer="z"))))
    result = await answer(request(), built)
    assert (result.steps[0].outcome, model.written) == (outcome, written)
    if outcome == "climbed":
        assert result.steps[0].reason == "cut short, by its beginning: -3.00 < -1.00"
        assert result.text == "z"


async def test_events_of_a_cut_draft_never_reach_the_client(traces: SqliteTraces) -> None:
    rule = PolicyTier(name="t1", threshold=0.1, calibrator=calibrator("mean_logprob", 0.1), limits=Limits(early=-1.0))
    built = parts(traces, landing("t1", Tokens(-3.0), rule), landing("top", Fake(Script(answer="z"))))
    events: list[Event | Completed] = [event async for event in stream(request(), built)]
    assert "".join(event.text for event in events if isinstance(event, Delta)) == "z"


def learned() -> PolicyTier:
    return PolicyTier(name="t1", threshold=0.8, calibrator=calibrator("said"))


@pytest.mark.parametrize(
    "asked",
    [
        {"parameters": Parameters(n=2)},
        {"parameters": Parameters(tools=({"type": "function", "function": {"name": "f"}},))},
        {"parameters": Parameters(adapter="another")},
    ],
)
async def test_what_the_records_did_not_hold_climbs(traces: SqliteTraces, asked: dict[str, Any]) -> None:
    built = parts(
        traces,
        landing("t1", Fake(Script(answer="sure")), learned()),
        landing("top", Fake(Script(answer="z"))),
    )
    result = await answer(request(**asked), built)
    assert result.tier == "top"


async def test_a_raw_completion_is_not_chosen_ahead(traces: SqliteTraces) -> None:
    built = parts(traces, landing("t1", Fake(), by_question(), ahead=True), landing("top", Fake(Script(answer="z"))))
    raw = Request(id="r-1", route="support", text="an easy one")
    assert (await answer(raw, built)).tier == "top"


async def test_nothing_is_promised_of_what_the_judge_may_not_see(traces: SqliteTraces) -> None:
    """Agreement with the top never judged a confidential prompt: it is decided alike, and not calibrated."""
    home = landing("t1", Fake(Script(answer="sure")), learned(), judged=Label.PUBLIC)
    result = await answer(request(label=Label.CONFIDENTIAL), parts(traces, home, landing("top", Fake())))
    assert (result.tier, result.decision.reason) == ("t1", "0.88 >= 0.80, not calibrated")


async def test_a_short_draft_below_a_limit_is_not_kept(traces: SqliteTraces) -> None:
    """It is over before it could be cut; the path that was certified leaves it out all the same."""
    rule = PolicyTier(name="t1", threshold=0.1, calibrator=calibrator("mean_logprob", 0.1), limits=Limits(early=-1.0))
    built = parts(traces, landing("t1", Tokens(-3.0, count=5), rule), landing("top", Fake(Script(answer="z"))))
    assert (await answer(request(), built)).tier == "top"


@pytest.mark.parametrize(("threshold", "tier"), [(0.5, "tier-1"), (1.0, "tier-2")])
async def test_a_head_needs_no_evidence_to_be_sure(
    traces: SqliteTraces, tmp_path: Path, threshold: float, tier: str
) -> None:
    """Its own probability decides, where nothing was retrieved."""
    (tmp_path / "intent.head").write_bytes(taught().content)
    encoder: Any = WordEncoder()
    given = Settings(kind="head", file="intent.head")
    model = head.build("intent", given, Resources(None, encoder, None, tmp_path, tmp_path.joinpath))  # type: ignore[arg-type]
    stairs = (landing("tier-1", model, threshold=threshold), landing("tier-2", Fake(Script(answer="It depends."))))
    wired = dataclasses.replace(parts(traces, *stairs), collections=(), confidence=FittedConfidence())
    result = await answer(request("how much is it, the price"), wired)
    assert result.tier == tier
    step = result.steps[0]
    assert step.confidence is not None
    assert step.confidence == step.features["probability"] > 0.5
    assert result.steps[0].cost.value == 0.0
    assert step.label == Label.INTERNAL
    if tier == "tier-1":
        assert result.draft.text == "ask for the price"
