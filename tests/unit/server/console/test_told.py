"""What the code says in English is known in French: all of it, so that a new reason without French fails here."""

from __future__ import annotations

import ast
import re
import time
from importlib import resources
from pathlib import Path

import pytest
from tests.sayings import BLANK, sayings

from palier.routing.cascade import decide
from palier.routing.monitor import Monitor
from palier.routing.policy import Guarantee
from palier.server.console import told as telling
from palier.server.console.told import in_french, sentence, sentences, told
from palier.server.console.words import THIN, WIDE, Words

SOURCE = Path(str(resources.files("palier")))
EN, FR = Words("en"), Words("fr")
SPEAKING = [
    "accounting",
    "cli/bench/planning",
    "cli/bench/steps",
    "evals/elsewhere/importing",
    "evals/judging/corrections",
    "evals/judging/remarks",
    "evals/runs/candidates",
    "config/derived",
    "ingest",
    "policies",
    "retrieval/files",
    "app/alerts",
    "app/calibrating",
    "app/certificates",
    "app/effect",
    "app/gate",
    "app/returning",
    "app/students",
    "app/tracing",
    "evals/estimates/bigger",
    "evals/estimates/choosing",
    "evals/estimates/comparing",
    "evals/estimates/estimating",
    "evals/reports/changes",
    "evals/reports/tallies",
    "evals/reports/wording",
    "guards/form",
    "guards/formats",
    "guards/grounding",
    "guards/injection",
    "guards/policy",
    "guards/schema",
    "guards/scope",
    "guards/validating",
    "metrics/carbon",
    "metrics/cost",
    "metrics/energy",
    "metrics/impacts",
    "metrics/zones",
    "pipeline/__init__",
    "pipeline/asked",
    "pipeline/audit",
    "pipeline/guarding",
    "pipeline/journey",
    "pipeline/landing",
    "pipeline/posts",
    "privacy/egress",
    "privacy/heads",
    "routing/cascade",
    "routing/monitor",
    "routing/policy",
    "training/desk",
    "training/promote",
]
"""Modules whose sentences come to a page."""
RAISING = {"training/desk", *(f"server/console/{file.stem}" for file in (SOURCE / "server/console").glob("*.py"))}
"""Of these, what they raise too: it is told to whoever is at a page."""
SILENT = (
    "testing/",
    "cli/",
    "server/",
    "stores/",
    "backups/",
    "training/",
    "evals/",
    "app/shadow",
    "guards/verdicts",
    "pipeline/sample",
)
"""Where what is given as a reason, or a method, comes to no page in words of its own: it is copied, or for elsewhere."""
WHOLE = (
    "requests cannot be recorded, and are not answered",
    "the request could not be recorded, and is not answered",
    'palier doctor says why, such as a full disk; `[store] on_store_failure = "go on"` answers all the same',
    "no threshold to reach; confidence 0.62, not calibrated",
    "it has no confidence, and 0.50 is asked, not calibrated",
    "not calibrated: the policy /a b/p.json was fitted on something else: tier-1 was `not there` and is `x`; "
    "tier-2 was `y` and is `not there`; and 3 more (it holds no longer: record, label and calibrate again)",
    "not calibrated: the policy /a/p.json cannot be read: No such file or directory (palier calibrate -o writes one)",
    "head-7a answers on desk, as it is live: --declared measures the settings' own",
    "watching: no audited kept answer yet, limit 10 %",
    "an abstention has no echo and no logprobs",
    "it failed (ValueError), and fails open",
    "it failed (no verdict within 5 s), and fails closed",
    "the question is internal, and this tier may receive at most public",
    "the conversation is restricted, and this tier may receive at most confidential",
    "[2] does not support what cites it, and [3] does",
    "the whole does not follow the schema at /type",
    "this holdout judged 3 times, and 3 are what its error was shared among: new cases are needed (palier bench init)",
    "exact +0.010, at worst -0.012: it is not worse by 0.02",
    "exact -0.010, at worst -0.031: it may be worse by more than 0.02",
    "0 of 40 answers are others: is it in use?",
    "better: coverage +0.1 [+0.05, +0.2]; not surely: cost -0.1 [-0.2, +0.1]; latency +3 [-1, +9]; "
    "not known: carbon (of 12 answers)",
    "none of 20 planted lessons is recited; it half knows them, which refuses nobody: exposure 3.1 bits of 9.0, 1.0 by "
    "chance",
    "none was planted; it does not know them, which refuses nobody: exposure 3.1 bits of 9.0, 1.0 by chance",
    "none was planted; it knows them by heart, which refuses nobody: exposure 3.1 bits of 9.0, 1.0 by chance",
    "a risk of 10 % (kept) with 95 % confidence cannot be certified from 41 labels, of all drafts 31.2% are wrong: about "
    "1,240 labels would do (dev cases of the suite)",
    "a risk of 10 % (total) with 95 % confidence cannot be certified from 41 labels, of all drafts 31.2% are wrong: no "
    "threshold comes near; more lessons, a better student, or more risk",
    "it could not answer: 12 of 40 requests failed",
    "FRA 56.0 g/kWh (Ember, by Our World in Data, 2023 average), PUE 1.2",
    "eu-west-3 of aws is in FRA 56.0 g/kWh (Ember, by Our World in Data, 2023 average)",
    "FRA 40 g/kWh (declared)",
    "quality 0.81 [0.7, 0.9], under 0.9",
    "quality 0.95 [0.8, 0.99]: the figure keeps to 0.9, its lower end does not yet",
    "`cascade` has the best quality (0.9 [0.8, 0.95]), and takes the least ($0.0012 a request); by carbon, the cost of "
    "`tier-2` (simulated) being unknown",
    "the best, but takes more: 812 ms (p95)",
    "as good within 0.02, but takes more: 0.41 g CO2e a request",
    "not shown to be within 0.02 of `cascade`: worse by 0.125 [-0.2, 0.4]; about 240 more cases might show it",
    "simulated, before: one, two",
    "unknown (at least $0.0012)",
    "cascade has the highest exact: 0.9 [0.8, 0.95].",
    "tier-1 has the lowest: 0.9.",
    "Exact 0.875 [0.529, 0.978] on 8 cases, $0.0012 and 0.41 g CO2e [0.2, 0.8] per 1,000 requests, 95 % of answers within "
    "3.1 s, carbon unknown.",
    "$0.0012 per 1,000 requests, cost and carbon unknown.",
    "The cost, energy, latency and number of parameters of every candidate are unknown.",
    "The carbon of cascade (simulated) and tier-1 is unknown.",
    "it runs in a region it does not say, and the route goes to fr, de",
    "line 3: `id` or `text` is empty (and 12 more such lines)",
    "Worse: cascade by exact, tier-1 by cost; better: tier-2 by exact.",
)
"""What is put together of parts that are none by themselves."""
PARTS = """
    no threshold to reach{}|it has no confidence, and {} is asked{}|{} was `{}` and is `{}`|not there
    |; and {} more|{} % of the {} since about then were wrong|breached, seen after {} audited kept answers: {}, {}
    |watching: no audited kept answer yet, {}|{} % wrong [{}, {}]|watching: {} audited kept {}, {}, {}| and no
    |it failed ({}), and fails {}|the {} is {}, and this tier may receive at most {}|the policy {}
    |[{}] does not support what cites it, and|{}[{}] does|the whole
    |this holdout judged {} times, and {} are what its error was shared among: new cases
    |{} are needed (palier bench init)|may be|{} {}, at worst {}: it {}|{}: is it in use?|does not know them|half knows them
    |; it {}, which refuses nobody: exposure {} bits of {}|a risk of {} ({}) with {} confidence
    |{} cannot be certified from {} labels, of all drafts {} are wrong
    |{}: about {} labels would do (dev cases of the suite)
    |{}: no threshold comes near; more lessons, a better student, or more risk|{} of {} requests failed
    |it could not answer: {}|{}{} {} g/kWh ({}, {} average){}|{} {} g/kWh (declared){}|, its architecture being guessed
    |not shown to be within|quality {}, {} {}|quality {}: the figure keeps to {}, its {} end does not yet
    |{} has the best quality ({}), and takes the least ({}){}|{}, but takes more: {}|the best|as good within {}|, then
    |simulated, {}: {}|{} (at least {})|{} has the highest {}|{} has the lowest|{} unknown|The {} of {} {} unknown.
    |in a region it does not say|it runs {}, and the route goes to {}|(and {} more such lines)
"""
"""Parts of `WHOLE`, and of what the tests below have the code say."""
ELSEWHERE = """
    Je ne peux pas répondre à cette demande.|I cannot answer this request.
    |Je ne sais pas répondre à cette question avec les documents dont je dispose.
    |I don't know: the documents I have do not answer this question.
    |Un modèle qui aurait pu y répondre n'a pas pu être joint.|A model that might have known could not be reached.
    |Un modèle qui aurait pu y répondre n'a pas été interrogé : le budget ne le permet pas pour l'instant.
    |A model that might have known was not asked: the budget does not allow it for now.
    |Ce que j'ai trouvé de plus proche :|The closest I found:
    |a passage it stood on was taken away, or has other words now|unforeseen; the log has more|guard `{}`
    |[absent des sources]|[not in the sources]| The schema: {}|it breaks {}|guard `{}`, rule `{}`
    |nothing changed since it was judged: this is the ruling of use {}, and no other
    |{} of {} cases were put to the champion again|the champion's answers stand
    |suite `{}` changed since it judged last: {}, and both sides are scored by it as it is now
    |{}, the best there was, is deleted: it is held against {}|the route as it is
    |{} of {} cases could not be put to the {}|{}, {} times each: they count as not answered
    |{} answers|{} answers in shadow|did you mean `{}`
    |a country in three letters (ISO 3166-1 alpha-3), as FRA or DEU, or a region of a cloud, as eu-west-3
    |Tango, paired|BCa, paired|Wilson, wider than needed: {}|Wilson, families as clusters|let all pass
    |[console]: the environment variable {} is not set|set it to what the proxy sends in X-Palier-Proxy-Secret
    |as it is live: --declared measures the settings' own|{} answers on {}, {}
    |stopped: what was answered is kept, and the same command goes on from there|throughput of {} within {}
    |too many failed|  {} at once: {} a second, p95 {}|model name|judge {}|bold red
    |--human says how far a judge agrees with people: without --judge there is none
    |Wilson, given n|NaN and Infinity are no JSON|edit effort|the prompt of `{}`|the prompt
    |the suite does not say its route|none: add [routes.NAME] to palier.toml|none of them|tiers of `{}`: {}|imported from {}
    |; Secure|{}={}; Path=/console; HttpOnly; SameSite=Strict{}{}|`{}` and `{}`: other blanks, or a kind that is none
"""
"""What answers, prompts, logs, the command line and HTTP say, and no page; answers are in the language asked."""


def _told_elsewhere(said: str) -> bool:
    known = {one.strip() for one in f"{PARTS}|{ELSEWHERE}".replace("\n", " ").split("|")}
    prompt = said.startswith(("Answer the question from", "Your answer ", "default-src"))
    prompt |= "%s" in said  # of the log
    return prompt or said.strip() in known or "<" in said[:2] or not re.search("[a-z]{3}", said)


def _in_french(text: str) -> str:
    """Raises `AssertionError` where a part of it stays English."""
    pieces = in_french(text)
    assert pieces is not None, text
    assert not [piece for piece in pieces if piece.foreign], (text, pieces)
    return "".join(piece.text for piece in pieces)


@pytest.mark.parametrize("name", sorted({*SPEAKING, *RAISING}))
def test_every_sentence_of_the_code_is_known_in_french(name: str) -> None:
    said = [one for one in sayings(SOURCE / f"{name}.py", raised=name in RAISING) if not _told_elsewhere(one)]
    for one in said:
        _in_french(one.replace(BLANK, "7").strip(" ;,"))


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("set `watts`, or `impacts_as`", "set <code>watts</code>, or <code>impacts_as</code>"),
        ("`<b>`", "<code>&lt;b&gt;</code>"),
        ("a ` b", "a ` b"),
        ("``", "``"),
        ("`a\nb`", "`a\nb`"),
    ],
)
def test_what_stands_between_backticks_is_code(text: str, shown: str) -> None:
    assert str(told(text, EN)) == shown
    assert shown in str(told(text, FR))


def test_code_is_code_in_french_too() -> None:
    said = str(told("no power is declared for large: set `watts`, or `impacts_as` for a cloud", FR))
    assert said.count("<code>") == 2
    assert "`" not in said


@pytest.mark.parametrize("text", WHOLE)
def test_what_is_put_together_is_known_in_french(text: str) -> None:
    _in_french(text)


def test_reasons_are_written_where_this_test_looks() -> None:
    """A module that begins to give reasons, or methods, is one of those above."""
    written = set()
    for file in SOURCE.rglob("*.py"):
        name = file.relative_to(SOURCE).with_suffix("").as_posix()
        for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
            if isinstance(node, ast.keyword) and node.arg in ("reason", "method", "why"):
                parts = ast.walk(node.value)
                if any(isinstance(one, ast.Constant) and " " in str(one.value).strip() for one in parts):
                    written.add(name)
    assert len(written) > 15
    assert not {name for name in written if not name.startswith(SILENT)} - set(SPEAKING)


def test_what_the_code_says_comes_out_as_french_has_it() -> None:
    promise = Guarantee(
        target="kept", risk=0.1, confidence=0.95, labels=300, label_source="person", kept=200, certified=290,
        observed=0.03, upper=0.09, fitted="2026-11-20",
    )  # fmt: skip
    kept = decide(0.62, 0.5, guarantee=str(promise)).reason
    assert _in_french(kept) == (
        f"0,62 ≥ 0,50{WIDE}: au plus 10{THIN}% de faux, confiance 95{THIN}%, 300 jugements, ajusté le 2026-11-20"
    )
    assert _in_french(decide(None, 0.5).reason) == "il n’a pas de confiance, et il faut 0,50, non calibré"
    for n, alarm in ((0, None), (1, None), (412, None), (412, 400)):
        watched = Monitor(alpha=0.1, delta=0.05, n=n, total=min(n, 30), alarmed_at=alarm)
        assert "limite 10" in _in_french(str(watched))


def test_what_is_not_of_the_code_stays_as_it_is_and_is_marked() -> None:
    hostile = "<script>alert(1)</script> \u202eowned"
    shown = str(told(f"tier-2 failed: the upstream says {hostile}", FR))
    assert shown.startswith(f'tier-2 a échoué{WIDE}: <span lang="en" dir="auto">the upstream says &lt;script&gt;')
    assert "⟨U+202E⟩" in shown
    assert str(told("The line is busy.", FR)) == '<span lang="en" dir="auto">The line is busy.</span>'
    assert str(told("tier-2 failed: no <b>", EN)) == "tier-2 failed: no &lt;b&gt;"
    assert str(told("", FR)) == str(told(None, FR)) == ""
    assert "span" not in told("tier-1: nothing to quote", FR), "a name is of no language"


@pytest.mark.parametrize("text", ["a: " * 660, "a: b, " * 330, "a; " * 600, "1 and 2, " * 220, "a: b, c and d; " * 49])
def test_reading_takes_no_time_whatever_is_read(text: str) -> None:
    sentences()
    began = time.perf_counter()
    in_french(text)
    assert time.perf_counter() - began < 2
    assert in_french("x" * (telling.MOST + 1)) is None


def test_no_sentence_is_french_that_is_set_badly() -> None:
    for one in sentences():
        said = "".join(one.said[::2])
        assert not re.search(r"[^\s\u202f\u00a0][?!;](\s|$)|[^\s\u00a0]:(\s|$)", said), said
        assert "'" not in said.replace('"', ""), said
        assert "..." not in said, said


def test_a_sentence_has_its_blanks_in_both_languages() -> None:
    for english, said in (("{n:n} left", "sortis"), ("left", "{n} sortis"), ("{n:odd} left", "{n} sortis")):
        with pytest.raises(ValueError, match="blanks"):
            sentence(english, said)
