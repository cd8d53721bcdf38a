"""Human edit effort: what people had to change in answers, from a file of corrections or from feedback."""

from __future__ import annotations

import unicodedata
from collections.abc import Collection, Mapping, Sequence
from pathlib import Path

from palier.cases import Case
from palier.errors import ConfigurationError
from palier.evals.estimates.estimating import estimate
from palier.evals.estimates.measures import Of, share
from palier.evals.figures import Estimate
from palier.evals.judging.remarks import Outcomes, Place, Remark, Remarks
from palier.metrics.editing import changed
from palier.metrics.means import LONGEST
from palier.types import Data


class Correction(Data, frozen=True, kw_only=True):
    """What a person made of an answer that was run."""

    id: str
    candidate: str
    text: str


class Corrections(Data, frozen=True, kw_only=True):
    """What was read. `refused`: of another answer than was run, with the reason."""

    corrections: tuple[Correction, ...]
    refused: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()


class Edits(Data, frozen=True, kw_only=True):
    """Human edit effort of one candidate."""

    effort: Estimate
    """Characters a person changed, by character of what was kept: sums over all that was corrected."""
    untouched: Estimate
    """Share of the answers that were left as they are."""


def read_corrections(
    path: Path, cases: Collection[str], outcomes: Outcomes, *, known: Collection[str] = ()
) -> Corrections:
    """Corrections from JSON lines {id, candidate?, text, answer? or digest?}; see `people.read_scores`.

    Without `candidate` it is the only one, or those whose answer is `answer`. A correction of another answer than was
    run is refused, with the reason. Raises `ConfigurationError` naming the line.
    """
    found: dict[Place, tuple[str, Correction]] = {}
    refused: list[str] = []
    remarks = Remarks(path, cases, outcomes, known)
    for at, line in remarks.lines():
        if line.text is None:
            raise ConfigurationError(f"{at}: `text` is missing", hint="what the person made of the answer")
        meant = _meant(line, at, remarks)
        if not meant:
            refused.append(f"{at}: no candidate answers `{line.id}` like that")
        for candidate in meant:
            outcome = remarks.about(line, candidate, at)
            if outcome is None:
                continue
            if outcome.status != "answered":
                refused.append(f"{at}: `{candidate}` gave no answer to `{line.id}` that could be corrected")
                continue
            if max(len(outcome.output), len(line.text)) > LONGEST:
                refused.append(f"{at}: more than {LONGEST} characters are not compared")
                continue
            if (before := found.get((candidate, line.id))) is not None:
                raise ConfigurationError(
                    f"{at}: `{candidate}` on `{line.id}` is corrected before ({before[0]})",
                    hint="keep one correction of each answer",
                )
            found[candidate, line.id] = at, Correction(id=line.id, candidate=candidate, text=line.text)
    kept = tuple(correction for _, correction in found.values())
    return Corrections(corrections=kept, refused=(*remarks.stale, *refused), notes=remarks.notes())


def _meant(line: Remark, at: str, remarks: Remarks) -> list[str]:
    """The candidates whose answer it corrects."""
    if line.candidate:
        return [line.candidate]
    if line.answer is None:
        if len(remarks.outcomes) == 1:
            return list(remarks.outcomes)
        raise ConfigurationError(
            f"{at}: of which candidate?", hint="give `candidate`, or `answer`: the text that was corrected"
        )
    if line.id not in remarks.cases:
        raise ConfigurationError(f"{at}: the suite has no case `{line.id}`")
    return [name for name, of in remarks.outcomes.items() if line.id in of and of[line.id].output == line.answer]


def corrections_of(texts: Mapping[str, str], outcomes: Outcomes) -> Corrections:
    """Corrections that were kept with feedback: `texts` by the id of the trace whose answer was corrected."""
    of_trace = {one.trace: one for of in outcomes.values() for one in of.values() if one.trace}
    kept = [
        Correction(id=one.id, candidate=one.candidate, text=text)
        for trace, text in texts.items()
        if (one := of_trace.get(trace)) is not None and one.status == "answered"
    ]
    left = len(texts) - len(kept)
    notes = (f"{left} corrections are of answers that were not run",) if left else ()
    return Corrections(corrections=tuple(kept), notes=notes)


def edits(corrections: Corrections, cases: Sequence[Case], outcomes: Outcomes) -> dict[str, Edits]:
    """Edit effort by candidate, of those with a correction. Raises `MissingExtra` without the extra `bench`.

    Characters changed are the Levenshtein distance; by those of the corrected text, as HTER counts words (Snover et
    al., 2006).
    """
    by_id = {case.id: case for case in cases}
    figures: dict[str, dict[Place, tuple[float, float]]] = {}
    for one in corrections.corrections:
        if one.id in by_id:
            changes = changed(outcomes[one.candidate][one.id].output, one.text)
            figures.setdefault(one.candidate, {})[one.candidate, one.id] = float(changes), float(_length(one.text))
    made = {}
    for candidate, of in figures.items():
        pairs = [(by_id[case], outcomes[candidate][case]) for _, case in of]
        effort = Of("edit effort", of, better="lower", high=float("inf"))
        untouched = share("untouched", {place: float(changes == 0) for place, (changes, _) in of.items()})
        made[candidate] = Edits(effort=estimate(effort, pairs), untouched=estimate(untouched, pairs))
    return made


def _length(text: str) -> int:
    """As `changed` sees it: composed, without the space around."""
    return len(unicodedata.normalize("NFC", text).strip())
