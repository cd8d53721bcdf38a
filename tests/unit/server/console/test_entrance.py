"""Coming in: by a key, once a form of this browser shows it; and what a session is worth."""

from __future__ import annotations

import logging
import re
from collections.abc import Callable
from html import unescape
from pathlib import Path

import httpx2
import pytest
from tests.serving import served
from tests.unit.server.console.conftest import TREE, Person

from palier.access import AccessKey, Role
from palier.errors import StoreError
from palier.server.console import sessions
from palier.stores.actions import SqliteActions

People = Callable[..., Person]


def test_nobody_comes_in_without_signing_in(stranger: Person) -> None:
    for path in ("/console", "/console/ask", "/console/nothing/here"):
        reply = stranger.get(path)
        assert reply.status_code == 303, path
        assert reply.headers["location"].startswith("/console/sign-in")
    assert stranger.get("/console/ask?route=x").headers["location"] == (
        "/console/sign-in?next=%2Fconsole%2Fask%3Froute%3Dx"
    )
    part = stranger.get("/console/ask", **{"HX-Request": "true"})
    assert (part.status_code, part.headers["hx-redirect"]) == (401, "/console/sign-in")


def test_a_key_opens_a_session_that_scripts_and_other_sites_do_not_get(people: People) -> None:
    person = people()
    reply = person.get("/console/ask")
    assert reply.status_code == 200
    (cookie,) = [c for c in person.client.cookies.jar if not c.name.endswith("-form")]
    assert cookie.path == "/console"
    assert cookie.has_nonstandard_attr("HttpOnly")
    assert person.gateway.key not in reply.text
    assert cookie.value != person.gateway.key


def test_cookies_are_narrow(stranger: Person) -> None:
    plain = stranger.get("/console/sign-in").headers["set-cookie"]
    assert "HttpOnly" in plain
    assert "SameSite=Strict" in plain
    assert "Secure" not in plain
    assert "Secure" in stranger.get("/console/sign-in", **{"X-Forwarded-Proto": "https"}).headers["set-cookie"]


def test_a_wrong_key_opens_nothing_and_is_on_record(stranger: Person) -> None:
    reply = stranger.sign_in("plr_nothing")
    assert reply.status_code == 401
    assert "opens nothing here" in reply.text
    assert "plr_nothing" not in reply.text
    (action,) = stranger.gateway.run(stranger.gateway.palier.access.actions.page(limit=1))
    assert (action.what, action.who, action.about, action.outcome) == ("sign-in", "", "127.0.0.1", "unauthorized")
    assert stranger.get("/console/ask").status_code == 303


def test_the_form_must_be_of_this_browser(stranger: Person) -> None:
    key = stranger.gateway.key
    for form in ({"key": key}, {"key": key, "csrf": "x"}, {"key": key, "csrf": stranger.token("/console/sign-in")}):
        stranger.client.cookies.clear()
        assert stranger.client.post("/console/sign-in", data=form).status_code == 403


def test_too_many_that_fail_have_to_wait(stranger: Person, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sessions, "TRIES", 0)
    reply = stranger.sign_in(stranger.gateway.key)
    assert reply.status_code == 429
    assert int(reply.headers["retry-after"]) >= 1


@pytest.mark.parametrize(
    ("given", "led"),
    [
        ("/console/ask?route=a", "/console/ask?route=a"),
        ("https://example.org", "/console"),
        ("//example.org", "/console"),
        ("/console//example.org", "/console"),
        ("/consoles", "/console"),
        ("/console/\\example.org", "/console"),
        ("/console/\r\nSet-Cookie: a=b", "/console"),
    ],
)
def test_whoever_signs_in_is_led_to_a_page_of_the_console(stranger: Person, given: str, led: str) -> None:
    assert stranger.sign_in(stranger.gateway.key, next=given).headers["location"] == led


def test_a_revoked_key_ends_its_sessions(people: People) -> None:
    person = people(Role.VIEWER)
    assert person.get("/console/ask").status_code == 200
    person.gateway.run(person.gateway.palier.access.keys.revoke(person.name))
    assert person.get("/console/ask").status_code == 303


async def fill(actions: SqliteActions, words: str) -> None:
    for _ in range(1_000):
        await actions.record("", who=words, role="", about=words, outcome="")


@pytest.mark.parametrize("goes_on", [False, True])
def test_on_a_full_disk_people_come_in_to_look_where_the_settings_say_go_on(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, goes_on: bool
) -> None:
    (tmp_path / "script.jsonl").write_text('{"answer": "Yes."}\n')
    tree = {**TREE, "store": {"on_store_failure": "go on" if goes_on else "refuse"}}
    with served(tree, tmp_path) as gateway, httpx2.Client(base_url=gateway.url, timeout=30) as client:
        actions = gateway.palier.access.actions
        full = lambda c: c.pragma("max_page_count", c.pragma("page_count"))  # noqa: E731
        gateway.run(actions._database.write(full))
        for size in (500, 0):
            with pytest.raises(StoreError):
                gateway.run(fill(actions, "x" * size))
        person = Person(gateway, client)
        with caplog.at_level(logging.ERROR):
            assert person.sign_in(gateway.key).status_code == (303 if goes_on else 503)
        assert ("A SIGN-IN IS NOT RECORDED (`local`, from 127.0.0.1, done)" in caplog.text) == goes_on
        assert person.get("/console/knowledge").status_code == (200 if goes_on else 303)
        if goes_on:
            asked = person.post("/console/knowledge/delete", {"collection": "notes", "id": "none"})
            assert asked.status_code == 503, "what is done is kept on record, or not done"


def test_signing_out_ends_the_session(people: People) -> None:
    person = people(Role.VIEWER)
    kept = dict(person.client.cookies)
    assert person.post("/console/sign-out").headers["location"] == "/console/sign-in"
    person.client.cookies.update(kept)
    assert person.get("/console/ask").status_code == 303, "the cookie that was kept is worth nothing"


def test_the_language_is_kept_in_a_cookie(people: People) -> None:
    person = people()
    assert '<html lang="en">' in person.get("/console/ask").text
    assert '<html lang="fr">' in person.get("/console/ask", **{"Accept-Language": "fr"}).text
    reply = person.get("/console/language/fr?back=/console/ask")
    assert reply.headers["location"] == "/console/ask"
    assert "Votre question" in person.get("/console/ask").text
    assert person.get("/console/language/xx?back=//example.org").headers["location"] == "/console"


def test_another_language_leads_back_to_the_page_with_its_query(people: People, stranger: Person) -> None:
    person = people()
    asked = "/console/knowledge/document?collection=notes&id=bell&back=//example.org/%C3%A9+%26"
    for one, path in (
        (person, asked),
        (person, "/console/no%20such/%C3%A9?q=1"),
        (stranger, "/console/sign-in?next=/console/ask"),
    ):
        (link,) = re.findall(r'class="language"[^>]* href="([^"]+)"', one.get(path).text)
        led = one.get(unescape(link)).headers["location"]
        assert led == path
        assert led.isascii()


def test_home_is_the_first_page_of_whoever_is_there(people: People) -> None:
    assert people(Role.VIEWER).get("/console").headers["location"].startswith("/console/")


def test_a_key_that_was_shown_is_shown_no_more(stranger: Person) -> None:
    from palier.server.http import _is_new

    palier, run = stranger.gateway.palier, stranger.gateway.run
    known = bool(run(palier.access.keys.list()))
    assert run(_is_new(palier)) is not known
    assert not run(_is_new(palier))
    run(palier.access.keys.create(AccessKey(name="somebody")))
    assert not run(_is_new(palier))
