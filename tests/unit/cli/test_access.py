"""`palier keys`, `groups`, `access`: what is printed, where, and with which exit status."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from click.testing import Result
from typer.testing import CliRunner

from palier.cli import app, keys
from palier.errors import ConfigurationError

NOON = 1_800_014_400.0  # 2027-01-15 12:00 UTC


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    (tmp_path / "palier.toml").write_text(
        '[models.fake]\nkind = "fake"\n[routes.support]\ntiers = [{ model = "fake", highest_label = "internal" }]\n'
    )
    monkeypatch.chdir(tmp_path)
    return tmp_path


def run(*arguments: str, status: int = 0) -> Result:
    done = CliRunner().invoke(app, list(arguments))
    assert done.exit_code == status, done.output
    return done


def test_a_key_is_printed_once_and_alone(home: Path) -> None:
    made = run("keys", "create", "shop", "--role", "operator", "--group", "sales", "--rate", "60", "--route", "support")
    secret = made.stdout.strip()
    assert secret.startswith("plr_")
    assert "\n" not in secret
    listed = run("keys", "list")
    assert secret not in listed.output
    assert f"{secret[:8]}..." in listed.stdout
    (line,) = [json.loads(line) for line in run("keys", "list", "--json").stdout.splitlines()]
    assert (line["name"], line["role"], line["groups"], line["routes"]) == ("shop", "operator", ["sales"], ["support"])
    other = run("keys", "rotate", "shop", "--keep", "24h", "--json")
    assert json.loads(other.stdout)["secret"] != secret
    run("keys", "revoke", "shop")
    assert run("keys", "list").stdout.count("revoked") == 2
    run("keys", "revoke", "shop", status=2)


@pytest.mark.parametrize(
    "wrong",
    [
        ["--role", "owner"],
        ["--per", "year"],
        ["--speaks-for", "all"],
        ["--expires", "soon"],
        ["--expires", "2027-02-30"],
        ["--expires", "2001-01-01"],
        ["--route", "nowhere"],
        ["--budget", "-1"],
        ["--rate", "0"],
        ["--group", "@hr"],
    ],
)
def test_terms_that_cannot_be_make_no_key(home: Path, wrong: list[str]) -> None:
    assert "Traceback" not in run("keys", "create", "shop", *wrong, status=2).output
    assert run("keys", "list", "--json").stdout == ""


def test_how_long_a_key_lasts() -> None:
    assert keys.expiry("90d", NOON) == NOON + 90 * 86_400
    assert keys.expiry("30m", NOON) == NOON + 1_800
    assert keys.expiry("2027-01-15", NOON) == NOON + 43_200, "the end of that day"
    for wrong in ("", "0d", "d", "1y", "1.5d", "2027-13-01", "-1d"):
        with pytest.raises(ConfigurationError):
            keys.expiry(wrong, NOON)


def test_groups_and_their_ways(home: Path) -> None:
    run("groups", "add", "hr", "ann", "paul")
    run("groups", "add", "staff", "@hr")
    assert "hr in staff" in run("groups", "show", "ann").stdout
    assert json.loads(run("groups", "show", "@hr", "--json").stdout)["groups"] == ["staff"]
    refused = run("groups", "add", "hr", "@staff", status=2)
    assert "`hr` in `staff` in `hr`" in refused.output
    run("groups", "remove", "hr", "ann")
    run("groups", "remove", "hr", "ann", status=2)
    listed = [json.loads(line) for line in run("groups", "list", "--json").stdout.splitlines()]
    assert listed == [{"name": "hr", "members": ["paul"]}, {"name": "staff", "members": ["@hr"]}]
    run("keys", "create", "shop", "--group", "hr")
    assert json.loads(run("groups", "show", "shop", "--json").stdout)["groups"] == ["hr", "staff"]


def test_readers_of_a_collection(home: Path) -> None:
    assert "everyone" in run("access", "hr").stdout
    assert "hr, user:ann" in run("access", "hr", "--allow", "hr", "--allow", "user:ann").stdout
    assert "administrators" in run("access", "hr", "--remove", "hr", "--remove", "user:ann").stdout
    assert json.loads(run("access", "hr", "--nobody", "--json").stdout)["everyone"] is False
    assert "everyone" in run("access", "hr", "--everyone").stdout
    run("access", "hr", "--everyone", "--allow", "hr", status=2)
    run("access", "hr", "--remove", "hr", status=2)


def test_a_key_in_a_house_that_is_open_says_so(home: Path) -> None:
    (home / "notes").mkdir()
    for name in ("open", "closed"):
        (home / "notes" / f"{name}.md").write_text(f"# The {name} bell\n\nIt rings at noon.\n")
        run("ingest", f"notes/{name}.md", "--collection", name, "--label", "public")
    run("access", "closed", "--allow", "hr")
    said = run("keys", "create", "shop").output
    assert "every key reads open;" in said
    found = {row["name"]: row["readers"] for row in map(json.loads, run("collections", "--json").stdout.splitlines())}
    assert found == {"open": "everyone", "closed": "hr"}
    assert run("search", "bell", "--as", "ann", "--json").stdout.count("\n") == 1
    run("groups", "add", "hr", "ann")
    assert run("search", "bell", "--as", "ann", "--json").stdout.count("\n") == 2
