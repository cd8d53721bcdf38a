"""The page: one well-formed document that loads nothing, runs nothing of anyone's, and says what it shows."""

from __future__ import annotations

import re
from html.parser import HTMLParser

import msgspec
import pytest
from tests import offers

from palier.evals.estimates.choosing import Constraints
from palier.evals.figures import Judged, Report, Throughput
from palier.evals.reports import browser, html
from palier.evals.reports.html import page
from palier.evals.reports.report import assemble, without_texts

VOID = {"meta", "br", "img", "input", "link", "hr"}
LOADING = {
    "src",
    "srcset",
    "href",
    "data",
    "poster",
    "background",
    "action",
    "formaction",
    "xlink:href",
    "ping",
    "style",
}


class Reader(HTMLParser):
    """Sees that tags are closed in their order, and gathers what would load or run."""

    def __init__(self, content: str) -> None:
        super().__init__(convert_charrefs=True)
        self.open: list[str] = []
        self.tags: dict[str, int] = {}
        self.loads: list[str] = []
        self.ids: list[str] = []
        self.words: list[str] = []
        self.scripts: list[str] = []
        self.feed(content)
        self.close()
        assert not self.open, self.open

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags[tag] = self.tags.get(tag, 0) + 1
        if tag not in VOID:
            self.open.append(tag)
        for name, value in attrs:
            assert not name.startswith("on"), (tag, name)
            if name == "id":
                self.ids.append(value or "")
            if name in LOADING and not (value or "").startswith("#"):
                self.loads.append(f"{tag} {name}={value}")

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.handle_starttag(tag, attrs)
        if tag not in VOID:
            self.handle_endtag(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open, f"</{tag}> closes nothing"
        assert self.open.pop() == tag, tag

    def handle_data(self, data: str) -> None:
        if self.open and self.open[-1] == "script":
            self.scripts.append(data)
        elif self.open and self.open[-1] != "style":
            self.words.append(data)


@pytest.fixture(scope="module")
def made() -> Report:
    return assemble(offers.run(80), offers.METRICS, constraints=Constraints(max_cost=0.005))


@pytest.fixture(scope="module")
def hostile() -> Report:
    run = offers.run(60, hostile=True)
    bad = offers.HOSTILE[1]
    candidates = tuple(
        msgspec.structs.replace(c, licence=bad, title=bad, region=bad, models=(bad,)) for c in run.candidates
    )
    suite = msgspec.structs.replace(run.suite, name=bad, title=offers.HOSTILE[0], licence=bad, source=offers.HOSTILE[5])
    changed = msgspec.structs.replace(
        run, candidates=candidates, suite=suite, command=bad, machine={bad: bad}, notes=offers.HOSTILE
    )
    return assemble(changed, offers.METRICS)


def test_it_is_well_formed_and_loads_nothing(made: Report) -> None:
    content = page(made)
    found = Reader(content)
    assert not found.loads
    assert len(found.ids) == len(set(found.ids))
    assert found.tags["script"] == 1
    assert "http://" not in content
    assert "https://" not in content
    assert "url(" not in content
    assert "@import" not in content
    for anchor in re.findall(r'href="#([^"]+)"', content):
        assert anchor in found.ids, anchor


def test_only_its_own_style_and_script_are_allowed(made: Report) -> None:
    content = page(made)
    policy = re.search(r'Content-Security-Policy" content="([^"]+)"', content)
    assert policy is not None
    assert policy[1].startswith("default-src 'none'; style-src 'sha256-")
    script = re.search(r"<script>(.*?)</script>", content, re.DOTALL)
    assert script is not None
    assert html._hash(script[1]) in policy[1]
    assert "innerHTML" not in script[1]
    assert "eval(" not in script[1]
    assert " style=" not in content  # which the policy would forbid


def test_hostile_texts_are_shown_and_do_nothing(hostile: Report) -> None:
    content = page(hostile)
    found = Reader(content)
    assert not found.loads
    assert found.tags["script"] == 1
    assert "img" not in found.tags
    assert not re.search("[\x00-\x08\x0b-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069\ud800-\udfff]", content)
    content.encode()
    words = "".join(found.words)
    for text in ("<script>alert(1)</script>", "</script><img src=x onerror=alert(1)>", "lone \ufffd surrogate"):
        assert text in words


def test_it_works_without_its_script(made: Report) -> None:
    words = " ".join(Reader(page(made)).words)
    for text in ("What is not known", "Why not the others", "The price of the next point", "case-000", "Combien coûte"):
        assert text in words


def test_every_figure_has_its_method_in_words_and_not_on_hover_alone(made: Report) -> None:
    content = page(made)
    methods = content[content.index('<ol class="methods">') :]
    for text in (
        "measured: tokens counted, declared price",
        "estimated: declared power x busy time, zone FR",
        "as published",
        "not published",
    ):
        assert text in methods


def test_simulated_and_published_say_so_wherever_they_stand(made: Report) -> None:
    content = page(made)
    for svg in re.findall(r"<svg.*?</svg>", content, re.DOTALL):
        names = re.findall(r'<text class="name[^>]*>([^<]*)</text>', svg)
        assert all("simulated" in name for name in names if name.startswith("big"))
        assert all("published" in name for name in names if name.startswith("leaderboard"))
        assert svg.count("<polygon") == sum(name.startswith("big") for name in names)
    rows = re.findall(r'<th scope="row">([^<]*)</th>', content)
    assert [row for row in rows if row.startswith("big")]
    assert all("(simulated)" in row for row in rows if "big" in row)
    assert all("(published)" in row for row in rows if "leaderboard" in row)


def test_tables_can_be_read_aloud(made: Report) -> None:
    content = page(made)
    tables = re.findall(r"<table>.*?</table>", content, re.DOTALL)
    assert len(tables) > 8
    for table in tables:
        assert "<caption>" in table
        assert 'scope="col"' in table
        assert 'scope="row"' in table
        widths = {len(re.findall(r"<t[hd][ >]", row)) for row in re.findall(r"<tr.*?</tr>", table, re.DOTALL)}
        assert len(widths) == 1, table[:200]
    assert '<html lang="en">' in content
    assert all(f"<title>{t}" in content for t in ("Quality against cost", "Confidence of tier-1"))


def test_unknown_is_never_nothing(made: Report) -> None:
    candidates = tuple(
        msgspec.structs.replace(c, resources=type(c.resources)(), latency=None, parameters=None)
        for c in made.candidates
    )
    content = page(msgspec.structs.replace(made, candidates=candidates))
    assert "The cost, energy, carbon, latency and number of parameters of every candidate are unknown." in content
    assert "$0<" not in content
    assert "No picture of quality against cost, quality against carbon, quality against latency" in content


def test_texts_left_out_are_said_to_be(made: Report) -> None:
    content = page(without_texts(made))
    Reader(content)
    assert "were left out of this report" in content
    assert "Combien" not in content


def test_its_size_is_bounded(made: Report, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(browser, "MOST", 100)
    content = page(made)
    Reader(content)
    assert "25 of 80 cases are shown" in content
    long = tuple(msgspec.structs.replace(o, output="mot " * 20_000) for o in made.outcomes)
    content = page(msgspec.structs.replace(made, outcomes=long))
    assert "… [cut: 80,000 characters]" in content
    assert len(content) < 3_000_000
    monkeypatch.setattr(browser, "MOST_CHARACTERS", 100_000)
    assert "The page is full" in page(made)


def test_cases_that_tell_most_are_shown_first(made: Report, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(browser, "MOST", 40)
    content = page(made)
    shown = re.findall(r'data-disagree="(yes|no)"', content)
    assert shown.count("yes") == len(shown) == 10


def test_differences_are_marked_word_by_word() -> None:
    assert browser.diff(["The", " ", "price", " ", "is", " ", "5"], ["The", " ", "price", " ", "is", " ", "6"]) == (
        "The price is <del>6</del><ins>5</ins>"
    )
    assert browser.diff(["a", "<", "b"], ["a", "<", "c"]) == "a&lt;<del>c</del><ins>b</ins>"
    assert browser.diff(["quite", " ", "other"], ["The", "price"]) == "quite other"


def test_judge_and_throughput_have_their_place(made: Report) -> None:
    judged = Judged(judge="tier-2", cases=40, invalid=2, notes=("<b>a note</b>",))
    flow = Throughput(limit_ms=2000, quantile=0.95, per_second=12.5, concurrency=8)
    candidates = (msgspec.structs.replace(made.candidates[0], throughput=flow), *made.candidates[1:])
    words = "".join(Reader(page(msgspec.structs.replace(made, judged=judged, candidates=candidates))).words)
    for text in (
        "What the judge is worth",
        "2 outside its scale or empty",
        "No person has judged",
        "<b>a note</b>",
        "12.5 /s",
        "2 s for 95%",
    ):
        assert text in words
