"""The console as people use it, in a real browser: signing in, asking, correcting, with the keyboard, on a telephone."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from selenium.webdriver.common.keys import Keys
from tests.browser import workshop
from tests.browser.chromium import Browser
from tests.browser.company import HOSTILE
from tests.serving import Served

Person = Callable[[str], Browser]
Console = tuple[Served, dict[str, str]]
PAGES = (
    "/console/overview",
    "/console/ask",
    "/console/knowledge",
    "/console/knowledge/collections/archive",
    "/console/knowledge/document?collection=archive&id=fr%2Fastreintes.md",
    "/console/knowledge/search?q=eSIM",
    "/console/traces",
    "/console/lessons",
    "/console/judge",
    "/console/guarantee",
    "/console/models",
    f"/console/models/versions/{workshop.SHADOW}?effect=yes",
    "/console/benchmarks",
    "/console/benchmarks/reports/offers-2",
    "/console/benchmarks/compare?before=offers-1&after=offers-2",
    "/console/ledger",
    "/console/ledger/1",
    "/console/actions",
    "/console/no/such/page",
)


def ask(window: Browser, question: str) -> None:
    """Ask by typing, and wait for the whole answer."""
    count = len(window.all(".outcome[aria-busy=false]"))
    field = window.one("#question")
    window.driver.execute_script("arguments[0].value = arguments[1]", field, question)
    field.send_keys(Keys.ENTER)
    window.wait(lambda w: len(w.all(".outcome[aria-busy=false]")) > count)


def test_somebody_signs_in_asks_sees_sources_and_corrects(console: Console, person: Person) -> None:
    window = person("anna")
    ask(window, "Is an eSIM free?")
    assert "free" in window.one(".answer .words").text
    mark = window.one(".answer a.mark")
    window.press(mark)
    source = window.one(".source.cited")
    assert mark.get_attribute("href").endswith(f"#{source.get_attribute('id')}")
    window.wait(lambda w: w.focused() == source)  # the keyboard goes on from the source
    window.press(window.one(".why summary"))
    assert "tier-1 answered" in window.one(".step.answered .landing").text
    window.press(window.one(".thumb[value=up]"))
    window.wait(lambda w: "kept as right" in w.one(".kept").text)
    window.press(window.one(".correct summary"))
    field = window.wait(lambda w: w.one(".correct textarea"))
    field.clear()
    field.send_keys("It is free, and comes within the hour.")
    window.press(window.one(".correct button"))
    window.wait(lambda w: "reviewer accepts it" in w.one(".kept").text)
    gateway = console[0]
    (trace,) = gateway.run(gateway.palier.list_traces(limit=1)).traces
    (kept,) = gateway.run(gateway.palier.feedback.ratings(trace.id))
    assert (kept.principal, kept.correction) == ("anna", "It is free, and comes within the hour.")
    assert not window.complaints()


def test_a_conversation_goes_on_and_begins_anew(console: Console, person: Person) -> None:
    window = person("anna")
    ask(window, "Is an eSIM free?")
    ask(window, "And within which time?")
    gateway = console[0]
    (trace,) = gateway.run(gateway.palier.list_traces(limit=1)).traces
    content = gateway.run(gateway.palier.read_trace(trace.id)).content  # type: ignore[union-attr]
    assert content is not None
    assert [message.role for message in content.messages] == ["user", "assistant", "user"]
    window.press(window.one("#again"))
    assert not window.all(".turn")


def test_hostile_words_are_inert_in_a_browser(person: Person) -> None:
    window = person("anna")
    ask(window, HOSTILE)
    title, shown = window.driver.title, window.one(".question .words").text
    assert "owned" not in title
    assert "<script>" in shown
    assert "⟨U+202E⟩" in shown
    assert "⟨U+001B⟩" in shown
    assert not window.all(".turn img, .turn script")
    assert not window.complaints()


def test_another_language_keeps_what_a_list_was_filtered_by(person: Person) -> None:
    window = person("anna")
    window.open("/console/traces")
    field = window.one("#f-q")
    field.send_keys("a & b\n")
    window.wait(lambda w: "q=a" in w.driver.current_url)
    window.press(window.one("a.language"))
    assert window.wait(lambda w: w.one("html[lang=fr] #f-q").get_attribute("value")) == "a & b"
    assert not window.complaints()


def test_everything_is_there_with_the_keyboard_alone(console: Console, window: Browser) -> None:
    window.driver.delete_all_cookies()
    window.look()
    window.wait(lambda w: w.focused() == w.one("#key"))
    window.focused().send_keys(console[1]["anna"], Keys.ENTER)
    window.wait(lambda w: w.focused() == w.one("#question"))
    window.open("/console/no/such/page")
    window.one("body").send_keys(Keys.TAB)
    first = window.focused()
    assert first.get_attribute("href").endswith("#main")
    first.send_keys(Keys.ENTER)
    window.wait(lambda w: w.focused().tag_name == "main")


def test_a_reviewer_works_through_lessons_by_the_keyboard(console: Console, person: Person) -> None:
    window = person("bruno")
    window.open("/console/lessons")
    ids = [card.get_attribute("id").removeprefix("l-") for card in window.all(".lesson")]
    assert len(ids) == 3

    def focused() -> str:
        return window.focused().get_attribute("id").removeprefix("l-")

    window.wait(lambda _: focused() == ids[0])
    window.focused().send_keys("j")
    assert focused() == ids[1]
    window.focused().send_keys("k")
    assert focused() == ids[0]
    window.focused().send_keys("a")
    window.wait(lambda _: focused() == ids[1])
    window.focused().send_keys("e")
    window.wait(lambda w: w.focused().tag_name == "textarea")
    field = window.one(f"#answer-{ids[1]}")
    field.send_keys(" Une date plus lointaine se demande. aer")
    window.press(window.one(f"#l-{ids[1]} button[name=accept]"))
    window.wait(lambda _: focused() == ids[2])
    window.focused().send_keys("r")
    window.wait(lambda w: len(w.all(".lesson.done")) == 3)
    gateway = console[0]
    lessons = [gateway.run(gateway.palier.lessons.get(name)) for name in ids]
    assert [(one.state, one.reviewer) for one in lessons] == [
        (s, "bruno") for s in ("accepted", "accepted", "rejected")
    ]
    assert lessons[1].answer.endswith("Une date plus lointaine se demande. aer"), "keys in a field are its own"
    assert not window.complaints()


def test_a_reviewer_judges_by_the_keyboard(console: Console, person: Person) -> None:
    window = person("bruno")
    window.open("/console/judge")
    first = window.one("#judge [name=trace]").get_attribute("value")
    drafts = len(window.all("#judge fieldset"))
    for key in "yn"[:drafts]:
        window.focused().send_keys(key)
    window.focused().send_keys(Keys.ENTER)
    window.wait(lambda w: w.one("main").text and first not in w.driver.page_source)
    gateway = console[0]
    done = gateway.run(gateway.palier.audits.done(source="person"))
    verdicts = next(audit.judgements for audit in done if audit.trace == first)
    assert {one.who for one in verdicts} == {"bruno"}


def test_signing_out_closes_the_door(person: Person) -> None:
    window = person("anna")
    window.press(window.one(".account button"))
    window.one("#key")
    window.open("/console/ask")
    window.one("#key")
    assert "next=" in window.driver.current_url


@pytest.mark.parametrize(
    ("language", "scheme"),
    [
        ("en", "light"),
        ("fr", "dark"),
        pytest.param("en", "dark", marks=pytest.mark.slow),
        pytest.param("fr", "light", marks=pytest.mark.slow),
    ],
)
def test_no_page_has_a_serious_fault(person: Person, language: str, scheme: str) -> None:
    window = person("local")
    window.look(language=language, scheme=scheme)  # type: ignore[arg-type]
    found = {}
    for path in ("/console/sign-in", *PAGES):
        window.open(path)
        assert window.one("html").get_attribute("lang") == language
        window.driver.execute_script("document.querySelectorAll('details').forEach((one) => { one.open = true; })")
        found[path] = window.faults()
    window.open("/console/ask")
    ask(window, "Is an eSIM free?")
    for summary in window.all("summary"):
        window.press(summary)
    found["an answer"] = window.faults()
    window.open("/console/traces")
    window.press(window.one("main a[href*='/console/traces/']"))
    window.one(".waterfall")
    found["a trace"] = window.faults()
    assert not {page: faults for page, faults in found.items() if faults}


def test_no_page_is_wider_than_a_telephone(person: Person) -> None:
    window = person("local")
    window.look(width=360, height=740)
    wide = {}
    for path in ("/console/sign-in", *PAGES):
        window.open(path)
        if path.endswith("ask"):
            ask(window, "Is an eSIM free?")
        wide[path] = window.driver.execute_script("return document.documentElement.scrollWidth")
    assert set(wide.values()) == {360}, wide


def test_a_telephone_shows_what_became_of_a_request_and_leaves_room_for_the_answer(person: Person) -> None:
    window = person("local")
    window.look(width=360, height=740)
    window.open("/console/ask")
    ask(window, "Is an eSIM free?")
    assert window.one(".composer").size["height"] < 180
    window.open("/console/traces")
    outcome = window.one("#list .tag").rect
    assert outcome["x"] + outcome["width"] <= 360


def test_a_source_and_what_a_trace_stood_on_lead_to_their_documents(person: Person) -> None:
    window = person("anna")
    ask(window, "Is an eSIM free?")
    (trace,) = (a.get_attribute("href") for a in window.all(".source.cited .path a"))
    window.open(trace.removeprefix(window.url))
    assert "eSIM" in window.one("h1").text


def test_pages_work_without_scripts(console: Console, person: Person) -> None:
    window = person("anna")
    window.driver.execute_cdp_cmd("Emulation.setScriptExecutionDisabled", {"value": True})
    try:
        window.open("/console/ask")
        window.one("#question").send_keys("Is an eSIM free?")
        window.one("#send").click()
        assert "free" in window.one(".answer .words").text
        window.one(".thumb[value=down]").click()
        assert "kept as wrong" in window.one(".kept").text
    finally:
        window.driver.execute_cdp_cmd("Emulation.setScriptExecutionDisabled", {"value": False})


def test_from_a_file_to_a_lesson_and_the_way_back(console: Console, person: Person, tmp_path: Path) -> None:
    """An operator brings a document, somebody asks and corrects, a reviewer accepts, and a version is taken back."""
    (tmp_path / "lighthouse.md").write_text(f"# The lighthouse of Penmarch\n\nIt is 65 metres tall. {HOSTILE}\n")
    (tmp_path / "broken.pdf").write_bytes(b"%PDF-1.4 and no more")
    (tmp_path / "large.txt").write_text("x" * 5_000_000)
    window = person("chloe")
    window.open("/console/knowledge")
    window.one("#files").send_keys("\n".join(str(path) for path in tmp_path.iterdir()))
    window.driver.execute_script("document.getElementById('least').value = 'public'")
    window.press(window.one("#upload button"))
    window.wait(lambda w: len(w.all("#uploaded .tag")) == 2 and not w.one("#sent").is_displayed())
    assert sorted(tag.text for tag in window.all("#uploaded .tag")) == ["added", "refused"]
    assert "large.txt: That is too long" in window.one("#uploaded .problem").text
    window.wait(lambda w: w.all("#list tbody tr")[1].find_elements("css selector", "td")[0].text == "5")
    window.press(window.one("#uploaded a"))
    assert "⟨U+202E⟩" in window.one(".card .words").text
    assert "owned" not in window.driver.title
    window.open("/console/knowledge")
    assert "broken.pdf" in window.one("#failing + p + ul").text
    window.press(window.one("#failing + p + ul button"))
    window.wait(lambda w: "broken.pdf" in w.one(".kept").text)
    assert not window.all("#failing")
    window.open("/console/ask")
    ask(window, "How tall is the lighthouse of Penmarch?")
    assert "65 metres" in window.one(".answer .words").text
    assert "lighthouse.md" in window.one(".source.cited").text
    window.press(window.one(".correct summary"))
    field = window.wait(lambda w: w.one(".correct textarea"))
    field.clear()
    field.send_keys("65 metres, to the top of the lantern.")
    window.press(window.one(".correct button"))
    window.wait(lambda w: "reviewer accepts it" in w.one(".kept").text)
    window.open("/console/lessons")
    window.press(window.one("form[action$=harvest] button"))
    window.wait(lambda w: "Lessons made" in w.one(".kept").text)
    card = _lesson(window, "lantern")
    window.press(card.find_element("css selector", "[data-key=a]"))
    window.wait(lambda w: "somebody else" in w.one(".lesson > .problem").text)
    window.press(card.find_element("css selector", "[data-key=a]"))
    window.wait(lambda w: len(w.all(".lesson > .problem")) == 1 and "lantern" in card.text)
    person("bruno").open("/console/lessons")
    window.press(_lesson(window, "lantern").find_element("css selector", "[data-key=a]"))
    window.wait(lambda w: "may be taught" in w.one(".lesson.done").text)
    person("chloe").open("/console/models")
    gateway = console[0]
    asked = gateway.palier.request(workshop.QUESTION, route=workshop.ROUTE)
    assert gateway.run(gateway.palier.answer(asked)).text == workshop.OTHER
    window.press(window.one(".confirm summary"))
    window.press(window.one(".confirm .danger"))
    window.wait(lambda w: "answers on desk again" in w.one(".kept").text)
    asked = gateway.palier.request(workshop.QUESTION, route=workshop.ROUTE)
    assert gateway.run(gateway.palier.answer(asked)).text == workshop.OWN
    done = [one.what for one in gateway.run(gateway.palier.access.actions.page(limit=200))]
    assert {"document.upload", "ask", "rate", "lessons.harvest", "lesson.accept", "version.rollback"} <= set(done)


def _lesson(window: Browser, words: str) -> Any:
    return next(card for card in window.all(".lesson") if words in card.text)
