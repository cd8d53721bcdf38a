"""Which metrics a suite is measured by: those it names, else those of its task."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import NamedTuple

from palier import registry
from palier.cases import Case, Suite, Task
from palier.errors import ConfigurationError, MissingExtra
from palier.interfaces.measuring import Metric

USUAL: Mapping[Task, tuple[str, ...]] = {
    "qa": (
        *("correct", "token_f1", "exact_match", "holds", "contains", "abstention", "grounding"),
        *("citation_precision", "citation_recall", "recall@1", "recall@5", "mrr@10", "ndcg@10"),
    ),
    "classification": ("accuracy", "macro_f1", "out_of_labels"),
    "extraction": ("field_f1", "exact_json", "schema_valid"),
    "summary": ("rouge_l", "rouge_1", "rouge_2", "chrf", "grounding"),
    "rewriting": ("chrf", "edit_effort", "bleu"),
    "translation": ("chrf", "bleu", "edit_effort"),
    "dialogue": ("token_f1", "chrf", "contains"),
}
"""Of each task, the quality first. What the cases have nothing for is left out."""

QUALITY: Mapping[Task, str] = {task: names[0] for task, names in USUAL.items()}

MOST = 40
"""Metrics of a suite."""

_NEEDS: Mapping[str, Callable[[Case], bool]] = {
    **dict.fromkeys(("token_f1", "exact_match", "holds"), lambda case: bool(case.references)),
    "contains": lambda case: bool(case.must_contain),
    **dict.fromkeys(
        ("citation_precision", "citation_recall", "recall@1", "recall@5", "mrr@10", "ndcg@10"),
        lambda case: bool(case.relevant),
    ),
}
"""What at least one case must have, for a metric that was not asked for by name."""


class Measured(NamedTuple):
    """The metrics of a suite, its quality first, and why some of the task's usual ones are not among them."""

    metrics: tuple[Metric, ...]
    notes: tuple[str, ...]


def quality_of(suite: Suite) -> str:
    """The name of the metric that is meant by "quality"."""
    return suite.quality or QUALITY[suite.task]


def metrics_of(suite: Suite) -> tuple[Metric, ...]:
    """The metrics of a suite, its quality first; see `measured`."""
    return measured(suite).metrics


def measured(suite: Suite) -> Measured:
    """Build the metrics of a suite.

    A usual metric whose library is not installed, or that this suite has nothing for, is left out with a note. One that
    is the quality, or that the suite names, must be there: raises `MissingExtra` with the install command, or
    `ConfigurationError` where there is no such metric or the suite does not fit it.
    """
    quality = quality_of(suite)
    asked = (quality, *suite.metrics)
    built: dict[str, Metric] = {name: _built(name, suite) for name in dict.fromkeys(asked[:MOST])}
    if len(asked) > MOST:
        raise ConfigurationError(f"suite {suite.name} asks for {len(asked)} metrics", hint=f"{MOST} at most")
    notes = []
    for name in () if suite.metrics else USUAL[suite.task]:
        if name in built or not _fits(name, suite):
            continue
        try:
            built[name] = _built(name, suite)
        except MissingExtra as missing:
            notes.append(f"{name} is left out: {missing}")
    return Measured(tuple(built.values()), tuple(notes))


def _built(name: str, suite: Suite) -> Metric:
    metric: Metric = registry.find("metrics", name)(suite)
    return metric


def _fits(name: str, suite: Suite) -> bool:
    """Whether the suite has what the metric is about."""
    if name == "schema_valid":
        return suite.schema is not None
    needed = _NEEDS.get(name)
    return needed is None or any(map(needed, suite.cases))
