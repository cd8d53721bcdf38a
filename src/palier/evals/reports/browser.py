"""The cases of the page, one by one: what was asked, what would be right, what each candidate said, word by word.

All of it is in the page as text, so that it can be read, searched and printed without a script, which only filters.
"""

from __future__ import annotations

import difflib
import math
import re
from collections import Counter
from collections.abc import Sequence
from html import escape
from typing import NamedTuple

from palier.cases import Case, Outcome
from palier.evals.figures import Measured, Report
from palier.evals.reports import wording
from palier.evals.reports.wording import inert

MOST = 2_000
"""Answers the page holds: cases times candidates."""
LONGEST = 6_000
"""Characters of a text that the page shows."""
MOST_CHARACTERS = 12_000_000
"""Of all texts of the page."""
DIFFED = 400
"""Words of an answer and of its reference up to which they are compared."""
ALIKE = 0.35
"""Share of words in common below which the differences would hide the answer."""
MOST_TAGS = 100

_WORD = re.compile(r"\s+|[^\W\d_]+|\d+|[^\w\s]|_")


class _Shown(NamedTuple):
    """An outcome and what it counts as."""

    outcome: Outcome
    state: str
    """right, wrong, abstained, failed; or scored, where neither right nor wrong can be said."""


def cases(report: Report) -> list[str]:
    """The section of the cases."""
    head = ['<section class="cases">', '<h2 id="cases">Case by case</h2>']
    if not report.cases or not report.outcomes:
        return [*head, "<p>No cases are kept in this report.</p>", "</section>"]
    if not report.texts:
        return [*head, "<p>The texts of cases and answers were left out of this report.</p>", "</section>"]
    by_case: dict[str, list[_Shown]] = {}
    for outcome in report.outcomes:
        by_case.setdefault(outcome.id, []).append(_Shown(outcome, _state(report, outcome)))
    asked = [case for case in report.cases if case.id in by_case]
    shown = _chosen(asked, by_case)
    note = ""
    if len(shown) < len(asked):
        note = (
            f"{len(shown):,} of {len(asked):,} cases are shown: those where candidates disagree, then what one got"
            " wrong. report.json holds all."
        )
    names = list(dict.fromkeys(o.candidate for o in report.outcomes))
    legend = (
        "In an answer: <ins>words the nearest reference does not have</ins>, <del>words of it that are missing</del>."
    )
    found = [*head, f"<p>{legend}</p>", f'<p class="faint">{note}</p>' if note else "", *_form(report, shown, names)]
    left = MOST_CHARACTERS
    for case in shown:
        lines = _case(report, case, by_case[case.id])
        left -= sum(map(len, lines))
        if left < 0:
            found.append('<p class="faint">The page is full: the other cases are in report.json.</p>')
            break
        found += lines
    return [*found, "</section>"]


def _state(report: Report, outcome: Outcome) -> str:
    if outcome.status == "failed":
        return "failed"
    measured = next((m for m in report.measured if m.name == report.quality), None)
    value = outcome.metrics.get(report.quality)
    right = _right(measured, value) if measured is not None and value is not None else None
    if outcome.status == "abstained":
        return "right" if right else "abstained"
    return "scored" if right is None else "right" if right else "wrong"


def _right(measured: Measured, value: float) -> bool | None:
    """Of a proportion, whether it is 1; of other figures with two ends, whether it is in the better half."""
    if measured.low is None or measured.high is None or not math.isfinite(value):
        return None
    middle = (measured.low + measured.high) / 2
    return value >= middle if measured.better == "higher" else value <= middle


def _disagree(shown: Sequence[_Shown]) -> bool:
    return len({one.state == "right" for one in shown}) > 1


def _chosen(asked: Sequence[Case], by_case: dict[str, list[_Shown]]) -> list[Case]:
    """As many as the page holds, in their order: those that tell most first."""
    if sum(len(by_case[case.id]) for case in asked) <= MOST:
        return list(asked)

    def tells(case: Case) -> tuple[bool, bool]:
        shown = by_case[case.id]
        return not _disagree(shown), all(one.state == "right" for one in shown)

    kept: set[str] = set()
    room = MOST
    for case in sorted(asked, key=tells):
        room -= len(by_case[case.id])
        if room < 0:
            break
        kept.add(case.id)
    return [case for case in asked if case.id in kept]


# --- the filter ------------------------------------------------------------------------------------------------------


def _form(report: Report, shown: Sequence[Case], names: Sequence[str]) -> list[str]:
    tags = [tag for tag, _ in Counter(tag for case in shown for tag in _tags(case)).most_common(MOST_TAGS)]
    splits = list(dict.fromkeys(case.split for case in shown))
    states = ["right", "wrong", "failed", "abstained", "disagree"]
    words = {"disagree": "candidates disagree"}
    return [
        '<form class="filter" id="filter" aria-label="Filter the cases">',
        _select("candidate", "Candidate", [(name, wording.named(report, name)) for name in names]),
        _select("state", "Answers that are", [(s, words.get(s, s)) for s in states]),
        _select("split", "Split", [(s, s) for s in splits]),
        _select("tag", "Tag or language", [(_attribute(t), t) for t in sorted(tags)]),
        '<label>Words <input name="text" type="search" autocomplete="off"></label>',
        '<button type="reset">All</button>',
        f'<output id="count" class="count" role="status">{len(shown)} / {len(shown)}</output>',
        "</form>",
    ]


def _select(name: str, label: str, options: Sequence[tuple[str, str]]) -> str:
    items = "".join(
        f'<option value="{escape(inert(value))}">{escape(wording.one_line(words, 60))}</option>'
        for value, words in options
    )
    return f'<label>{label} <select name="{name}"><option value="">all</option>{items}</select></label>'


def _attribute(text: str) -> str:
    """A tag as it stands among others, each on its line."""
    return wording.one_line(text, 200)


def _tags(case: Case) -> list[str]:
    found = [*case.tags[:20], *([f"language:{case.language}"] if case.language else [])]
    return [*found, f"kind:{case.kind}"] if case.kind != "original" else found


# --- a case ----------------------------------------------------------------------------------------------------------


def _case(report: Report, case: Case, shown: Sequence[_Shown]) -> list[str]:
    tags = [_attribute(tag) for tag in _tags(case)]
    data = f'data-split="{case.split}" data-tags="{escape(chr(10).join(tags))}"'
    badges = "".join(_badge(report, one) for one in shown)
    more = "".join(f'<span class="tag">{escape(tag)}</span>' for tag in [case.split, *tags][:8])
    found = [
        f'<details class="case" {data} data-disagree="{"yes" if _disagree(shown) else "no"}">',
        f'<summary><span class="id">{escape(wording.one_line(case.id, 80))}</span>'
        f'<span class="ask" dir="auto">{escape(wording.one_line(case.question, 160))}</span>{badges}{more}</summary>',
        '<div class="body">',
    ]
    if case.messages:
        found += ["<h4>Conversation</h4>", *(_pre(f"{m.role}: {m.content}") for m in case.messages[-12:])]
    else:
        found += ["<h4>Asked</h4>", _pre(case.question)]
    if not case.answerable:
        found.append("<p>There is no answer: the right one is to say so.</p>")
    if case.references:
        found += ["<h4>References</h4>" if len(case.references) > 1 else "<h4>Reference</h4>"]
        found += [_pre(reference) for reference in case.references[:8]]
    if case.must_contain:
        found.append(f"<p>Must contain: {escape(wording.one_line(', '.join(case.must_contain), 400))}</p>")
    for one in shown:
        found += _article(report, case, one)
    return [*found, "</div></details>"]


def _badge(report: Report, one: _Shown, *, alone: bool = False) -> str:
    """What its answer is; behind its name, unless it stands there `alone`."""
    name = "" if alone else f"{wording.named(report, one.outcome.candidate)}: "
    attributes = f'class="is is-{one.state}" data-candidate="{escape(inert(one.outcome.candidate))}"'
    value = one.outcome.metrics.get(report.quality)
    score = f" {wording.number(value)}" if value is not None and value not in (0.0, 1.0) else ""
    return f"<span {attributes}>{escape(name)}{one.state}{score}</span>"


def _article(report: Report, case: Case, one: _Shown) -> list[str]:
    outcome = one.outcome
    data = f'data-candidate="{escape(inert(outcome.candidate))}" data-state="{one.state}"'
    found = [
        f"<article {data}>",
        f"<h4>{escape(wording.named(report, outcome.candidate))} {_badge(report, one, alone=True)}</h4>",
    ]
    if outcome.status == "failed":
        found.append(_pre(outcome.error or "failed, without a reason"))
    elif outcome.output:
        found.append(f'<pre class="text" dir="auto">{_against(outcome.output, case.references)}</pre>')
    elif outcome.said:
        found.append(_pre(outcome.said))
    else:
        found.append('<p class="faint">No text.</p>')
    facts = _facts(outcome)
    rows = "".join(f"<div><dt>{name}</dt><dd>{value}</dd></div>" for name, value in facts)
    found.append(f'<dl class="flow">{rows}</dl>')
    quoted = [p for p in outcome.retrieved if p.text][:5]
    if outcome.retrieved:
        items = [
            escape(wording.one_line(p.document, 120)) + (" (cited)" if p.cited else "") for p in outcome.retrieved[:10]
        ]
        found.append(f'<details class="data"><summary>Sources: {len(outcome.retrieved)}</summary>')
        found.append(f"<ul class=plain>{''.join(f'<li>{item}</li>' for item in items)}</ul>")
        found += [_pre(p.text) for p in quoted]
        found.append("</details>")
    return [*found, "</article>"]


def _facts(outcome: Outcome) -> list[tuple[str, str]]:
    metrics = ", ".join(f"{wording.one_line(m, 40)} {wording.number(v)}" for m, v in list(outcome.metrics.items())[:20])
    times = wording.milliseconds(outcome.latency_ms)
    if outcome.first_ms is not None:
        times += f", first words after {wording.milliseconds(outcome.first_ms)}"
    confidence = "" if outcome.confidence is None else f", confidence {outcome.confidence:.2f}"
    facts = [
        ("Figures", metrics),
        ("Tier", f"{outcome.tier}{confidence}" if outcome.tier else confidence.removeprefix(", ")),
        ("Model", outcome.model),
        ("Decision", outcome.decision),
        ("Cost", _cost(outcome)),
        ("Latency", times),
        ("Label", outcome.label.value),
        ("Trace", outcome.trace),
    ]
    return [(name, escape(wording.one_line(value, 300))) for name, value in facts if value]


def _cost(outcome: Outcome) -> str:
    words = wording.quantity(outcome.cost, "$")
    tokens = f", {outcome.usage.prompt:,} + {outcome.usage.completion:,} tokens" if outcome.usage else ""
    return f"{words}{tokens}"


def _pre(text: str) -> str:
    return f'<pre class="text" dir="auto">{escape(inert(cut(text)))}</pre>'


def cut(text: str) -> str:
    """What the page shows of a text."""
    if len(text) <= LONGEST:
        return text
    return f"{text[:LONGEST]}… [cut: {len(text):,} characters]"


# --- word by word ----------------------------------------------------------------------------------------------------


def _against(output: str, references: Sequence[str]) -> str:
    """The answer as HTML, with what it has and lacks against the reference that shares most words with it."""
    said = inert(cut(output))
    words = _WORD.findall(said)
    known = [_WORD.findall(inert(cut(reference))) for reference in references[:8] if reference.strip()]
    if not known or len(words) > 2 * DIFFED:
        return escape(said)
    counted = Counter(words)
    nearest = max(known, key=lambda other: sum((counted & Counter(other)).values()) / (len(other) + len(words)))
    if len(nearest) > 2 * DIFFED:
        return escape(said)
    return diff(words, nearest)


def diff(words: Sequence[str], reference: Sequence[str]) -> str:
    """`words` as HTML: `ins` around those that `reference` does not have, `del` around its own that are missing."""
    matcher = difflib.SequenceMatcher(
        None, [w.casefold() for w in reference], [w.casefold() for w in words], autojunk=False
    )
    if matcher.ratio() < ALIKE:
        return escape("".join(words))
    found = []
    for tag, a, b, c, d in matcher.get_opcodes():
        missing, said = "".join(reference[a:b]), "".join(words[c:d])
        if tag == "equal":
            found.append(escape(said))
            continue
        if missing.strip():
            found.append(f"<del>{escape(missing)}</del>")
        if said.strip():
            found.append(f"<ins>{escape(said)}</ins>")
        else:
            found.append(escape(said))
    return "".join(found)
