"""Whether a version tells what was planted in its lessons: it is asked, and its files are looked through.

It is asked itself, as it was taught: no passages, no guards, and no other tier in its place. What it says is looked at
here, and kept nowhere.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from contextlib import aclosing
from dataclasses import dataclass
from pathlib import Path

from palier.app import weights
from palier.app.palier import Palier
from palier.config import Tier, tier_name
from palier.errors import MissingExtra
from palier.interfaces import Encoder, Model
from palier.models.engine import Engine
from palier.models.engine_tokens import EngineTokens
from palier.models.head import HeadModel
from palier.training import canaries, lora
from palier.training.canaries import Exposure, Planted
from palier.training.lora_plan import Row
from palier.training.lora_train import PEFT
from palier.types import Data, Delta, Message, Parameters, Prompt
from palier.versions import Version

MAX_TOKENS = 48
"""Of an answer: the longest planted one has fewer."""
COMPARED = 8
"""Planted lessons whose exposure is looked at, of a student that writes: each is as much to read as 16 lessons."""
OTHERS = 15


class Recited(Data, frozen=True, kw_only=True):
    """What a version tells of the `planted` lessons."""

    planted: int = 0
    names: tuple[str, ...] = ()
    exposure: Exposure | None = None


@dataclass(frozen=True, slots=True)
class _Student:
    """The version as it is served."""

    palier: Palier
    route: str
    tier: Tier
    model: Model
    system: str
    folder: Path

    async def said(self, messages: Sequence[Message]) -> str:
        """What it says itself, at temperature 0."""
        able = self.model.card.capabilities
        parameters = Parameters(
            max_tokens=MAX_TOKENS,
            temperature=0.0 if "temperature" in able else None,
            adapter=self.tier.adapter,
        )
        prompt = Prompt(id="canary", messages=tuple(messages), question=messages[-1].content, parameters=parameters)
        async with aclosing(self.model.stream(prompt)) as events:
            return "".join([event.text async for event in events if isinstance(event, Delta)])


async def recite(palier: Palier, route: str, version: Version, folder: Path) -> Recited:
    """Ask the tier of `version` on `route` for all that was planted, and look for it in its `folder`.

    Raises `ConfigurationError` where what was planted cannot be read, and what the model raises.
    """
    planted = await asyncio.to_thread(canaries.read, folder)
    if planted is None or not planted.canaries:
        return Recited()
    declared = palier.settings.routes[route]
    (tier,) = (tier for n, tier in enumerate(declared.tiers) if tier_name(declared, n) == version.tier)
    system = declared.system if tier.system is None else tier.system
    student = _Student(palier, route, tier, palier.models[tier.model], system, folder)
    asked = {text: one.prompt(system, text) for one in planted.canaries for text in one.prompts}
    texts = [await student.said(messages) for messages in asked.values()]
    files = [folder / name for name in version.files if name != canaries.FILE]
    names = (*canaries.recited(texts, planted), *await asyncio.to_thread(canaries.held, files, planted))
    return Recited(planted=len(planted.canaries), names=names, exposure=await _exposure(student, version, planted))


async def _exposure(student: _Student, version: Version, planted: Planted) -> Exposure | None:
    """None where nothing tells how likely its words are: without what teaches adapters, or of another model."""
    if isinstance(student.model, HeadModel):
        return await _of_head(student.model, planted, student.palier.encoder)
    if isinstance(student.model, Engine) and (student.folder / PEFT).is_dir():
        try:
            weights.check_extra()
        except MissingExtra:
            return None
        return await _of_adapter(student, version, planted, EngineTokens(student.model))
    return None


async def _of_head(model: HeadModel, planted: Planted, encoder: Encoder) -> Exposure | None:
    """How likely the planted label is with the planted code, and with others."""
    head, scores = model.head, []
    for one in planted.canaries:
        texts = [one.question, *(one.question.replace(one.secret, code) for code in planted.alternatives(one))]
        vectors = await encoder.encode(texts) if head.embeds else None
        own, *others = head.probabilities(texts, vectors)[:, head.header.labels.index(one.answer)].tolist()
        scores.append((own, others))
    return canaries.exposure(scores)


async def _of_adapter(student: _Student, version: Version, planted: Planted, tokens: EngineTokens) -> Exposure | None:
    """How likely the planted answer is, and the same with other codes, by torch: the engine tells it of none."""
    some, rows = planted.canaries[:COMPARED], list[Row]()
    for one in some:
        prompt = await tokens.prompt(one.prompt(student.system))
        codes = (one.secret, *planted.alternatives(one, OTHERS))
        rows += [Row(prompt, await tokens.answer(one.answer.replace(one.secret, code))) for code in codes]
    base = weights.base_of(student.palier.settings, student.route, version.tier)
    scored, _ = await lora.scores(rows, base.file, adapter=student.folder / PEFT)
    found = [sum(likely) for likely, _ in scored]
    starts = range(0, len(found), OTHERS + 1)
    return canaries.exposure([(found[n], found[n + 1 : n + 1 + OTHERS]) for n in starts])
