"""Samples as lm-eval and Inspect log them, read as outcomes. `importing` reads the files and finds their cases.

Whatever a log holds at a place where something else is expected is taken for absent, not for an error: these are other
projects' formats, which grow. `samples_*.jsonl` of EleutherAI's lm-evaluation-harness (`--log_samples`), and logs of
version 2 of UK AISI's Inspect.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any, Literal

import msgspec

from palier.cases import Outcome
from palier.errors import ConfigurationError
from palier.types import JSON, UNKNOWN, Data, Quantity, Usage

MAX_SAMPLES = 200_000
MAX_METRICS = 50
"""Of one sample."""
MAX_TEXT = 1 << 20
"""Characters of an output that are kept."""

Form = Literal["palier", "lm-eval", "Inspect"]


class Sample(Data, frozen=True, kw_only=True):
    """A sample of any of the formats."""

    place: str
    """`line 3` or `samples[2]`: for messages."""
    id: str = ""
    texts: tuple[str, ...] = ()
    """What was asked, in each way the log says it."""
    outcome: Outcome


def given(value: float | None) -> Quantity:
    """A figure that the log gives, without saying how it came; unknown where it gives none."""
    if value is None or value < 0:
        return UNKNOWN
    return Quantity(value=value, low=value, high=value, basis="estimated", method="as the imported log says")


# --- lm-eval ---------------------------------------------------------------------------------------------------------

_NOT_METRICS = {
    "doc_id", "doc", "target", "arguments", "resps", "filtered_resps", "filter", "metrics", "doc_hash", "prompt_hash",
    "target_hash", "task_name", "alias",
}  # fmt: skip


def lm_eval(path: Path, rows: Sequence[tuple[str, JSON]]) -> tuple[Form, list[Sample], list[str]]:
    """Lines of `samples_*.jsonl`. Where several filters were applied, the first one's answers."""
    filters = list(dict.fromkeys(str(row.get("filter", "")) for _, row in rows))
    notes = []
    if len(filters) > 1:
        notes.append(f"{path.name}: answers as the filter `{filters[0][:60]}` left them; it holds {len(filters)}")
    samples = []
    for where, row in rows:
        if str(row.get("filter", "")) != filters[0]:
            continue
        doc = row.get("doc")
        doc = doc if isinstance(doc, dict) else {}
        own = next((doc[k] for k in ("id", "question_id", "qid") if isinstance(doc.get(k), str | int)), None)
        output, chosen = _response(row, doc)
        metrics = _metrics(row.get("metrics"), row)
        outcome = Outcome(id="", candidate="", output=output[:MAX_TEXT], metrics={} if output else metrics)
        if not output and not chosen and not metrics:
            outcome = msgspec.structs.replace(outcome, status="failed", error="the log holds no response")
        elif not output and not metrics:
            outcome = msgspec.structs.replace(outcome, status="abstained")
        texts = (*(v for v in doc.values() if isinstance(v, str)), *_prompts(row.get("arguments")))
        samples.append(
            Sample(place=where, id=str(own if own is not None else row.get("doc_id")), texts=texts, outcome=outcome)
        )
    return "lm-eval", samples, notes


def _response(row: JSON, doc: JSON) -> tuple[str, bool]:
    """What was answered, and whether anything was. Of a multiple choice, the likeliest of the choices in `doc`."""
    responses = row.get("filtered_resps", row.get("resps"))
    while isinstance(responses, list) and len(responses) == 1 and isinstance(responses[0], list | str):
        responses = responses[0]
    if isinstance(responses, str):
        return responses, True
    if not isinstance(responses, list) or not responses:
        return "", False
    if isinstance(responses[0], str) and finite(responses[0]) is None:
        return responses[0], True
    scores = [finite(r[0] if isinstance(r, list) and r else r) for r in responses]
    choices = doc.get("choices")
    choices = choices.get("text") if isinstance(choices, dict) else choices
    known = [(score, i) for i, score in enumerate(scores) if score is not None]
    if known and isinstance(choices, list) and len(choices) == len(scores) and len(known) == len(scores):
        return str(choices[max(known)[1]]), True
    return "", bool(known)


def _prompts(arguments: Any) -> tuple[str, ...]:
    """The text of the prompt, in either of the ways lm-eval writes arguments."""
    found = arguments
    for _ in range(3):
        if isinstance(found, dict):
            found = next(iter(found.values()), None)
        elif isinstance(found, list):
            found = found[0] if found else None
    return (found,) if isinstance(found, str) else ()


def _metrics(names: Any, row: JSON) -> dict[str, float]:
    """Numbers by metric: those that `metrics` names, or all that are no field of the format."""
    wanted = [n for n in names if isinstance(n, str)] if isinstance(names, list) else [*row]
    found: dict[str, float] = {}
    for name in wanted:
        value = row.get(name)
        worth = float(value) if isinstance(value, bool) else finite(value)
        if worth is not None and name not in _NOT_METRICS and len(found) < MAX_METRICS:
            found[name[:100]] = worth
    return found


def finite(value: Any) -> float | None:
    """`value` as a number; None where it is none. Log-likelihoods stand as strings in lm-eval's lines."""
    if isinstance(value, bool) or not isinstance(value, int | float | str):
        return None
    try:
        found = float(value)
    except (ValueError, OverflowError):
        return None
    return found if math.isfinite(found) else None


# --- Inspect ---------------------------------------------------------------------------------------------------------

_GRADES = {"C": 1.0, "I": 0.0, "P": 0.5, "N": 0.0}
"""Correct, incorrect, partial, no answer, as Inspect's own `value_to_float` has them."""


def inspected(path: Path, entries: Iterable[tuple[str, JSON]]) -> tuple[Form, list[Sample], list[str]]:
    """The `samples` of a log, of its first epoch, each with its place."""
    samples: list[Sample] = []
    later = 0
    for place, sample in entries:
        if len(samples) >= MAX_SAMPLES:
            raise ConfigurationError(f"{path} holds more than {MAX_SAMPLES} samples")
        if sample.get("epoch", 1) != 1:
            later += 1
            continue
        attachments = sample.get("attachments")
        kept = attachments if isinstance(attachments, dict) else {}
        text = _asked(sample.get("input"), kept)
        own = sample.get("id")
        samples.append(
            Sample(
                place=place,
                id=str(own) if isinstance(own, str | int) else "",
                texts=(text,) if text else (),
                outcome=_outcome(sample, kept),
            )
        )
    notes = [f"{path.name}: {later} samples of later epochs are left out"] if later else []
    return "Inspect", samples, notes


def _outcome(sample: JSON, attachments: JSON) -> Outcome:
    output = sample.get("output")
    output = output if isinstance(output, dict) else {}
    text = _completion(output, attachments)
    error = sample.get("error")
    said = error.get("message") if isinstance(error, dict) else error
    metrics = _scores(sample.get("scores"))
    failed = bool(said) or (not text and not metrics)
    seconds = finite(sample.get("working_time"))
    seconds = seconds if seconds is not None else finite(output.get("time"))
    usage, cost = _spent(sample.get("model_usage"), output.get("usage"))
    return Outcome(
        id="",
        candidate="",
        status="failed" if failed else "answered" if text or metrics else "abstained",
        output="" if failed else text[:MAX_TEXT],
        error=str(said or "the log holds no output")[:1000] if failed else "",
        model=str(output.get("model") or "")[:200],
        usage=usage,
        cost=cost,
        latency_ms=1000 * seconds if seconds is not None and seconds > 0 else None,
        metrics={} if failed or text else metrics,
    )


def _completion(output: JSON, attachments: JSON) -> str:
    text = output.get("completion")
    if not isinstance(text, str):
        choices = output.get("choices")
        first = choices[0] if isinstance(choices, list) and choices and isinstance(choices[0], dict) else {}
        message = first.get("message")
        text = _content(message.get("content"), attachments) if isinstance(message, dict) else ""
    return _attached(text, attachments)


def _content(content: Any, attachments: JSON) -> str:
    """The text of a message, whose content is a string or a list of parts."""
    if isinstance(content, str):
        return _attached(content, attachments)
    parts = content if isinstance(content, list) else []
    texts = [p.get("text") for p in parts if isinstance(p, dict) and p.get("type") == "text"]
    return "\n".join(_attached(t, attachments) for t in texts if isinstance(t, str))


def _attached(text: str, attachments: JSON) -> str:
    """Inspect keeps long texts aside, under their hash."""
    found = attachments.get(text.removeprefix("attachment://")) if text.startswith("attachment://") else None
    return found if isinstance(found, str) else text


def _asked(given: Any, attachments: JSON) -> str:
    if isinstance(given, str):
        return _attached(given, attachments)
    turns = given if isinstance(given, list) else []
    of_users = [m for m in turns if isinstance(m, dict) and m.get("role") == "user"]
    return _content(of_users[-1].get("content"), attachments) if of_users else ""


def _scores(scores: Any) -> dict[str, float]:
    found: dict[str, float] = {}
    for scorer, score in scores.items() if isinstance(scores, dict) else ():
        value = score.get("value") if isinstance(score, dict) else score
        parts = {f"{scorer}.{k}": v for k, v in value.items()} if isinstance(value, dict) else {scorer: value}
        for name, part in parts.items():
            graded = float(part) if isinstance(part, bool) else _GRADES.get(part) if isinstance(part, str) else None
            worth = finite(part) if graded is None else graded
            if worth is not None and len(found) < MAX_METRICS:
                found[str(name)[:100]] = worth
    return found


def _spent(of_models: Any, of_output: Any) -> tuple[Usage | None, Quantity]:
    """Tokens and cost over all models of a sample, or of its last generation; unknown where the log does not say."""
    parts = [u for u in of_models.values() if isinstance(u, dict)] if isinstance(of_models, dict) else []
    parts = parts or ([of_output] if isinstance(of_output, dict) else [])
    usages = [_usage(part) for part in parts]
    costs = [c for part in parts if (c := finite(part.get("total_cost"))) is not None]
    cost = given(sum(costs)) if costs and len(costs) == len(parts) else UNKNOWN
    known = [usage for usage in usages if usage is not None]
    if not known or len(known) < len(usages):
        return None, cost
    total = Usage(
        prompt=sum(u.prompt for u in known),
        completion=sum(u.completion for u in known),
        cached=sum(u.cached for u in known),
    )
    return total, cost


def _usage(part: JSON) -> Usage | None:
    """Inspect's `input_tokens` leave out those that came from a cache; `total_tokens` holds them all."""
    prompt, completion, total = (part.get(f"{kind}_tokens") for kind in ("input", "output", "total"))
    if not (_count(prompt) and _count(completion)):
        return None
    prompt, completion = int(prompt or 0), int(completion or 0)
    if isinstance(total, int) and total > prompt + completion:
        prompt = total - completion
    cached = part.get("input_tokens_cache_read")
    return Usage(prompt=prompt, completion=completion, cached=min(cached, prompt) if _count(cached) and cached else 0)


def _count(value: Any) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and value >= 0
