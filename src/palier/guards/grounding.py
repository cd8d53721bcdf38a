"""Kind `grounding`: does the evidence support each sentence? What it does not is left out, marked, or climbs.

A sentence is laid beside the passages, all together and each alone (`compared`, in a worker), and the signals of what
they share (`supporting`) are summed by fitted weights (`weighing`). The score is 1 - support. Sentences that claim
nothing (`claims`) pass without one. Where examples of a company's own were fitted to (`taught`), these give the
score, and the weights of the package still say which passage is nearest. Measured by benchmarks/grounding.py.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Sequence
from typing import NamedTuple

import msgspec
import numpy as np
from numpy.typing import NDArray

from palier.config import Guard as Settings
from palier.errors import ConfigurationError, InvalidRequest
from palier.guards import weighing
from palier.guards.claims import CITATION, numbers
from palier.guards.compared import MAX_SENTENCES, Beside, Compared, Signals, compare
from palier.guards.failing import failing
from palier.guards.likely import lift
from palier.guards.supporting import MAX_PASSAGES
from palier.guards.taught import general
from palier.interfaces import Encoder, Resources, Workers
from palier.interfaces.guarding import Context, Scorer, Span, Verdict
from palier.text import detect

MOST = 200_000
"""Characters of a text that is looked at; a longer one does not pass."""
_CLEARLY = 0.2
"""By how much another passage must support a sentence better, for its citation to be changed."""
_REMEMBERED = 256
"""Passages whose windows' vectors are kept, for the sentences that follow."""
_MARKS = {"fr": "[absent des sources]", "en": "[not in the sources]", "": "[?]"}
_CAUSES = {
    **dict.fromkeys(("figures", "altered"), "the passages do not have its figures"),
    **dict.fromkeys(("names", "renamed"), "the passages do not have its names"),
    "negation": "the passages say the contrary",
    "force": "the passages do not say it of all, or not as binding",
    "person": "it speaks of itself",
    "nearness": "the passages speak of something else",
    "taught": "it is like what its examples call unsupported",
}
_WORDS = "the passages do not have its words"

Floats = NDArray[np.float32]


def build(name: str, settings: Settings, resources: Resources) -> Grounding:
    """A `Grounding` from `[guards.NAME]`. Raises `ConfigurationError`: a file without weights, a threshold beyond 1."""
    weights = weighing.load(resources.resolve(settings.file)) if settings.file else weighing.load()
    if settings.threshold is not None and not 0 < settings.threshold <= 1:
        raise ConfigurationError(f"guard `{name}`: threshold {settings.threshold:g} is not in (0, 1]")
    if settings.mark and settings.action not in ("", "mend"):
        raise ConfigurationError(
            f"guard `{name}`: what is marked is kept, and cannot {settings.action}", hint='action = "mend", or none'
        )
    encoder, taught = resources.encoder, weights.taught
    if taught is not None and (taught.encoder, len(taught.embedding)) != (encoder.name, encoder.dimension):
        raise ConfigurationError(
            f"guard `{name}` was fitted with the encoder {taught.encoder}, and here is {encoder.name}",
            hint="fit it again with this one: palier guard fit grounding",
        )
    return Grounding(name, settings, weights, encoder, resources.workers, _scorer(name, settings, weights, resources))


def _scorer(name: str, settings: Settings, weights: weighing.Weights, resources: Resources) -> Scorer | None:
    if not settings.model:
        return None
    if weights.taught is not None or weights.lift is None:
        raise ConfigurationError(
            f"guard `{name}` names a `model`, and its `file` was fitted without log-probabilities",
            hint="leave one of them out: the weights of the package read them",
        )
    if resources.scorer is None:
        raise ConfigurationError(f"guard `{name}` names a `model`, and none is at hand here")
    return resources.scorer(settings.model)


class Judged(NamedTuple):
    """A sentence, how far it is supported, and by which passage best (from 1 on; None where none is known)."""

    beside: Compared
    support: float
    best: int | None
    cause: str
    cited: float | None
    """How far the passages that it cites support it; None where it cites none that is there."""
    nearest: float
    """How far its best passage alone does."""


class Grounding:
    """`interfaces.Guard`. Its verdict on a text is that on its sentences."""

    sentences = True

    def __init__(
        self,
        name: str,
        settings: Settings,
        weights: weighing.Weights,
        encoder: Encoder,
        workers: Workers,
        scorer: Scorer | None = None,
    ) -> None:
        self.name = name
        self.threshold = settings.threshold if settings.threshold is not None else weights.limit
        # What a citation needs, by the weights of the package: what examples taught is of all passages together.
        self._enough = 1 - (weights.threshold if weights.taught is not None else self.threshold)
        self.fitted_to = weights.taught.origin.sketch if weights.taught is not None else ()
        self._settings = settings
        self._weights = weights
        self._encoder = encoder
        self._workers = workers
        self._scorer = scorer
        self.shares = scorer is None  # a model is asked for one sentence after the other
        self._vectors: OrderedDict[tuple[str, ...], Floats] = OrderedDict()

    async def check(self, text: str, context: Context) -> Verdict:
        """See `interfaces.Guard`. Raises `InvalidRequest` where something is claimed and there is no evidence."""
        if len(text) > MOST:
            return failing(self._settings, context, f"it has more than {MOST} characters", score=1.0)
        if _is_data(text):
            return Verdict(reason="it is no prose")
        beside = await self._beside(text, context.question, context.evidence)
        if beside.more:
            return failing(self._settings, context, f"it has more than {MAX_SENTENCES} sentences", score=1.0)
        if not any(one.claims for one in beside.sentences) and not any(one.cites for one in beside.sentences):
            return Verdict(reason="it claims nothing")
        if not context.evidence and any(one.claims for one in beside.sentences):
            raise InvalidRequest(
                "there is no evidence to compare the text with",
                hint="grounding is for routes with knowledge; `on_error` says what happens without",
                param="evidence",
            )
        judged = await self._judged(beside)
        return self._verdict(
            text, context, [await self._moved(one, context.question, context.evidence) for one in judged]
        )

    async def judge(self, text: str, question: str, evidence: Sequence[str]) -> list[Judged]:
        """The sentences that claim something, each with its support."""
        beside = await self._beside(text, question, tuple(evidence))
        judged = [one for one in await self._judged(beside) if one.beside.claims]
        return [await self._moved(one, question, evidence) for one in judged]

    async def _beside(self, text: str, question: str, evidence: tuple[str, ...]) -> Beside:
        return await self._workers.run(compare, text, question, evidence, self._weights.taught is not None)

    async def _judged(self, beside: Beside) -> list[Judged]:
        said, windows = await self._embedded(beside)
        near = _nearest(beside, said, windows)
        return [self._weighed(one, near.get(at, {}), said.get(at)) for at, one in enumerate(beside.sentences)]

    async def _moved(self, one: Judged, question: str, evidence: Sequence[str]) -> Judged:
        """Its support as a small model's log-probabilities move it, where one is asked; by its nearest passage."""
        if self._scorer is None or self._weights.lift is None or not one.beside.claims or one.best is None:
            return one
        found = await lift(self._scorer, one.beside.text, question, evidence[one.best - 1])
        return one._replace(support=self._weights.lift.moved(one.support, found))

    async def _embedded(self, beside: Beside) -> tuple[dict[int, Floats], dict[int, Floats]]:
        """The vectors of the sentences that want one, by place, and of the windows of each passage: asked for at once,
        since many texts together take little longer than a few do."""
        places = [at for at, one in enumerate(beside.sentences) if one.foreign or one.taught is not None]
        windows = {at: texts for at, texts in beside.windows.items() if texts}
        # Taken now: while others are embedded, other requests may displace them.
        known = {texts: self._vectors[texts] for texts in windows.values() if texts in self._vectors}
        unknown = [texts for texts in dict.fromkeys(windows.values()) if texts not in known]
        wanted = [*(beside.sentences[at].text for at in places), *(text for texts in unknown for text in texts)]
        vectors = await self._encoder.encode(wanted)
        said = dict(zip(places, vectors, strict=False))
        start = len(places)
        for texts in unknown:
            known[texts] = self._vectors[texts] = vectors[start : start + len(texts)]
            start += len(texts)
        while len(self._vectors) > _REMEMBERED:
            self._vectors.popitem(last=False)
        return said, {at: known[texts] for at, texts in windows.items()}

    def _weighed(self, one: Compared, near: dict[int, float], vector: Floats | None) -> Judged:
        if not one.claims:
            return Judged(one, 1.0, None, "", None, 1.0)
        same, foreign = self._weights.same, self._weights.foreign
        alone = [
            foreign.support({**signals, "nearness": near.get(at, 0.0)}) if at in one.foreign else same.support(signals)
            for at, signals in enumerate(one.alone)
        ]
        # What speaks against it speaks of the passage that is about it: that it is the best must not hang on it.
        alike = [
            foreign.likeness({**signals, "nearness": near.get(at, 0.0)})
            if at in one.foreign
            else same.likeness(signals)
            for at, signals in enumerate(one.alone)
        ]
        best = max(range(len(alone)), key=lambda at: (round(alike[at], 6), alone[at]), default=None)
        nearest = alone[best] if best is not None else 0.0
        together = [same.support(one.together)] if one.together is not None else []
        apart = [alone[at] for at in range(len(alone)) if at in one.foreign or one.together is None]
        support = max((*together, *apart), default=0.0)
        cause = ""
        if best is not None:
            by = foreign if best in one.foreign else same
            cause = by.cause(_with(one.alone[best], near.get(best) if best in one.foreign else None))
        if self._weights.taught is not None and one.taught is not None and vector is not None:
            cause = cause if 1 - support > self._weights.threshold else "taught"
            own = self._weights.taught.support(one.taught | general([same.support(one.taught)]), vector)
            support = max((own, *(alone[at] for at in one.foreign)))
        cited = [alone[n - 1] for n in one.cites if 0 < n <= len(alone)]
        if one.cited is not None:
            cited.append(same.support(one.cited))
        return Judged(
            one,
            support,
            best + 1 if best is not None else None,
            cause,
            max(cited, default=None),
            nearest,
        )

    def _verdict(self, text: str, context: Context, judged: Sequence[Judged]) -> Verdict:
        found, failed, notes = list[Span](), list[Judged](), list[str]()
        changed = dict[tuple[int, int], str]()
        for one in judged:
            place = one.beside.start, one.beside.end
            score = round(1 - one.support, 4)
            if one.beside.claims:
                bad = score > self.threshold
                reason = _CAUSES.get(one.cause, _WORDS) if bad else ""
                found.append(Span(start=place[0], end=place[1], reason=reason, score=score, passage=one.best))
                if bad:
                    failed.append(one)
                    changed[place] = self._marked(text[slice(*place)], context) if self._settings.mark else ""
                    continue
            cited = self._cited(text[slice(*place)], one, len(context.evidence[:MAX_PASSAGES]))
            if cited is not None:
                changed[place], note = cited
                notes.append(note)
        worst = max((span.score for span in found if span.score is not None), default=None)
        if failed:
            causes = dict.fromkeys(span.reason for span in found if span.reason)
            notes.insert(0, f"{len(failed)} of {len(found)} sentences not supported: {'; '.join(causes)}")
            if not self._settings.mark and self._settings.action != "mend":
                return failing(self._settings, context, notes[0], score=worst, spans=found)
        reason = "; ".join(dict.fromkeys(notes))
        if not changed:
            return Verdict(score=worst, reason=reason, spans=tuple(found))
        return Verdict(action="mend", score=worst, reason=reason, spans=tuple(found), text=_replaced(text, changed))

    def _marked(self, sentence: str, context: Context) -> str:
        mark = _MARKS.get(detect(sentence) or context.language, _MARKS[""])
        return sentence if sentence.endswith(mark) else f"{sentence} {mark}"

    def _clearly(self, one: Judged) -> bool:
        """Whether its nearest passage supports it, and those that it cites do not, by far."""
        enough = self._enough
        return one.cited is not None and one.cited < enough <= one.nearest and one.nearest - one.cited >= _CLEARLY

    def _cited(self, said: str, one: Judged, passages: int) -> tuple[str, str] | None:
        """The sentence with citations that point to passages that are there, and support it; None where they do.

        Those that do stay where they stand. Where its cited passages do not support it and another clearly does, that
        one is added at the last place, and only a mark stays whose passage supports the words before it.
        """
        beside = one.beside
        there = [n for n in beside.cites if 0 < n <= passages]
        gone = [n for n in beside.cites if n not in there]
        notes = [f"it cites [{gone[0]}], and there are {passages} passages"] if gone else []
        kept, added = None, None
        if one.best is not None and one.best not in there and self._clearly(one):
            same = self._weights.same
            kept = {(at, n) for at, n, signals in beside.parts if same.support(signals) >= self._enough}
            added = one.best
            lost = next((n for n in there if not any(n == other for _, other in kept)), None)
            wrong = f"[{lost}] does not support what cites it, and " if lost is not None else ""
            notes = [f"{wrong}[{added}] does"]
        if not notes:
            return None

        def stays(at: int, n: int) -> bool:
            return n in beside.own or (n in there and (kept is None or (at, n) in kept))

        return _citing(said, stays, added), notes[0]


def _nearest(beside: Beside, said: dict[int, Floats], windows: dict[int, Floats]) -> dict[int, dict[int, float]]:
    """Of each sentence, for each passage in another language: the cosine with its nearest window."""
    return {
        place: {at: float(np.clip((windows[at] @ said[place]).max(), 0.0, 1.0)) for at in one.foreign if at in windows}
        for place, one in enumerate(beside.sentences)
        if one.foreign
    }


def _with(signals: Signals, nearness: float | None) -> Signals:
    return signals if nearness is None else {**signals, "nearness": nearness}


def _citing(said: str, stays: Callable[[int, int], bool], added: int | None) -> str:
    """`said` with the citations that stay where they stand, and `added` at the last of their places.

    `stays` is asked of where a mark stands, and a number in it.
    """
    parts, at, space = list[str](), 0, ""
    marks = list(CITATION.finditer(said))
    for mark in marks:
        before, written = said[at : mark.start()], mark.group().lstrip()
        space = mark.group()[: -len(written)] or ("" if before else space)
        given = list(numbers(written))
        left = [n for n in given if stays(mark.start(), n)]
        if mark is marks[-1] and added is not None:
            left.append(added)
        parts += [before, *((space, written if left == given else "".join(f"[{n}]" for n in left)) if left else ())]
        at = mark.end()
        space = "" if left else space
    return "".join((*parts, said[at:]))


def _replaced(text: str, changed: dict[tuple[int, int], str]) -> str:
    """`text` with stretches of it replaced; what is left out takes the space after it along."""
    parts, at = list[str](), 0
    for (start, end), instead in sorted(changed.items()):
        parts += [text[at:start], instead]
        at = end
        if not instead:
            while at < len(text) and text[at].isspace():
                at += 1
    return "".join((*parts, text[at:]))


def _is_data(text: str) -> bool:
    """Whether it is a JSON object or array: an answer in a form, or what a tool is called with."""
    if text.lstrip()[:1] not in ("{", "["):
        return False
    try:
        msgspec.json.decode(text)
    except (msgspec.DecodeError, UnicodeError, RecursionError):
        return False
    return True
