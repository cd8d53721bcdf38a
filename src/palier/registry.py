"""Kinds of parts by name, as import strings loaded at use. Adding one is one file and one line here, or an entry point
of the group `palier.<family>` in another package.
"""

from __future__ import annotations

import difflib
import functools
import importlib
import re
from importlib.metadata import entry_points
from typing import Any

from palier.errors import ConfigurationError

MODELS = {
    "extract": "palier.models.extract:build",
    "head": "palier.models.head:build",
    "engine": "palier.models.engine:build",
    "endpoint": "palier.models.endpoint:build",
    "recorded": "palier.models.recorded:build",
    "fake": "palier.models.fake:build",
}

RECOGNISERS = {
    "address": "palier.privacy.recognisers.address:build",
    "birth": "palier.privacy.recognisers.birth:build",
    "email": "palier.privacy.recognisers.email:build",
    "iban": "palier.privacy.recognisers.iban:build",
    "introduced": "palier.privacy.recognisers.introduced:build",
    "letters": "palier.privacy.recognisers.identity:build",
    "network": "palier.privacy.recognisers.network:build",
    "numbers": "palier.privacy.recognisers.numbers:build",
    "patterns": "palier.privacy.recognisers.patterns:build",
    "signed": "palier.privacy.recognisers.signed:build",
    "telephone": "palier.privacy.recognisers.telephone:build",
    "title": "palier.privacy.recognisers.title:build",
    "worldwide": "palier.privacy.recognisers.worldwide:build",
}

METRICS = {
    "abstention": "palier.metrics.correctness:Abstention",
    "accuracy": "palier.metrics.labels:Accuracy",
    "agreement": "palier.metrics.matching:Agreement",
    "bleu": "palier.metrics.overlap:Bleu",
    "chrf": "palier.metrics.overlap:Chrf",
    "citation_precision": "palier.metrics.citations:CitationPrecision",
    "citation_recall": "palier.metrics.citations:CitationRecall",
    "contains": "palier.metrics.matching:Contains",
    "correct": "palier.metrics.correctness:Correct",
    "edit_effort": "palier.metrics.editing:EditEffort",
    "exact_json": "palier.metrics.extraction:ExactJson",
    "exact_match": "palier.metrics.matching:ExactMatch",
    "field_f1": "palier.metrics.extraction:FieldF1",
    "grounding": "palier.metrics.grounded:Grounding",
    "holds": "palier.metrics.matching:Holds",
    "judge": "palier.evals.judging.judged:build",
    "macro_f1": "palier.metrics.labels:MacroF1",
    "mrr@k": "palier.metrics.ranking:Mrr",
    "ndcg@k": "palier.metrics.ranking:Ndcg",
    "out_of_labels": "palier.metrics.labels:OutOfLabels",
    "precision@k": "palier.metrics.ranking:Precision",
    "recall@k": "palier.metrics.ranking:Recall",
    "rouge_1": "palier.metrics.rouge:Rouge1",
    "rouge_2": "palier.metrics.rouge:Rouge2",
    "rouge_l": "palier.metrics.rouge:RougeL",
    "schema_valid": "palier.metrics.extraction:SchemaValid",
    "token_f1": "palier.metrics.matching:TokenF1",
}
"""A name that ends in `@k` is asked for with a number in its place (`recall@5`), which is passed on as `k`."""

GUARDS = {
    "form": "palier.guards.form:build",
    "grounding": "palier.guards.grounding:build",
    "injection": "palier.guards.injection:build",
    "policy": "palier.guards.policy:build",
    "schema": "palier.guards.schema:build",
    "scope": "palier.guards.scope:build",
    "toxicity": "palier.guards.toxicity:build",
}

_NUMBERED = re.compile(r"(\w+)@([1-9]\d{0,2}|1000)", re.ASCII)

FAMILIES = {"models": MODELS, "recognisers": RECOGNISERS, "metrics": METRICS, "guards": GUARDS}


def kinds(family: str) -> list[str]:
    """The names registered in `family`, those of other packages among them."""
    return sorted({*FAMILIES[family], *_elsewhere(family)})


def find(family: str, kind: str) -> Any:
    """The object registered as `kind` in `family`; `recall@5` is that of `recall@k`, with its `k` filled in.

    Raises `ConfigurationError` that suggests the nearest name.
    """
    known = {**_elsewhere(family), **FAMILIES[family]}
    numbered = _NUMBERED.fullmatch(kind)
    if numbered and kind not in known and f"{numbered[1]}@k" in known:
        return functools.partial(_loaded(known[f"{numbered[1]}@k"]), k=int(numbered[2]))
    if kind not in known or kind.endswith("@k"):
        close = difflib.get_close_matches(kind, known, n=1, cutoff=0.4)
        hint = f"did you mean `{close[0]}`?" if close else f"one of {', '.join(sorted(known))}"
        if close and close[0].endswith("@k"):
            hint = f"`{close[0]}` with a number from 1 to 1000 for its k, such as `{close[0][:-1]}5`"
        raise ConfigurationError(f"there is no kind `{kind}` of {family}", hint=hint)
    return _loaded(known[kind])


@functools.cache
def _elsewhere(family: str) -> dict[str, str]:
    """Those of other packages. Finding them reads about every package there is: once, and not at each kind."""
    return {entry.name: entry.value for entry in reversed(entry_points(group=f"palier.{family}"))}


def _loaded(place: str) -> Any:
    module, _, name = place.partition(":")
    return getattr(importlib.import_module(module), name)
