"""`palier status --watch`: through the gateway, drawn on a terminal, in lines elsewhere."""

from __future__ import annotations

import json
import os
import pty
import re
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import httpx2
import pytest
from tests.serving import STAIRS, Served, served, write_script
from typer.testing import CliRunner, Result

from palier.cli import app, terminal
from palier.server.admin import AdminServer

TOML = 'data = "data"\n[models.small]\nkind = "fake"\n[[routes.support.tiers]]\nmodel = "small"\n'


def palier(*arguments: str, status: int = 0) -> Result:
    terminal.out.cache_clear()
    terminal.err.cache_clear()
    done = CliRunner().invoke(app, list(arguments))
    terminal.out.cache_clear()
    terminal.err.cache_clear()
    assert done.exit_code == status, done.output
    return done


@pytest.fixture
def gateway(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Served]:
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("PALIER_CONFIG", raising=False)
    write_script(tmp_path)
    (tmp_path / "palier.toml").write_text(TOML)
    with served({"data": "data", **STAIRS}, tmp_path) as running:
        admin = AdminServer(running.palier, running.palier.folder.admin_socket)
        running.run(admin.__aenter__())
        ask(running)
        yield running
        running.run(admin.__aexit__())


def ask(running: Served) -> None:
    body = {"model": "support", "messages": [{"role": "user", "content": "Bonjour"}]}
    assert httpx2.post(f"{running.base_url}/chat/completions", json=body, headers=running.headers).status_code == 200


def test_where_no_terminal_is_each_look_is_lines(gateway: Served) -> None:
    lines = palier("status", "--watch", "--looks", "2", "--every", "0.2").stdout.splitlines()
    assert len(lines) == 2 * len(STAIRS["routes"])
    support = [
        line for line in lines if re.match(r"\S+ support: 1 requests; answered by tier-1 1; \d+ ms; \$0 \+1\?$", line)
    ]
    assert len(support) == 2
    looks = palier("status", "-w", "--looks", "2", "--every", "0.2", "--json").stdout.splitlines()
    (support,) = [one for one in json.loads(looks[1])["routes"] if one["route"] == "support"]
    assert (support["requests"], support["answered"]) == (1, {"tier-1": 1})


def test_without_a_gateway_there_is_nothing_to_watch(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "palier.toml").write_text(TOML)
    assert "no gateway runs" in palier("status", "--watch", status=4).stderr


def test_on_a_terminal_it_is_drawn_again_and_ctrl_c_leaves_it_clean(gateway: Served) -> None:
    command = [sys.executable, "-m", "palier", "status", "--watch", "--every", "0.2"]
    inside, outside = pty.openpty()
    environment = {**os.environ, "TERM": "xterm", "COLUMNS": "60", "LINES": "12"}
    running = subprocess.Popen(command, stdin=outside, stdout=outside, stderr=outside, env=environment)
    os.close(outside)
    written = b""
    deadline = time.monotonic() + 60
    while written.count(b"busy") < 3 and time.monotonic() < deadline:
        written += os.read(inside, 65_536)
    running.send_signal(signal.SIGINT)
    while time.monotonic() < deadline:
        try:
            more = os.read(inside, 65_536)
        except OSError:  # what Linux says of a terminal that nobody holds any more
            break
        if not more:
            break
        written += more
    os.close(inside)
    assert running.wait(30) == 130
    assert b"Traceback" not in written
    assert written.rfind(b"\x1b[?25h") > written.rfind(b"\x1b[?25l") >= 0, "the cursor is there again"
    assert b"\x1b[?1049h" not in written, "what stood there before still stands there"
    first = re.split(rb"\x1b\[1A", written)[0]
    drawn = re.sub(r"\x1b\[[0-9;?]*[A-Za-z]|\r", "", first.decode()).rstrip().split("\n")
    assert len(drawn) <= 12
    assert all(len(line.rstrip()) <= 60 for line in drawn)
