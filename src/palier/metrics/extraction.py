"""What was taken out of a text: JSON that is valid, and field by field what it should say."""

from __future__ import annotations

import re
from functools import lru_cache
from typing import Any

import orjson

from palier.cases import Case, Outcome, Suite
from palier.errors import ConfigurationError, PalierError
from palier.interfaces.measuring import Floats
from palier.metrics.extras import need
from palier.metrics.fields import Agreement, compare
from palier.metrics.means import MOST, Better, Kind, Proportion, only_figures, ratio

LONGEST_JSON = 200_000
"""Characters of an answer that are read as JSON; a longer one is none."""
_FENCED = re.compile(r"```(?:json)?[ \t]*\n(.*?)\n?```", re.DOTALL)


class SchemaValid(Proportion):
    """The whole answer is JSON and keeps to the suite's schema: a program could take it as it is."""

    name = "schema_valid"

    def __init__(self, suite: Suite) -> None:
        """Raises `ConfigurationError` where the suite has no schema, or one that is none."""
        super().__init__(suite)
        if suite.schema is None:
            raise ConfigurationError(f"suite {suite.name} has no `schema`", hint="`schema_valid` needs one")
        library = need("jsonschema_rs", self.name)
        try:
            self._validator = library.validator_for(suite.schema, validate_formats=True, retriever=_refuse)
        except (ValueError, library.ReferencingError) as error:
            raise ConfigurationError(f"`schema` of suite {suite.name}: {str(error)[:200]}") from None

    def value(self, case: Case, outcome: Outcome) -> float | None:
        """See `Mean`."""
        parsed = strict(outcome.output)
        return float(parsed is not _NONE and self._validator.is_valid(parsed))


class _Fields:
    """Compares what an answer says with the reference it is nearest to."""

    def __init__(self, suite: Suite) -> None:
        """Raises `ConfigurationError` for a reference that is no JSON object or list."""
        self._parsed = lru_cache(maxsize=8192)(strict)
        for case in suite.cases:
            for reference in case.references if case.answerable else ():
                if not isinstance(self._parsed(reference), dict | list):
                    raise ConfigurationError(
                        f"suite {suite.name}, case {case.id}: the reference is no JSON object",
                        hint='an extraction\'s reference is one, such as {"amount": "29.99 EUR"}',
                    )

    def best(self, case: Case, outcome: Outcome) -> Agreement | None:
        """None without a reference."""
        if not case.answerable:
            return None
        wanted = [self._parsed(reference) for reference in case.references[:MOST]]
        said = lenient(outcome.output)
        compared = [compare(None if said is _NONE else said, one) for one in wanted if one is not _NONE]
        return max(compared, key=lambda one: (one.f1, one.right), default=None)


class FieldF1:
    """F1 of the fields, over all cases together: those that are right among those that were said and were wanted.

    A field is a path and its value; numbers, dates and amounts agree in whichever way they are written, words by their
    folded form. Null, "" and empty lists say nothing. Items of a list may come in any order. An answer in a code fence
    or with words around its JSON is read all the same. Kept: fields right, said, wanted.
    """

    name = "field_f1"
    kind: Kind = "corpus"
    better: Better = "higher"
    low = 0.0
    high = 1.0

    def __init__(self, suite: Suite) -> None:
        self._fields = _Fields(suite)

    def statistics(self, case: Case, outcome: Outcome) -> tuple[float, ...] | None:
        """Of length 3."""
        found = None if only_figures(outcome) else self._fields.best(case, outcome)
        return None if found is None else (float(found.right), float(found.said), float(found.wanted))

    def combine(self, sums: Floats) -> Floats:
        """See `interfaces.Metric`."""
        return ratio(2 * sums[..., 0], sums[..., 1] + sums[..., 2])


class ExactJson(Proportion):
    """Every field is right and none is too many, compared as `field_f1` does."""

    name = "exact_json"

    def __init__(self, suite: Suite) -> None:
        super().__init__(suite)
        self._fields = _Fields(suite)

    def value(self, case: Case, outcome: Outcome) -> float | None:
        """See `Mean`."""
        found = self._fields.best(case, outcome)
        if found is None:
            return None
        return float(found.right == found.said == found.wanted and lenient(outcome.output) is not _NONE)


class _Nothing:
    """No JSON; `None` would be the JSON `null`."""


_NONE = _Nothing()


def strict(text: str) -> Any:
    """`text` as JSON (RFC 8259: no comments, no NaN), or `_NONE`."""
    if len(text) > LONGEST_JSON:
        return _NONE
    try:
        return orjson.loads(text)
    except ValueError:
        return _NONE


def lenient(text: str) -> Any:
    """`strict`, or of what stands in the first code fence, or between the outermost braces."""
    if len(text) > LONGEST_JSON or (parsed := strict(text)) is not _NONE:
        return _NONE if len(text) > LONGEST_JSON else parsed
    fenced = _FENCED.search(text)
    if fenced and (parsed := strict(fenced[1])) is not _NONE:
        return parsed
    start, end = text.find("{"), text.rfind("}")
    return strict(text[start : end + 1]) if 0 <= start < end else _NONE


class _NotFetched(PalierError):
    """A schema refers to another document: nothing is fetched."""


def _refuse(uri: str) -> Any:
    raise _NotFetched(f"the schema refers to {uri}: only `#/...` is followed")
