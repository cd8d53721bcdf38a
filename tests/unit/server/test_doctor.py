"""The doctor, on folders, files and upstreams that are really so."""

from __future__ import annotations

import asyncio
import contextlib
from pathlib import Path
from typing import Any

import apsw
import pytest
from tests.earlier import without_lessons

from palier.app import Palier
from palier.config import Settings, parse
from palier.errors import Unavailable
from palier.interfaces import EntryFilter
from palier.privacy import names
from palier.privacy.keys import KeySource
from palier.privacy.ledger import Chain
from palier.privacy.sealing import Sealer, new_key
from palier.server import speeds
from palier.server.admin import AdminServer
from palier.server.doctor import energy, folder, machine, models, privacy, students, upstreams
from palier.server.doctor.examination import address, examine, exit_status, never_asked, policy
from palier.server.doctor.finding import Finding
from palier.server.speeds import Speed
from palier.stores.folder import DataFolder
from palier.stores.ledger import SqliteLedger
from palier.stores.ledger_file import LedgerFile
from palier.stores.versions import SqliteVersions
from palier.testing.upstream import Call, Upstream, Wire
from palier.testing.versions import version_of
from palier.types import Document


def by_check(findings: list[Finding]) -> dict[str, Finding]:
    return {finding.check: finding for finding in findings}


def settings(root: Path, **models: dict[str, Any]) -> Settings:
    return parse({"models": models}, root=root)


# --- machine -------------------------------------------------------------------------------------------------------


def test_this_machine_is_described(tmp_path: Path) -> None:
    found = by_check(list(machine.check(tmp_path / "not" / "yet")))
    assert set(found) == {"system", "cores", "memory", "disk"}
    assert all(finding.detail for finding in found.values())
    assert all(finding.advice for finding in found.values() if finding.status != "ok")


def test_a_small_machine_is_told_so(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(machine, "LEAST_MEMORY", 10**15)
    monkeypatch.setattr(machine, "LEAST_DISK", 10**18)
    found = by_check(list(machine.check(tmp_path)))
    assert found["memory"].status == "warn"
    assert found["disk"].status == "fail"


# --- energy and carbon ---------------------------------------------------------------------------------------------


def test_meters_and_the_zone_are_told(tmp_path: Path) -> None:
    """Without either all works, so nothing fails: what to set is said."""
    engine = {"kind": "engine", "weights": "smollm2-135m"}
    bare = by_check(list(energy.check(settings(tmp_path, small=engine, cloud=CLOUD))))
    assert "graphics card" in bare["meters"].detail
    assert {finding.status for finding in bare.values()} == {"ok"}
    assert "no zone of electricity is set" in bare["carbon"].detail
    assert '[carbon] zone = "FRA"' in bare["carbon"].advice
    assert "[models.cloud]" in bare["carbon"].advice
    assert "small" in bare["energy"].detail
    tree = {"small": {**engine, "watts": 45.0}, "cloud": {**CLOUD, "region": "eu-north-1"}}
    told = by_check(list(energy.check(parse({"models": tree, "carbon": {"zone": "FRA"}}, root=tmp_path))))
    assert "small: FRA 56.0 g/kWh" in told["carbon"].detail
    assert "cloud: eu-north-1 of AWS is in SWE 40.7 g/kWh" in told["carbon"].detail
    assert told["carbon"].advice == ""
    assert "energy" not in told


def test_what_is_no_zone_fails(tmp_path: Path) -> None:
    wrong = parse({"models": {"quote": {"kind": "extract"}}, "carbon": {"zone": "France"}}, root=tmp_path)
    found = by_check(list(energy.check(wrong)))
    assert found["carbon"].status == "fail"
    assert "did you mean `FRA`" in found["carbon"].advice


# --- folder --------------------------------------------------------------------------------------------------------


def test_no_folder_yet_is_well(tmp_path: Path) -> None:
    (finding,) = folder.check(settings(tmp_path))
    assert finding.status == "ok"


async def test_a_folder_in_use_is_whole_and_says_who_holds_it(tmp_path: Path) -> None:
    async with Palier.open(settings(tmp_path)):
        found = by_check(list(folder.check(settings(tmp_path))))
    assert {finding.status for finding in found.values()} == {"ok"}
    stores = {f"store {name}.db" for name in ("knowledge", "traces", "access", "ledger", "lessons", "state")}
    assert set(found) == {"data folder", "access key", "lock", *stores}
    assert "held by process" in found["lock"].detail


async def test_what_others_may_read_is_a_failure_with_its_remedy(tmp_path: Path) -> None:
    async with Palier.open(settings(tmp_path)) as palier:
        data = palier.folder
    data.path.chmod(0o755)
    data.key_file.chmod(0o644)
    found = by_check(list(folder.check(settings(tmp_path))))
    assert found["data folder"].status == found["access key"].status == "fail"
    assert found["access key"].advice == f"chmod 600 {data.key_file}"
    assert found["lock"].detail == "free"


async def test_a_damaged_store_is_found(tmp_path: Path) -> None:
    async with Palier.open(settings(tmp_path)) as palier:
        file = palier.folder.traces
    connection = apsw.Connection(str(file))
    for _ in connection.execute("PRAGMA wal_checkpoint(TRUNCATE)"):
        pass
    connection.close()
    whole = file.read_bytes()
    file.write_bytes(whole[:4096] + b"\xa5" * (len(whole) - 4096))
    finding = by_check(list(folder.check(settings(tmp_path))))["store traces.db"]
    assert finding.status == "fail"
    assert "damaged" in finding.detail
    assert finding.advice


# --- students ------------------------------------------------------------------------------------------------------


async def test_students_of_which_it_is_not_known_what_they_learnt_are_named(tmp_path: Path) -> None:
    async def found() -> list[Finding]:
        return [one async for one in students.check(settings(tmp_path))]

    assert await found() == []
    data = DataFolder(settings(tmp_path).folder).path
    data.mkdir()
    versions = [version_of("support") for _ in range(8)]
    store = SqliteVersions.open(data / "state.db")
    for one in versions:
        await store.add(one)
        await store.shadow(one.id, {})
    await store.promote(versions[6].id, best=True)
    await store.close()
    for one in versions[:7]:
        (data / "students" / one.id).mkdir(parents=True)
    (finding,) = await found()
    assert (finding.status, finding.detail) == ("ok", "7 taught; by what is known of each")
    without_lessons(data / "state.db")
    (finding,) = await found()
    assert finding.status == "warn"
    assert f"{versions[6].id} (answers on support), " in finding.detail
    assert "and 2 more" in finding.detail
    assert finding.advice.startswith("palier learn support teaches another")


# --- models --------------------------------------------------------------------------------------------------------


async def test_models_are_opened_and_asked(tmp_path: Path) -> None:
    found = by_check(
        [f async for f in models.check(settings(tmp_path, fake={"kind": "fake"}, quote={"kind": "extract"}))]
    )
    assert set(found) == {"encoder", "model fake", "model quote"}
    assert {finding.status for finding in found.values()} == {"ok"}


async def test_a_model_that_cannot_be_made_fails_with_its_hint(tmp_path: Path) -> None:
    told = settings(tmp_path, old={"kind": "recorded"}, quote={"kind": "extract"})
    found = by_check([f async for f in models.check(told)])
    assert found["model old"].status == "fail"
    assert "old" in found["model old"].detail
    assert found["model quote"].status == "ok", "one that is broken hides no other"


async def test_what_no_route_reads_and_what_routes_read_in_vain_is_told(tmp_path: Path) -> None:
    told = parse(
        {
            "models": {"quote": {"kind": "extract"}},
            "routes": {
                name: {"collections": ["empty"], "tiers": [{"model": "quote"}]} for name in ("support", "sales")
            },
        },
        root=tmp_path,
    )
    async with Palier.open(told) as palier:
        await palier.put_documents([Document(id="a.md", collection="lost", text="The bell rings at noon.")])
    found = by_check([f async for f in models.check(told)])
    assert (found["collection lost"].status, found["collection empty"].status) == ("warn", "warn")
    assert "lost" in found["collection lost"].advice
    assert found["collection empty"].detail == "routes support, sales read it, and it holds no document"
    assert "palier ingest" in found["collection empty"].advice


async def test_weights_that_are_not_there_fail_with_what_to_do(tmp_path: Path) -> None:
    told = settings(tmp_path, small={"kind": "engine", "weights": "nothing.gguf"})
    found = by_check([f async for f in models.check(told)])["model small"]
    assert found.status == "fail"
    assert "nothing.gguf" in found.detail
    assert found.advice


@pytest.mark.engine
async def test_an_engine_is_measured_and_its_speed_kept(tmp_path: Path) -> None:
    told = settings(tmp_path, small={"kind": "engine", "weights": "smollm2-135m"})
    found = by_check([f async for f in models.check(told)])["model small"]
    assert found.status == "ok", found.detail
    measured = speeds.read(told.folder)["smollm2-135m"]
    assert measured.decode > 0
    assert measured.first_ms > 0
    assert f"{measured.decode:.0f} tokens/s" in found.detail


async def test_a_running_gateway_is_asked_instead(tmp_path: Path) -> None:
    told = settings(tmp_path, fake={"kind": "fake"})
    async with Palier.open(told) as palier, AdminServer(palier, palier.folder.admin_socket):
        palier.models["fake"].healthy = False  # type: ignore[attr-defined]
        found = by_check([f async for f in models.check(told)])
    assert found["gateway"].status == "ok"
    assert found["model fake"].status == "fail"
    assert found["model fake"].detail == "scripted as unhealthy"


async def test_a_folder_held_by_something_else_is_no_failure(tmp_path: Path) -> None:
    told = settings(tmp_path, fake={"kind": "fake"})
    async with Palier.open(told):
        (finding,) = [f async for f in models.check(told)]
    assert finding.status == "warn"
    assert "in use by process" in finding.detail


def test_speeds_are_kept(tmp_path: Path) -> None:
    assert speeds.read(tmp_path) == {}
    speed = Speed(decode=47.0, first_ms=120.0, when="2026-11-21")
    speeds.keep(tmp_path, "a", speed)
    speeds.keep(tmp_path, "b", speed)
    assert speeds.read(tmp_path) == {"a": speed, "b": speed}
    (tmp_path / "speeds.json").write_text("{")
    assert speeds.read(tmp_path) == {}
    speeds.keep(tmp_path / "missing", "a", speed)


# --- upstreams -----------------------------------------------------------------------------------------------------


def lists(status: int, body: bytes) -> Any:
    async def behave(call: Call, wire: Wire) -> None:
        await wire.whole(status, body, {"content-type": "application/json"})

    return behave


async def look(root: Path, url: str, **fields: Any) -> Finding:
    told = settings(root, cloud={"kind": "endpoint", "base_url": url, "model": "large", "on_premises": True, **fields})
    (finding,) = [f async for f in upstreams.check(told)]
    return finding


@pytest.mark.parametrize(
    ("status", "body", "verdict", "words"),
    [
        (200, b'{"data": [{"id": "large"}]}', "ok", "has `large`"),
        (200, b'{"data": [{"id": "small"}]}', "warn", "does not list `large`"),
        (200, b"<html>", "warn", "not a list"),
        (200, b'{"data": 1}', "warn", "not a list"),
        (401, b"{}", "fail", "refuses the key"),
        (404, b"{}", "warn", "answers 404"),
        (501, b"", "warn", "answers 501"),
        (302, b"", "fail", "answers 302"),
        (500, b"oops", "fail", "answers 500"),
    ],
)
async def test_an_upstream_is_judged_by_its_list_of_models(
    tmp_path: Path, status: int, body: bytes, verdict: str, words: str
) -> None:
    async with Upstream(default=lists(status, body)) as upstream:
        finding = await look(tmp_path, upstream.url)
    assert (finding.status, words in finding.detail) == (verdict, True)
    assert finding.advice or verdict == "ok"
    assert upstream.calls[0].path == "/v1/models"


async def test_an_upstream_out_of_reach_exits_4(tmp_path: Path) -> None:
    finding = await look(tmp_path, "http://127.0.0.1:9/v1")
    assert finding.status == "fail"
    assert exit_status([finding]) == 4
    assert exit_status([finding, Finding(check="x", status="fail", detail="")]) == 2
    away = Finding.failed("model small", Unavailable("the engine is not ready"))
    assert exit_status([away]) == 4
    assert exit_status([Finding(check="x", status="warn", detail="")]) == 0


async def test_local_only_passes_an_upstream_over_and_says_so(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PALIER_LOCAL_ONLY", "1")
    found = await look(tmp_path, "http://192.0.2.1:9/v1", on_premises=False)
    assert (found.status, found.detail) == ("warn", "local only: nothing may leave to 192.0.2.1")


async def test_the_key_is_sent_and_its_absence_said(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    async with Upstream(default=lists(200, b'{"data": [{"id": "large"}]}')) as upstream:
        monkeypatch.delenv("CLOUD_KEY", raising=False)
        missing = await look(tmp_path, upstream.url, api_key_env="CLOUD_KEY")
        assert missing.status == "fail"
        assert "CLOUD_KEY" in missing.detail
        assert upstream.calls == []
        assert exit_status([missing]) == 2
        monkeypatch.setenv("CLOUD_KEY", "s3cret")
        assert (await look(tmp_path, upstream.url, api_key_env="CLOUD_KEY")).status == "ok"
        assert upstream.calls[0].headers["authorization"] == "Bearer s3cret"


async def test_an_upstream_elsewhere_is_asked_through_the_door(tmp_path: Path) -> None:
    async with Upstream(default=lists(200, b'{"data": [{"id": "large"}]}')) as upstream:
        assert (await look(tmp_path, upstream.url, on_premises=False)).status == "ok"
    with contextlib.closing(LedgerFile.open(DataFolder(settings(tmp_path).folder).ledger)) as ledger:
        (link,) = ledger.entries(EntryFilter())
    assert (link.entry.clearance.purpose, link.entry.clearance.destination, link.entry.host) == (
        "probe",
        "cloud",
        "127.0.0.1",
    )


# --- the door ------------------------------------------------------------------------------------------------------


CLOUD = {"kind": "endpoint", "base_url": "https://192.0.2.1/v1", "model": "large"}


def door(root: Path, tier: dict[str, Any] | None = None, **more: Any) -> list[Finding]:
    tree = {
        "models": {"cloud": CLOUD},
        "routes": {"support": {"audit": 0.0, "tiers": [{"model": "cloud", **(tier or {})}]}},
    }
    return list(privacy.check(parse({**tree, **more}, root=root)))


def test_what_leaves_is_said(tmp_path: Path) -> None:
    open_door, redaction = door(tmp_path)
    assert (open_door.status, "open to cloud" in open_door.detail) == ("ok", True)
    assert (redaction.check, redaction.status) == ("redaction", "ok")
    (shut,) = door(tmp_path, privacy={"local_only": True})
    assert "nothing leaves" in shut.detail
    (none,) = list(privacy.check(settings(tmp_path)))
    assert "nothing leaves" in none.detail


def test_who_is_told_elsewhere_is_said_too(tmp_path: Path) -> None:
    told: dict[str, Any] = {
        "ledger": {"heads_webhook": "https://heads.example/"},
        "telemetry": {"otlp": "https://spans.example/v1/traces", "on_premises": False},
        "drift": {"enabled": True, "webhook": "https://drift.example/"},
        "alerts": {"webhook": "http://127.0.0.1:9/"},
    }
    names = "[drift] webhook, [ledger] heads_webhook, [telemetry] otlp"
    open_door, _ = door(tmp_path, **told)
    assert f"open to cloud, {names};" in open_door.detail
    (shut,) = door(tmp_path, **told, privacy={"local_only": True})
    assert (shut.status, shut.detail.endswith(f"nothing is told to {names}")) == ("warn", True)
    near = {**told, "drift": {**told["drift"], "on_premises": True}, "ledger": {}, "telemetry": {}}
    (shut,) = door(tmp_path, **near, privacy={"local_only": True})
    assert (shut.status, shut.detail) == ("ok", "local only: nothing leaves")


def test_personal_data_that_leaves_as_it_is_is_warned_of(tmp_path: Path) -> None:
    _, bare = door(tmp_path, {"redact": False})
    assert (bare.status, bare.advice) == ("warn", "remove redact = false")


def test_patterns_alone_are_said_in_a_clear_word(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(names, "installed", lambda: ())
    _, redaction = door(tmp_path)
    assert redaction.status == "warn"
    assert "only patterns are active" in redaction.detail
    assert "palier[pii]" in redaction.advice


async def test_a_lost_key_is_found(tmp_path: Path) -> None:
    folder = DataFolder(settings(tmp_path).folder).prepared()
    source = KeySource.of(settings(tmp_path))
    ledger = SqliteLedger.open(folder.ledger, Sealer(source.read()), Chain())
    await ledger.keep_map("a", 2e9, b"{}")
    await ledger.close()
    assert [finding.status for finding in door(tmp_path)] == ["ok", "ok", "ok"]
    source.write([new_key()])
    *_, lost = door(tmp_path)
    assert (lost.status, "1 maps cannot be read" in lost.detail) == ("fail", True)


# --- everything ----------------------------------------------------------------------------------------------------


async def test_a_bad_file_ends_the_examination(tmp_path: Path) -> None:
    file = tmp_path / "palier.toml"
    file.write_text("[server]\nprot = 1\n")
    findings = [finding async for finding in examine(file)]
    assert findings[-1].check == "settings"
    assert "did you mean `port`?" in findings[-1].advice
    assert exit_status(findings) == 2


async def test_a_good_file_is_examined_to_the_end(tmp_path: Path) -> None:
    file = tmp_path / "palier.toml"
    file.write_text('[models.quote]\nkind = "extract"\n[[routes.support.tiers]]\nmodel = "quote"\n')
    findings = [finding async for finding in examine(file)]
    assert exit_status(findings) == 0
    assert {"settings", "data folder", "meters", "carbon", "encoder", "model quote"} <= set(by_check(findings))


def test_a_tier_that_may_not_receive_what_clients_write_is_named() -> None:
    tree = {
        "models": {"large": {"kind": "fake"}, "quote": {"kind": "extract"}},
        "routes": {"support": {"tiers": [{"model": "quote"}, {"model": "large"}]}},
    }
    settings = parse(tree)
    findings = list(never_asked(settings, "support", settings.routes["support"]))
    assert [finding.status for finding in findings] == ["warn"]
    assert "tier-2 (large) is never asked" in findings[0].detail
    assert 'highest_label = "internal"' in findings[0].advice
    elsewhere = {**tree, "models": {"large": CLOUD, "quote": {"kind": "extract"}}}
    (finding,) = never_asked(parse(elsewhere), "support", parse(elsewhere).routes["support"])
    assert "nothing of this route leaves to it: keep it so" in finding.advice


# --- address -------------------------------------------------------------------------------------------------------


async def test_an_address_that_another_program_has_is_told(tmp_path: Path) -> None:
    taken = await asyncio.get_running_loop().create_server(asyncio.Protocol, "127.0.0.1", 0)
    port = taken.sockets[0].getsockname()[1]
    told = parse({"server": {"port": port}}, root=tmp_path)
    finding = await address(told)
    assert finding is not None
    assert (finding.status, str(port) in finding.detail, bool(finding.advice)) == ("fail", True, True)
    taken.close()
    await taken.wait_closed()
    finding = await address(told)
    assert finding is not None
    assert finding.status == "ok"
    async with Palier.open(told):
        assert await address(told) is None


# --- policies ------------------------------------------------------------------------------------------------------


def test_a_policy_that_is_not_there_or_of_other_tiers_is_told(tmp_path: Path) -> None:
    tiers = [{"model": "a", "name": name} for name in ("tier-1", "tier-2")]
    route = {"policy": "p.json", "tiers": tiers}
    made = parse({"models": {"a": {"kind": "fake"}}, "routes": {"support": route}}, root=tmp_path)
    missing = policy(made, "support", made.routes["support"])
    assert (missing.status, missing.advice) == ("warn", "palier calibrate -o writes one")
    written = (
        b'{"tiers": [{"name": "home", "threshold": 0.7, "calibrator": {"features": [{"name": "c", "mean": 0, "scale": 1,'
        b' "coefficient": 1}], "intercept": 0}}, {"name": "tier-2"}], "guarantee": {"target": "kept", "risk": 0.1,'
        b' "confidence": 0.9, "labels": 30, "certified": 30, "kept": 9, "observed": 0, "upper": 0.1,'
        b' "fitted": "2026-11-26"}}'
    )
    (tmp_path / "p.json").write_bytes(written)
    other = policy(made, "support", made.routes["support"])
    assert other.status == "warn"
    assert "made for the tiers home, tier-2, and not tier-1, tier-2" in other.detail
    (tmp_path / "p.json").write_bytes(written.replace(b'"home"', b'"tier-1"'))
    assert policy(made, "support", made.routes["support"]).detail.startswith("policy: at most 10 % wrong")
