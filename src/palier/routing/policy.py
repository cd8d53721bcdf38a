"""A policy: for each tier of a route, what turns signals into a probability and from which one its draft is served.

A JSON file that `palier calibrate` writes and the gateway and `palier replay` read. It carries what it promises, on how
many labels of which source, and the fingerprint of all that it was fitted on: where that differs, it is refused.
"""

from __future__ import annotations

import hashlib
import math
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Literal

import msgspec
import numpy as np

from palier.errors import ConfigurationError
from palier.interfaces import Vectors
from palier.routing.ahead import EARLY, Limits
from palier.routing.calibrator import Calibrator
from palier.routing.questions import QuestionModel
from palier.routing.risk import Target
from palier.routing.seen import Seen
from palier.routing.table import QUESTION
from palier.types import Data, Features

VERSION = 1
ODDS = "odds"
"""The one feature of `PolicyTier.truer`."""
MAX_BYTES = 16 * 2**20


LEAST = 1e-6
"""Of a risk, and of what a confidence may lack: less can be neither proved nor watched."""
_WHAT: dict[Target, str] = {
    "kept": "wrong",
    "regret": "worse than by always climbing",
    "total": "wrong from end to end",
}


class Guarantee(Data, frozen=True, kw_only=True):
    """What is promised: the risk of `target` is at most `risk`, with `confidence`, from `labels` of `label_source`.

    `certified` rows carried the bound, `kept` of them were kept; `observed` was their risk, `upper` its bound.
    `abstain_loss` is what an abstention counts as in `total`.
    """

    target: Target
    risk: float
    confidence: float
    labels: int
    certified: int
    kept: int
    observed: float
    upper: float
    fitted: str
    label_source: str = ""
    abstain_loss: float = 1.0

    def __post_init__(self) -> None:
        fits = (
            LEAST <= self.risk < 1.0
            and 0.5 <= self.confidence <= 1.0 - LEAST
            and 0 < self.kept <= self.certified <= self.labels
            and 0.0 <= self.abstain_loss <= 1.0
        )
        if not fits:  # NaN too
            raise ValueError("guarantee: a risk, a confidence and numbers of rows that belong together")

    @property
    def coverage(self) -> float:
        """The share of the certified rows that was kept at home."""
        return self.kept / self.certified

    def __str__(self) -> str:
        what = _WHAT[self.target]
        return (
            f"at most {percent(self.risk)} {what}, {percent(self.confidence)} confidence, {self.labels} labels,"
            f" fitted {self.fitted}"
        )


class PolicyTier(Data, frozen=True, kw_only=True):
    """One tier. Without a calibrator it serves whatever it says: the top.

    `truer` maps the calibrator's log-odds to a probability that fits all labels, in the same order: what it was fitted
    on was a part of them. `question` gives the signal of the question's vector; see `ahead.Limits` for `limits`.
    """

    name: str
    threshold: float = 0.0
    calibrator: Calibrator | None = None
    truer: Calibrator | None = None
    question: QuestionModel | None = None
    limits: Limits = Limits()

    def probability(self, features: Features) -> float | None:
        """That its draft is good; None where its signals are not those it was fitted on, or there are none."""
        if self.calibrator is None or not all(name in features for name in self.calibrator.names):
            return None
        probability = self.calibrator.probability({name: features[name] for name in self.calibrator.names})
        return probability if self.truer is None else self.truer.probability({ODDS: log_odds(probability)})

    @property
    def asks(self) -> bool:
        """Whether the question's vector is a signal."""
        return self.question is not None

    def asked(self, vector: Vectors | None) -> Features:
        """The signal of a question, vector (1, d), where it was fitted on one."""
        if self.question is None or vector is None:
            return {}
        return {QUESTION: log_odds(float(self.question.probability(vector)[0]))}

    def passes_over(self, features: Features) -> str:
        """Why it need not be asked, in words; empty where it may."""
        return _below(features.get(QUESTION), self.limits.question, "its draft would be thrown away, by the question")

    def cuts(self, early: float | None) -> str:
        """Why a draft that began with this mean log-probability need not go on; empty where it may."""
        return _below(early, self.limits.early, "cut short, by its beginning")

    def in_vain(self, features: Features) -> str:
        """Why a draft with these signals is not kept, whatever its probability: it lies below a limit of the path."""
        return self.passes_over(features) or self.cuts(features.get(EARLY))

    def warm(self) -> None:
        """Unpack what the first question would wait for."""
        if self.question is not None:
            self.question.probability(np.zeros((1, self.question.dimension), np.float32))


def _below(value: float | None, least: float | None, what: str) -> str:
    return f"{what}: {value:.2f} < {least:.2f}" if value is not None and least is not None and value < least else ""


def log_odds(probability: float) -> float:
    """Of a probability, kept finite."""
    bounded = min(max(probability, 1e-15), 1 - 1e-15)
    return math.log(bounded / (1 - bounded))


class Policy(Data, frozen=True, kw_only=True):
    """The tiers, lowest first, with the guarantee and the fingerprint (see `differences`)."""

    tiers: tuple[PolicyTier, ...]
    guarantee: Guarantee
    palier_policy: int = VERSION
    mode: Literal["cascade", "route"] = "cascade"
    route: str = ""
    fingerprint: dict[str, str] = msgspec.field(default_factory=dict)
    seen: Seen | None = None
    """The requests it was fitted on; None where it was made before policies said so."""

    @property
    def names(self) -> tuple[str, ...]:
        """The names of its tiers."""
        return tuple(tier.name for tier in self.tiers)


def percent(share: float) -> str:
    """0.1 -> `10 %`, 0.005 -> `0.5 %`."""
    return f"{round(100 * share, 4):g} %"


def digest(fingerprint: Mapping[str, str]) -> str:
    """Names a fingerprint: 16 hexadecimal digits, by which records tell what they were recorded under."""
    return hashlib.blake2b(msgspec.json.encode(sorted(fingerprint.items())), digest_size=8).hexdigest()


def identity(policy: Policy) -> str:
    """Names a policy: 16 hexadecimal digits. Traces and audits say by which they were decided.

    What it was fitted on decides nothing: a file that does not say it has the name of one that does.
    """
    decides = {name: value for name, value in msgspec.structs.asdict(policy).items() if name != "seen"}
    return hashlib.blake2b(msgspec.json.encode(decides), digest_size=8).hexdigest()


def differences(made_for: Mapping[str, str], found: Mapping[str, str]) -> list[str]:
    """What differs between two fingerprints, in words; empty where nothing does."""
    names = sorted({*made_for, *found}, key=lambda name: (name not in made_for, name))
    return [
        f"{name} was `{made_for.get(name, 'not there')}` and is `{found.get(name, 'not there')}`"
        for name in names
        if made_for.get(name) != found.get(name)
    ]


def check_fits(policy: Policy, tiers: Sequence[str], fingerprint: Mapping[str, str], *, where: str) -> None:
    """That `policy` was made for these tiers and this fingerprint. Raises `ConfigurationError` saying what differs."""
    if list(policy.names) != list(tiers):
        raise ConfigurationError(
            f"{where} was made for the tiers {', '.join(policy.names)}, in this order, and not {', '.join(tiers)}",
            hint="calibrate again: palier calibrate",
        )
    if not policy.fingerprint:
        raise ConfigurationError(
            f"{where} does not say what it was fitted on", hint="calibrate it for the route: palier calibrate --route"
        )
    if changed := differences(policy.fingerprint, fingerprint):
        more = f"; and {len(changed) - 4} more" if len(changed) > 4 else ""
        raise ConfigurationError(
            f"{where} was fitted on something else: {'; '.join(changed[:4])}{more}",
            hint="it holds no longer: record, label and calibrate again",
        )


def load(path: Path) -> Policy:
    """Read a policy. Raises `ConfigurationError` naming the file and what is wrong with it."""
    try:
        with path.open("rb") as file:
            text = file.read(MAX_BYTES + 1)
    except OSError as error:
        raise ConfigurationError(
            f"the policy {path} cannot be read: {error.strerror}", hint="palier calibrate -o writes one"
        ) from None
    if len(text) > MAX_BYTES:
        raise ConfigurationError(f"the policy {path} has more than {MAX_BYTES} bytes")
    return parse(text, where=str(path))


def parse(text: bytes, *, where: str) -> Policy:
    """A policy from JSON, checked. Raises `ConfigurationError`."""
    try:
        policy = msgspec.json.decode(text, type=Policy)
    except (msgspec.MsgspecError, ValueError, RecursionError) as error:  # weights that do not fit are a ValueError
        raise ConfigurationError(f"{where} is no policy: {error}", hint="palier calibrate -o writes one") from None
    if policy.palier_policy != VERSION:
        raise ConfigurationError(
            f"{where} is a policy of version {policy.palier_policy}, and this palier reads {VERSION}",
            hint="calibrate again with this palier",
        )
    if not policy.tiers or any(not 0.0 < tier.threshold <= 1.0 for tier in policy.tiers[:-1]):
        raise ConfigurationError(f"{where} is no policy: tiers below the top need thresholds above 0, up to 1")
    if any(tier.calibrator is None for tier in policy.tiers[:-1]):
        raise ConfigurationError(f"{where} is no policy: a tier below the top has no calibrator")
    if any(tier.truer is not None and tier.truer.names != (ODDS,) for tier in policy.tiers):
        raise ConfigurationError(f"{where} is no policy: `truer` maps `{ODDS}`, and nothing else")
    return policy


def dump(policy: Policy) -> bytes:
    """As JSON, indented: the file is meant to be read, too."""
    return msgspec.json.format(msgspec.json.encode(policy), indent=2) + b"\n"
