"""The report as one page that needs nothing else: no network, no other file, and no script to be read.

Whatever documents, cases and models said is hostile: it is escaped, what could reorder or hide it is replaced, and
what is long is cut, with a word. The page's own style and script are allowed by their hash, and nothing else is. The
script only filters cases.
"""

from __future__ import annotations

import base64
import hashlib
import re
import time
from collections.abc import Iterable, Sequence
from html import escape
from importlib import resources

from palier.evals.figures import Candidate, Choice, Comparison, Estimate, Report
from palier.evals.reports import browser, wording
from palier.evals.reports.page_tables import Footnotes, Row, table
from palier.evals.reports.pictures import pictures
from palier.evals.reports.wording import NONE, inert


def page(report: Report) -> str:
    """The page, a whole HTML document; of bounded size, however large the report."""
    style, script = _resource("page.css"), _resource("page.js")
    own = f"style-src '{_hash(style)}'; script-src '{_hash(script)}'"
    policy = f"default-src 'none'; {own}; base-uri 'none'; form-action 'none'"
    title = f"{report.suite.title or report.suite.name}: benchmark"
    notes = Footnotes()
    body = [
        *_header(report, title),
        "<main id=main>",
        *_answer(report),
        *_overview(report, notes),
        *_comparisons(report),
        *_bigger(report),
        *_quality(report, notes),
        *_resources(report, notes),
        *_speed(report),
        *_answers(report),
        *_candidates(report),
        *_judge(report, notes),
        *browser.cases(report),
        *_methods(report, notes),
        "</main>",
        *_footer(report),
    ]
    return "\n".join(
        [
            "<!doctype html>",
            '<html lang="en">',
            "<head>",
            '<meta charset="utf-8">',
            f'<meta http-equiv="Content-Security-Policy" content="{policy}">',
            '<meta name="viewport" content="width=device-width, initial-scale=1">',
            '<meta name="referrer" content="no-referrer">',
            '<meta name="robots" content="noindex">',
            f"<title>{_text(title)}</title>",
            f"<style>{style}</style>",
            "</head>",
            "<body>",
            '<a class="skip" href="#main">Skip to the figures</a>',
            *body,
            f"<script>{script}</script>",
            "</body>",
            "</html>",
            "",
        ]
    )


def _resource(name: str) -> str:
    return resources.files("palier.evals.reports").joinpath(name).read_text(encoding="utf-8")


def _hash(content: str) -> str:
    return "sha256-" + base64.b64encode(hashlib.sha256(content.encode()).digest()).decode()


def _text(words: object) -> str:
    return escape(inert(str(words)))


_QUOTED = re.compile("`([^`]{1,80})`")


def _line(words: str, width: int = 400) -> str:
    """`words` on one line; what stands between backticks is set as code, after everything is escaped."""
    return _QUOTED.sub(r"<code>\1</code>", escape(wording.one_line(words, width)))


def _list(lines: Iterable[str]) -> list[str]:
    items = [f"<li>{_line(line, 600)}</li>" for line in lines]
    return ['<ul class="plain">', *items, "</ul>"] if items else []


# --- head and headline -----------------------------------------------------------------------------------------------


def _header(report: Report, title: str) -> list[str]:
    suite = report.suite
    cases = ", ".join(f"{count:,} {split}" for split, count in suite.cases.items()) or "no cases"
    day = time.strftime("%d %B %Y, %H:%M UTC", time.gmtime(report.created)) if report.created else "undated"
    label = f'<span class="label label-{suite.label.value}">{suite.label.value}</span>'
    links = [
        ("use", "What to use"),
        ("overview", "All candidates"),
        ("comparisons", "Compared"),
        ("bigger", "What bigger buys"),
        ("quality", "Quality"),
        ("resources", "Cost and carbon"),
        ("speed", "Speed"),
        ("cases", "Cases"),
        ("methods", "Methods"),
    ]
    items = "".join(f'<li><a href="#{anchor}">{words}</a></li>' for anchor, words in links)
    return [
        "<header>",
        f"<h1>{_line(title, 200)}</h1>",
        f'<p class="meta">{label} Suite {_line(suite.name, 80)}, version {_line(suite.version, 40)}, '
        f"{_line(suite.task, 40)}: {cases}. {day}.</p>",
        f'<nav aria-label="Parts of this page"><ul>{items}</ul></nav>',
        "</header>",
    ]


def _answer(report: Report) -> list[str]:
    lines = [f"<p>{_line(line, 700)}</p>" for line in wording.headline(report)]
    found = ['<section id="use" class="answer" aria-label="What to use">', *lines, "</section>"]
    if unknown := wording.unknowns(report):
        found += ['<section class="unknown">', "<h3>What is not known</h3>", *_list(unknown), "</section>"]
    choice = report.bigger.choice
    if choice is not None:
        found += _choice(report, choice)
    if report.notes:
        found += ["<h3>To be borne in mind</h3>", *_list(report.notes)]
    return found


def _choice(report: Report, choice: Choice) -> list[str]:
    found = []
    if choice.constraints:
        said = ", ".join(f"{key.replace('_', ' ')} {_plain(value)}" for key, value in choice.constraints.items())
        found.append(f"<p>Under the constraints: {_line(said, 600)}.</p>")
    if choice.passed_over:
        found.append("<h3>Why not the others</h3>")
        reasons: dict[str, list[str]] = {}
        for name, why in choice.passed_over.items():
            reasons.setdefault(why, []).append(wording.named(report, name))
        found += _list(f"{wording.listed(names)}: {why}" for why, names in reasons.items())
    return found


def _plain(value: object) -> str:
    if isinstance(value, list | tuple):
        return " or ".join(map(str, value))
    return "" if value is True else str(value)


# --- tables ----------------------------------------------------------------------------------------------------------


def _chosen(report: Report) -> str:
    return (report.bigger.choice.candidate if report.bigger.choice else None) or ""


def _rows(report: Report, cells: Iterable[Sequence[str]]) -> list[Row]:
    chosen = _chosen(report)
    return [
        Row(_text(wording.name(c)), tuple(row), c.name == chosen)
        for c, row in zip(report.candidates, cells, strict=True)
    ]


def _figure(figure: Estimate | None, *, sign: bool = False) -> str:
    """The figure, and its interval beside it in a lighter colour."""
    words = wording.estimate(figure, sign=sign)
    value, bracket, rest = words.partition(" [")
    if words in (NONE, wording.UNKNOWN):
        why = f' title="{_text(figure.method)}"' if figure and figure.method else ""
        return f'<span class="none"{why}>{words}</span>'
    return f'{value} <span class="range">[{rest}</span>' if bracket else value


def _overview(report: Report, notes: Footnotes) -> list[str]:
    head = [
        f"{report.quality} (quality)",
        "cost of 1,000 requests",
        "CO2e of 1,000 requests",
        "p95 latency",
        "answered",
        "failed",
        "parameters",
        "on premises",
    ]
    cells = [
        (
            _figure(wording.quality(report, c)),
            notes.quantity(c.resources.cost, "$", 1000),
            notes.quantity(c.resources.carbon, "g", 1000),
            _p95(c),
            _count(c.answered, c),
            _count(c.failed, c),
            wording.parameters(c.parameters),
            wording.yes(c.on_premises),
        )
        for c in report.candidates
    ]
    caption = "All candidates at a glance"
    more = f"95 % intervals in brackets; {report.better} is better"
    more += "; the recommended one is shaded" if _chosen(report) else ""
    return ['<h2 id="overview">All candidates</h2>', *table(caption, more, "candidate", head, _rows(report, cells))]


def _count(count: int, candidate: Candidate) -> str:
    if candidate.kind == "published":
        return NONE
    return f"{count:,}" if not candidate.asked else f"{count:,} of {candidate.asked:,}"


def _p95(candidate: Candidate) -> str:
    return wording.quantiles(candidate.latency.total if candidate.latency else None)[1]


def _comparisons(report: Report) -> list[str]:
    found = ['<h2 id="comparisons">Compared</h2>']
    if not report.comparisons:
        return [*found, "<p>Nothing was compared: it takes two candidates with results of their own.</p>"]
    rows = [
        Row(
            _text(wording.named(report, c.candidate)),
            (
                _text(wording.named(report, c.baseline)),
                _line(c.metric, 60),
                c.split,
                _figure(c.difference, sign=True),
                f"{c.difference.n:,}",
                _p(c.adjusted),
                _told(c),
            ),
        )
        for c in report.comparisons
    ]
    head = ["against", "metric", "cases of", "difference", "cases", "p, corrected", "verdict"]
    more = "paired: Tango's interval for shares of single cases, else whole families resampled; Holm's correction"
    more += " over all rows; a verdict at 0.05. Intervals of the recommendation are wider: they hold for all together"
    return [*found, *table("Better, worse, or cannot tell", more, "candidate", head, rows, text=(0, 1, 2, 6))]


def _p(value: float) -> str:
    return "&lt; 0.001" if value < 0.001 else f"{value:.3f}"


def _told(comparison: Comparison) -> str:
    words = wording.verdict(comparison)
    return f'<span class="{comparison.verdict}">{words}</span>' if comparison.verdict != "cannot tell" else words


def _bigger(report: Report) -> list[str]:
    found = ['<h2 id="bigger">What would bigger buy?</h2>', *pictures(report)]
    if report.bigger.steps:
        unit = {"cost": "$ a request", "carbon": "g CO2e a request", "latency": "ms", "parameters": "parameters"}
        rows = [
            Row(
                f"{_text(wording.named(report, s.base))} → {_text(wording.named(report, s.next))}",
                (
                    s.axis,
                    _figure(s.gain, sign=True),
                    NONE if s.extra is None else f"{wording.digits(s.extra)} {unit[s.axis]}",
                    _price(s.per_point, unit[s.axis]),
                ),
            )
            for s in report.bigger.steps
        ]
        head = ["paid in", f"gain of {report.quality}", "extra", "price of a point (0.01)"]
        more = "along the Pareto front, the cheapest first; no price where the gain may be nothing"
        found += table("The price of the next point", more, "step", head, rows, text=(0,))
    if curve := report.bigger.curve:
        said = ", ".join(f"{key} {_plain(value)}" for key, value in curve.items() if not isinstance(value, dict | list))
        found.append(f"<p>Fitted over the logarithm of parameters: {_line(said, 500)}.</p>")
    return [*found, *_list(report.bigger.notes)]


def _price(price: Estimate, unit: str) -> str:
    if price.value is None:
        return f'<span class="none">{_line(price.method or NONE, 80)}</span>'
    words = f"{wording.digits(price.value)} {unit}"
    if price.low is None or price.high is None:
        return words
    return f'{words} <span class="range">[{wording.digits(price.low)}, {wording.digits(price.high)}]</span>'


def _quality(report: Report, notes: Footnotes) -> list[str]:
    others = wording.columns(report)
    head = [report.quality, "dev", "holdout", "gap", "stability", "spread", *others, "cases", "interval"]
    cells = []
    for c in report.candidates:
        whole = wording.quality(report, c)
        cells.append(
            (
                _figure(whole),
                _figure(wording.quality(report, c, "dev")),
                _figure(wording.quality(report, c, "holdout")),
                _figure(c.gap, sign=True) + (" (tuned on dev)" if c.tuned_on else ""),
                _figure(c.stability),
                NONE if c.spread is None else wording.number(c.spread),
                *(_figure(c.metrics.get(metric, {}).get("all")) for metric in others),
                f"{whole.n:,}" if whole and whole.n else NONE,
                _line(whole.method, 60) if whole else NONE,
            )
        )
    more = "gap: dev less holdout; stability: families answered alike; spread: best less worst prompt"
    found = ['<h2 id="quality">Quality</h2>', *table("Every metric", more, "candidate", head, _rows(report, cells))]
    return [*found, *_tags(report)]


def _tags(report: Report) -> list[str]:
    tags = list(dict.fromkeys(tag for c in report.candidates for tag in c.by_tag))
    if not tags:
        return []
    shown = [c for c in report.candidates if c.by_tag]
    head = [_text(wording.name(c)) for c in shown]
    rows = []
    for tag in tags:
        n = max((c.by_tag[tag].n for c in shown if tag in c.by_tag), default=0)
        rows.append(Row(f"{_line(tag, 60)} ({n:,})", tuple(_figure(c.by_tag.get(tag)) for c in shown)))
    return table(f"{report.quality} by tag and language", "cases in parentheses", "tag", head, rows, escaped=True)


def _resources(report: Report, notes: Footnotes) -> list[str]:
    head = ["cost", "of 1,000", "energy", "of 1,000", "CO2e", "of 1,000", "tokens in", "tokens out", "counted of"]
    cells = []
    for c in report.candidates:
        r = c.resources
        tokens = r.tokens
        cells.append(
            (
                notes.quantity(r.cost, "$"),
                notes.quantity(r.cost, "$", 1000),
                notes.quantity(r.energy, "Wh"),
                notes.quantity(r.energy, "Wh", 1000),
                notes.quantity(r.carbon, "g"),
                notes.quantity(r.carbon, "g", 1000),
                f"{tokens.prompt:,}" if tokens else wording.UNKNOWN,
                f"{tokens.completion:,}" if tokens else wording.UNKNOWN,
                _count(r.tokens_known, c),
            )
        )
    more = "means of a request, ranges in brackets; the numbers lead to how each was found"
    return [
        '<h2 id="resources">Cost, energy and carbon</h2>',
        *table("What a request takes", more, "candidate", head, _rows(report, cells)),
        *([f"<p>{_line(report.carbon_method, 600)}</p>"] if report.carbon_method else []),
    ]


def _speed(report: Report) -> list[str]:
    head = [f"{what} {q}" for what in ("first words", "a token", "whole answer") for q in ("p50", "p95", "p99")]
    cells = []
    for c in report.candidates:
        t = c.latency
        times = [wording.quantiles(q) for q in ((t.first, t.per_token, t.total) if t else (None, None, None))]
        flow = c.throughput
        reached = (
            wording.UNKNOWN if flow is None or flow.per_second is None else f"{wording.digits(flow.per_second)} /s"
        )
        within = f"{wording.milliseconds(flow.limit_ms)} for {flow.quantile:.0%}" if flow else NONE
        n = f"{t.total.n:,}" if t and t.total else NONE
        cells.append((*(q for of in times for q in of), str(t.concurrency) if t else NONE, n, reached, within))
    head += ["at once", "answers", "throughput", "within"]
    more = "≈: too few answers for that tail; failures are not timed"
    return [
        '<h2 id="speed">Speed</h2>',
        *table("Latency and throughput", more, "candidate", head, _rows(report, cells)),
    ]


def _answers(report: Report) -> list[str]:
    cells = []
    for c in report.candidates:
        shares = ", ".join(f"{wording.one_line(tier, 40)} {share:.1%}" for tier, share in c.shares.items())
        errors = "; ".join(f"{wording.one_line(error, 120)} ({count:,})" for error, count in c.errors.items())
        counts = tuple(_count(n, c) for n in (c.answered, c.abstained, c.failed))
        guards = wording.guards(c.guarded) or NONE
        cells.append((*counts, _text(shares or NONE), _text(errors or NONE), _text(guards)))
    head = ["answered", "abstained", "failed", "answered by", "commonest errors", "guards"]
    more = "failures count as wrong answers in quality, and are shown here apart"
    shown = table("What became of the cases", more, "candidate", head, _rows(report, cells), text=(3, 4, 5))
    return ['<h2 id="answers">Answered, abstained, failed</h2>', *shown]


def _candidates(report: Report) -> list[str]:
    cells = [
        (
            _text(", ".join(c.models) or c.title or NONE),
            _text(c.kind + (f", variant of {c.variant_of}" if c.variant_of else "")),
            wording.parameters(c.parameters),
            _text(c.licence or wording.UNKNOWN),
            _text(", ".join(c.languages) or NONE),
            wording.yes(c.on_premises),
            _text(c.region or NONE),
            _text(c.published.source if c.published else NONE),
        )
        for c in report.candidates
    ]
    head = [
        "models",
        "kind",
        "parameters",
        "licence",
        "languages",
        "on premises",
        "region",
        "source of published figures",
    ]
    shown = table(
        "What the candidates are",
        "parameters of the largest model it may ask",
        "candidate",
        head,
        _rows(report, cells),
        text=(0, 1, 3, 4, 6, 7),
    )
    return ['<h2 id="candidates">The candidates</h2>', *shown]


def _judge(report: Report, notes: Footnotes) -> list[str]:
    judged = report.judged
    if judged is None:
        return []
    left_out = [
        (judged.invalid, "outside its scale or empty"),
        (judged.withheld, "it might not receive"),
        (judged.failed, "it gave no grade of"),
        (judged.unjudged, "without a reference to judge by"),
    ]
    without = ", ".join(f"{count:,} {words}" for count, words in left_out if count)
    facts = [
        ("Judge", _line(judged.judge, 80)),
        ("Answers judged", f"{judged.cases:,}"),
        ("Without a grade", without or "none"),
        ("Right or wrong without it", f"{judged.ruled:,} abstentions and failures"),
        ("Goes by the position", _figure(judged.position_bias)),
        ("Grades two or more apart when turned round", f"{judged.disagreeing:,}"),
        ("Gives the reference itself", _figure(judged.control)),
        ("On the same side as people", _figure(judged.agreement)),
        ("People among themselves", _figure(judged.ceiling)),
        ("Cohen's kappa", NONE if judged.kappa is None else wording.number(judged.kappa)),
        ("Weighted kappa", _figure(judged.weighted_kappa)),
        ("Spearman's correlation", NONE if judged.spearman is None else wording.number(judged.spearman)),
        ("Judged by people, too", f"{judged.human_pairs:,} answers of {judged.human_cases:,} cases"),
        ("Questions put to it", f"{judged.asked:,}"),
        ("They cost", notes.quantity(judged.cost, "$")),
        ("They weighed", notes.quantity(judged.carbon, "g")),
    ]
    rows = "".join(f"<dt>{name}</dt><dd>{value}</dd>" for name, value in facts)
    unproven = (
        "" if judged.human_cases else "<p>No person has judged these answers: the judge's worth is not known.</p>"
    )
    shown = [f'<dl class="facts">{rows}</dl>', unproven, *_list(judged.notes)]
    return ['<h2 id="judge">What the judge is worth</h2>', *shown]


# --- foot ------------------------------------------------------------------------------------------------------------


def _methods(report: Report, notes: Footnotes) -> list[str]:
    found = [
        '<h2 id="methods">Methods</h2>',
        "<p>How each figure was found; a figure that is not measured or estimated is unknown, never 0.</p>",
    ]
    return [*found, *notes.list()]


def _footer(report: Report) -> list[str]:
    suite = report.suite
    machine = ", ".join(f"{key} {_plain(value)}" for key, value in report.machine.items())
    looked = "; ".join(f"{key}: {_plain(value)}" for key, value in report.collections.items())
    students = ", ".join(f"{version} on {route}" for route, version in report.versions.items())
    facts = [
        ("Suite", f"{suite.name} {suite.version}, digest {suite.digest[:16] or 'none'}"),
        ("Licence of the suite", suite.licence),
        ("Source of the suite", suite.source),
        ("Collections", looked),
        ("Live students", students),
        ("Machine", machine),
        ("Command", report.command),
        ("palier", report.version),
    ]
    rows = "".join(f"<dt>{name}</dt><dd>{_line(value, 500)}</dd>" for name, value in facts if value)
    return ["<footer>", f'<dl class="facts">{rows}</dl>', "</footer>"]
