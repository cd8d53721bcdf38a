"""Figures in words: the page, the Markdown and the terminal say the same thing in the same way."""

from __future__ import annotations

import math
import re
from collections.abc import Iterable, Mapping, Sequence

from palier.evals.figures import Candidate, Comparison, Estimate, Quantiles, Report
from palier.types import Quantity

UNKNOWN = "unknown"
NONE = "\u2013"
"""Where a column does not apply."""

_INERT = re.compile(
    "[\x00-\x08\x0b-\x1f\x7f-\x9f\u061c\u200b\u200e\u200f\u2028\u2029\u202a-\u202e\u2060-\u206f\ufeff\ufff9-\uffff"
    "\ud800-\udfff\U000e0000-\U000e0fff]"
)


def inert(text: str) -> str:
    """`text` with U+FFFD for what could reorder, hide or break it: controls, bidirectional marks, lone surrogates.

    Carriage returns before a newline are dropped, others become newlines.
    """
    return _INERT.sub("\ufffd", text.replace("\r\n", "\n").replace("\r", "\n"))


def one_line(text: str, width: int = 0) -> str:
    """`text` inert, on one line, cut with an ellipsis at `width` characters (0: whole)."""
    flat = " ".join(inert(text[: 4 * width] if width else text).split())
    return flat[: width - 1] + "…" if 0 < width < len(flat) else flat


def name(candidate: Candidate) -> str:
    """Its name with what it is, where that must never be forgotten: simulated, published, imported."""
    marks = [word for word in (*(["simulated"] if candidate.simulated else []), _kind(candidate)) if word]
    return f"{one_line(candidate.name, 60)} ({', '.join(marks)})" if marks else one_line(candidate.name, 60)


def _kind(candidate: Candidate) -> str:
    return candidate.kind if candidate.kind in ("published", "imported") else ""


def named(report: Report, candidate: str) -> str:
    """`name` of the candidate that is called so."""
    found = next((c for c in report.candidates if c.name == candidate), None)
    return name(found) if found else one_line(candidate, 60)


def number(value: float | None) -> str:
    """0.8731 -> `0.873`, 41.27 -> `41.3`, 0.0000213 -> `0.000021`."""
    if value is None or not math.isfinite(value):
        return UNKNOWN
    if 0 < abs(value) < 0.001:
        return digits(value, 2)
    return f"{value:.3f}" if abs(value) < 10 else f"{value:,.1f}"


def signed(value: float | None) -> str:
    return UNKNOWN if value is None else ("+" if value >= 0 else "\u2212") + number(abs(value))


def estimate(figure: Estimate | None, *, sign: bool = False) -> str:
    """`0.873 [0.841, 0.900]`; `unknown`."""
    if figure is None:
        return NONE
    if figure.value is None:
        return UNKNOWN
    say = signed if sign else number
    if figure.low is None or figure.high is None:
        return say(figure.value)
    return f"{say(figure.value)} [{say(figure.low)}, {say(figure.high)}]"


def digits(value: float, figures: int = 3) -> str:
    """`figures` significant digits, without an exponent: 0.0000123 -> `0.0000123`, 1234567 -> `1,230,000`."""
    if value == 0 or not math.isfinite(value):
        return "0" if value == 0 else UNKNOWN
    places = figures - 1 - math.floor(math.log10(abs(value)))
    text = f"{round(value, places):,.{max(places, 0)}f}"
    return text.rstrip("0").rstrip(".") if "." in text else text


def quantity(figure: Quantity, unit: str, *, times: float = 1.0) -> str:
    """`$0.0012`, `0.41 g [0.2, 0.8]`; `unknown`, or `at least` what is known. `unit` is `$` before or a word after."""

    def say(value: float) -> str:
        return f"${digits(value * times)}" if unit == "$" else f"{digits(value * times)} {unit}"

    if figure.value is None:
        return f"{UNKNOWN} (at least {say(figure.low)})" if figure.low else UNKNOWN
    if figure.low is None or figure.high is None or figure.low == figure.high:
        return say(figure.value)
    return f"{say(figure.value)} [{digits(figure.low * times)}, {digits(figure.high * times)}]"


def method(figure: Quantity) -> str:
    """`measured: tokens counted, declared price`."""
    return f"{figure.basis}: {one_line(figure.method, 300)}" if figure.method else figure.basis


def milliseconds(value: float | None) -> str:
    if value is None:
        return UNKNOWN
    return f"{value:.0f} ms" if value < 1000 else f"{digits(value / 1000)} s"


def quantiles(figure: Quantiles | None) -> tuple[str, str, str]:
    """p50, p95 and p99. A tail that so few cases cannot show is said by a `≈`."""
    if figure is None:
        return (UNKNOWN, UNKNOWN, UNKNOWN)
    few = {95: 20, 99: 100}
    p95 = ("≈" if figure.n < few[95] else "") + milliseconds(figure.p95)
    p99 = ("≈" if figure.n < few[99] else "") + milliseconds(figure.p99)
    return milliseconds(figure.p50), p95, p99


def parameters(count: int | None) -> str:
    """135000000 -> `135M`."""
    if count is None:
        return UNKNOWN
    for size, letter in ((1e12, "T"), (1e9, "B"), (1e6, "M"), (1e3, "K")):
        if count >= size:
            return f"{digits(count / size)}{letter}"
    return str(count)


def yes(value: bool | None) -> str:
    return UNKNOWN if value is None else "yes" if value else "no"


def verdict(comparison: Comparison) -> str:
    """`better`, `worse`, `cannot tell (needs about 240 more cases)`."""
    if comparison.verdict != "cannot tell":
        return comparison.verdict
    if comparison.difference.value == 0:
        return "cannot tell (no difference on these cases)"
    if comparison.needs:
        return f"cannot tell (needs about {comparison.needs:,} more cases)"
    return "cannot tell"


def guards(guarded: Mapping[str, Mapping[str, int]]) -> str:
    """What guards did: `cited: climb 12, failed 1 of 40`."""
    told = []
    for guard, counts in guarded.items():
        did = ", ".join(f"{word} {count:,}" for word, count in counts.items() if word != "looked") or "let all pass"
        told.append(f"{one_line(guard, 40)}: {did} of {counts.get('looked', 0):,}")
    return "; ".join(told)


def listed(words: Iterable[str]) -> str:
    """`a, b and c`."""
    every = list(words)
    return " and ".join([", ".join(every[:-1]), every[-1]]) if len(every) > 1 else "".join(every)


def quality(report: Report, candidate: Candidate, split: str = "all") -> Estimate | None:
    """The figure meant by "quality"."""
    return candidate.metrics.get(report.quality, {}).get(split)


# --- the headline --------------------------------------------------------------------------------------------------


def headline(report: Report) -> tuple[str, ...]:
    """What to use and why, in sentences; the first is the answer."""
    choice = report.bigger.choice
    if choice is not None and choice.candidate:
        who = named(report, choice.candidate)
        lines = [f"Only {who} can be chosen." if choice.alone else f"Use {who}.", _sentence(choice.reason)]
        used = next((c for c in report.candidates if c.name == choice.candidate), None)
        if used is not None:
            lines.append(_what_it_is(report, used))
        return tuple(line for line in lines if line)
    if choice is not None:
        return ("Nothing is recommended.", _sentence(choice.reason))
    best = _best(report)
    if best is None:
        return ("Nothing can be recommended: no quality is known.",)
    words = (
        f"{name(best)} has the highest {report.quality}"
        if report.better == "higher"
        else f"{name(best)} has the lowest"
    )
    return (f"{words}: {estimate(quality(report, best))}.", _what_it_is(report, best))


def _best(report: Report) -> Candidate | None:
    known = [(q.value, c) for c in report.candidates if (q := quality(report, c)) and q.value is not None]
    if not known:
        return None
    pick = max if report.better == "higher" else min
    return pick(known, key=lambda pair: pair[0])[1]


def _what_it_is(report: Report, candidate: Candidate) -> str:
    found = quality(report, candidate)
    parts = [f"{report.quality} {estimate(found)} on {found.n:,} cases"] if found and found.n else []
    resources = candidate.resources
    taken = [
        (quantity(figure, unit, times=1000), word)
        for figure, unit, word in ((resources.cost, "$", "cost"), (resources.carbon, "g CO2e", "carbon"))
    ]
    figures = (resources.cost, resources.carbon)
    known = [words for (words, _), figure in zip(taken, figures, strict=True) if figure.value is not None]
    parts += [f"{listed(known)} per 1,000 requests"] if known else []
    lacking = [word for (_, word), figure in zip(taken, figures, strict=True) if figure.value is None]
    if candidate.latency and candidate.latency.total:
        parts.append(f"95 % of answers within {milliseconds(candidate.latency.total.p95)}")
    parts += [f"{listed(lacking)} unknown"] if lacking else []
    return f"{_capital(', '.join(parts))}."


def _capital(text: str) -> str:
    return text if text.startswith(("$", "unknown")) else text[:1].upper() + text[1:]


def _sentence(text: str) -> str:
    flat = one_line(text, 600)
    return flat if not flat or flat.endswith((".", "!", "?")) else f"{_capital(flat)}."


def lacks(candidate: Candidate) -> tuple[str, ...]:
    """What is unknown of it."""
    resources = candidate.resources
    known = {
        "cost": resources.cost.value,
        "energy": resources.energy.value,
        "carbon": resources.carbon.value,
        "latency": candidate.latency.total if candidate.latency else None,
        "number of parameters": candidate.parameters,
    }
    return tuple(word for word, value in known.items() if value is None)


def unknowns(report: Report) -> tuple[str, ...]:
    """What this report does not know, a sentence each: the reader must not take silence for zero."""
    lines = []
    alike: dict[tuple[str, ...], list[Candidate]] = {}
    for candidate in report.candidates:
        alike.setdefault(lacks(candidate), []).append(candidate)
    for words, of in alike.items():
        who = "every candidate" if len(of) == len(report.candidates) > 1 else listed(map(name, of))
        if words:
            lines.append(f"The {listed(words)} of {who} {'is' if len(words) == 1 else 'are'} unknown.")
    untold = [c for c in report.comparisons if c.verdict == "cannot tell" and c.metric == report.quality]
    lines += [
        f"Whether {named(report, c.candidate)} is better or worse than {named(report, c.baseline)}: {verdict(c)}."
        for c in untold[:8]
    ]
    if len(untold) > 8:
        lines.append(f"{len(untold) - 8} more comparisons cannot tell, see below.")
    made_up = [one_line(c.name, 60) for c in report.candidates if c.simulated]
    if made_up:
        lines.append(f"{listed(made_up)}: simulated answers, made up for a study; they say nothing of a real model.")
    return tuple(lines)


def columns(report: Report) -> Sequence[str]:
    """Metrics beside quality that any candidate has, in the order they were measured."""
    names = dict.fromkeys(m for c in report.candidates for m in c.metrics)
    return [metric for metric in names if metric != report.quality]
