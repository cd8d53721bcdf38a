"""Markdown for a pull request: what it says (against a file), and that nobody is mentioned, linked or run in it.

`PALIER_WRITE_GOLDEN=1 python -m pytest tests/unit/evals/reports/test_markdown.py` writes the file again.
"""

from __future__ import annotations

import os
from pathlib import Path

import msgspec
import pytest
from tests import offers
from tests.rendered import destinations

from palier.evals.estimates.choosing import Constraints
from palier.evals.reports import markdown
from palier.evals.reports.report import assemble


def golden(repository: Path, name: str, content: str) -> None:
    file = repository / "tests" / "golden" / "bench" / name
    if os.environ.get("PALIER_WRITE_GOLDEN"):
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(content, encoding="utf-8")
    assert content == file.read_text(encoding="utf-8")


def test_what_a_pull_request_is_told(repository: Path) -> None:
    report = assemble(offers.run(80), offers.METRICS, constraints=Constraints(max_cost=0.005))
    golden(repository, "report.md", markdown.page(report))


def test_hostile_texts_stay_text() -> None:
    run = offers.run(60, hostile=True)
    candidates = tuple(msgspec.structs.replace(c, name=offers.HOSTILE[i]) for i, c in enumerate(run.candidates))
    outcomes = {offers.HOSTILE[i]: found for i, found in enumerate(run.outcomes.values())}
    suite = msgspec.structs.replace(run.suite, title=offers.HOSTILE[5], name=offers.HOSTILE[1])
    changed = msgspec.structs.replace(run, candidates=candidates, outcomes=outcomes, suite=suite, notes=offers.HOSTILE)
    content = markdown.page(assemble(changed, offers.METRICS))
    assert destinations(content) == ([], [])
    assert "<" not in content.replace("&lt;", "")
    assert "@someone" not in content
    rows = [line for line in content.splitlines() if line.startswith("|")]
    assert {line.replace("\\|", "").count("|") for line in rows} == {9, 6}


@pytest.mark.parametrize(
    ("words", "shown"),
    [
        ("a|b", "a\\|b"),
        ("`code` *x* _y_", "`code` \\*x\\* \\_y\\_"),
        ("`a_b` ``` `", "\\`a\\_b\\` \\`\\`\\` \\`"),
        ("$1 and $2", "\\$1 and \\$2"),
        ("- 5 - 3", "\\- 5 - 3"),
        ("<b>&amp;", "&lt;b\\>&amp;amp;"),
        ("line\nbreak", "line break"),
        ("@team", "@\u200bteam"),
        ("#12 and !x", "\\#12 and !x"),
    ],
)
def test_signs_are_shown_as_they_are(words: str, shown: str) -> None:
    assert markdown.text(words) == shown


def test_long_tables_and_lists_are_cut_with_a_word() -> None:
    run = offers.run(20)
    report = assemble(run, offers.METRICS)
    many = msgspec.structs.replace(report, candidates=report.candidates * 12, notes=("a note",) * 50)
    content = markdown.page(many)
    assert "30 more rows are in the report." in content
    assert "20 more are in the report" in content
