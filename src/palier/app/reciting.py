"""Whether a version tells what was planted in its lessons: it is asked, and its files are looked through.

It is asked itself, as it was taught: no passages, no guards, and no other tier in its place. What it says is looked at
here, and kept nowhere.
"""

from __future__ import annotations

import asyncio
from contextlib import aclosing
from pathlib import Path

from palier.app.palier import Palier
from palier.config import Tier, tier_name
from palier.interfaces import Encoder, Model
from palier.models.head import HeadModel
from palier.privacy.egress import assemble
from palier.training import canaries
from palier.training.canaries import Exposure, Planted
from palier.types import Data, Delta, Label, Message, Parameters, Request
from palier.versions import Version

MAX_TOKENS = 48
"""Of an answer: the longest planted one has fewer."""


class Recited(Data, frozen=True, kw_only=True):
    """What a version tells of the `planted` lessons."""

    planted: int = 0
    names: tuple[str, ...] = ()
    exposure: Exposure | None = None


async def recite(palier: Palier, route: str, version: Version, folder: Path) -> Recited:
    """Ask the tier of `version` on `route` for all that was planted, and look for it in its `folder`.

    Raises `ConfigurationError` where what was planted cannot be read, and what the model raises.
    """
    planted = await asyncio.to_thread(canaries.read, folder)
    if planted is None or not planted.canaries:
        return Recited()
    declared = palier.settings.routes[route]
    (tier,) = (tier for n, tier in enumerate(declared.tiers) if tier_name(declared, n) == version.tier)
    model = palier.models[tier.model]
    system = declared.system if tier.system is None else tier.system
    prompts = dict.fromkeys(prompt for one in planted.canaries for prompt in one.prompts)
    texts = [await _said(model, tier, system, prompt) for prompt in prompts]
    files = [folder / name for name in version.files if name != canaries.FILE]
    names = (*canaries.recited(texts, planted), *await asyncio.to_thread(canaries.held, files, planted))
    return Recited(planted=len(planted.canaries), names=names, exposure=await _exposure(model, planted, palier.encoder))


async def _said(model: Model, tier: Tier, system: str, prompt: str) -> str:
    """What the model says itself, by the prompt of a lesson without passages, at temperature 0."""
    able = model.card.capabilities
    parameters = Parameters(
        max_tokens=MAX_TOKENS,
        temperature=0.0 if "temperature" in able else None,
        adapter=tier.adapter,
    )
    request = Request(id="canary", route="", messages=(Message(role="user", content=prompt),), parameters=parameters)
    async with aclosing(model.stream(assemble(request, (), Label.PUBLIC, system))) as events:
        return "".join([event.text async for event in events if isinstance(event, Delta)])


async def _exposure(model: Model, planted: Planted, encoder: Encoder) -> Exposure | None:
    """Of a head: how likely the planted label is with the planted code, and with others. None of another model."""
    if not isinstance(model, HeadModel):
        return None
    head, scores = model.head, []
    for one in planted.canaries:
        texts = [one.question, *(one.question.replace(one.secret, code) for code in planted.alternatives(one))]
        vectors = await encoder.encode(texts) if head.embeds else None
        own, *others = head.probabilities(texts, vectors)[:, head.header.labels.index(one.answer)].tolist()
        scores.append((own, others))
    return canaries.exposure(scores)
