"""Pages load what lies in the package, nothing is inline, and whatever is put into one is escaped."""

from __future__ import annotations

import hashlib
import re
from importlib import resources
from pathlib import Path

import pytest
from jinja2 import UndefinedError

from palier.budgets import RouteBudgetExceeded
from palier.errors import BudgetExceeded, NotFound, PalierError
from palier.server.console.rendering import POLICY, asset, environment, file_reply, heading
from palier.server.console.words import Words

CONSOLE = Path(str(resources.files("palier.server.console")))


@pytest.mark.parametrize("file", sorted((CONSOLE / "templates").glob("*.html")), ids=lambda file: file.name)
def test_nothing_is_inline_and_nothing_is_let_through(file: Path) -> None:
    text = file.read_text(encoding="utf-8")
    assert not re.search(r"<script(?![^>]*\bsrc=)|<style\b|\sstyle=|\son\w+=|javascript:|\|\s*safe\b", text)
    assert "autoescape" not in text
    environment().get_template(file.name)


def test_a_spent_budget_says_whose_it_is() -> None:
    words = Words("fr")
    assert "cette clé" in heading(words, BudgetExceeded("spent"))
    assert "cette route" in heading(words, RouteBudgetExceeded("spent"))
    assert heading(words, PalierError("odd")) == words("errors.internal_error")


def test_a_value_is_escaped_and_made_visible() -> None:
    made = environment().from_string("<p title=\"{{ x }}\">{{ x }}{{ y }}</p>{{ ['<b>']|data }}")
    shown = made.render(x="<b>\"\u202e'", y=None)
    assert shown == ('<p title="&lt;b&gt;&#34;⟨U+202E⟩&#39;">&lt;b&gt;&#34;⟨U+202E⟩&#39;</p>[&#34;&lt;b&gt;&#34;]')
    with pytest.raises(UndefinedError):
        environment().from_string("{{ nothing }}").render()


def test_what_others_wrote_is_what_its_table_says() -> None:
    table = dict(
        re.findall(r"^\| `([\w.]+)` .* `([0-9a-f]{64})` \|$", (CONSOLE / "vendor/README.md").read_text(), re.M)
    )
    files = {file.name: file for file in (CONSOLE / "vendor").iterdir() if file.suffix in (".js", ".css")}
    assert table == {name: hashlib.sha256(file.read_bytes()).hexdigest() for name, file in files.items()}


def test_a_file_is_kept_by_browsers_under_the_address_of_its_content() -> None:
    address = asset("console.css")
    version = address.partition("?v=")[2]
    headers = dict(file_reply("console.css", version).headers)
    assert headers[b"content-type"] == b"text/css; charset=utf-8"
    assert b"immutable" in headers[b"cache-control"]
    assert dict(file_reply("console.css", "older").headers)[b"cache-control"] == b"no-cache"
    for name in ("../serving.py", "README.md", "LICENSE-pico", ""):
        with pytest.raises(NotFound):
            file_reply(name, "")


def test_the_policy_lets_nothing_inline_or_foreign_in() -> None:
    said = dict(rule.split(" ", 1) for rule in POLICY.split("; "))
    assert said["default-src"] == said["frame-ancestors"] == said["base-uri"] == "'none'"
    assert said["script-src"] == said["style-src"] == said["connect-src"] == said["form-action"] == "'self'"
    assert "unsafe" not in POLICY
