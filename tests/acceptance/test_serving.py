"""Starting and stopping the gateway's process, as a service manager does."""

from __future__ import annotations

import os
import shutil
import signal
import socket
import subprocess
import sys
from pathlib import Path

import httpx2
import pytest
from tests.serving import STAIRS, write_script

from palier.app import Palier
from palier.config import parse
from palier.errors import ConfigurationError, StoreError
from palier.server.http import serve

SERVE = """
import asyncio, sys
from palier.app import Palier
from palier.server.http import serve

async def main():
    async with Palier.open(sys.argv[1]) as palier:
        await serve(palier)
    print("closed")

asyncio.run(main())
"""

CONFIG = """
[server]
port = 0
shutdown_timeout_s = 5
[models.scripted]
kind = "fake"
file = "script.jsonl"
[routes.support]
tiers = [{ model = "scripted", highest_label = "internal" }]
"""


def _started(folder: Path) -> tuple[subprocess.Popen[str], str, str]:
    """The process, its URL and its key."""
    write_script(folder)
    (folder / "palier.toml").write_text(CONFIG)
    process = subprocess.Popen(
        [sys.executable, "-c", SERVE, str(folder / "palier.toml")],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    assert process.stderr is not None
    url = process.stderr.readline().split()[-1]
    key = Path(process.stderr.readline().split()[-1])
    assert key.stat().st_mode & 0o077 == 0
    return process, url, key.read_text().strip()


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_lets_what_is_streaming_end_and_closes_in_order(tmp_path: Path, number: signal.Signals) -> None:
    process, url, key = _started(tmp_path)
    with process, httpx2.Client(base_url=url, headers={"Authorization": f"Bearer {key}"}, timeout=30) as client:
        body = {
            "model": "support",
            "messages": [{"role": "user", "content": "slowly"}],
            "stream": True,
            "max_tokens": 40,
        }
        with client.stream("POST", "/chat/completions", json=body) as reply:
            lines = reply.iter_lines()
            next(lines)
            os.kill(process.pid, number)
            rest = list(lines)
        assert rest[-2:] == ["data: [DONE]", ""]
        assert process.wait(20) == 0
        assert process.stdout is not None
        assert process.stdout.read() == "closed\n"


@pytest.mark.parametrize("how", ["deleted", "moved"])
def test_a_data_folder_that_went_away_meanwhile_is_told_in_a_line(tmp_path: Path, how: str) -> None:
    write_script(tmp_path)
    (tmp_path / "palier.toml").write_text(CONFIG)
    command = [sys.executable, "-m", "palier", "serve", "-c", str(tmp_path / "palier.toml")]
    with subprocess.Popen(command, stderr=subprocess.PIPE, text=True) as process:
        assert process.stderr is not None
        while "console is on" not in (line := process.stderr.readline()):
            assert line, "it did not start"
        data = tmp_path / ".palier"
        if how == "deleted":
            shutil.rmtree(data)
        else:
            data.rename(tmp_path / "elsewhere")
        process.terminate()
        said = process.stderr.read()
        assert process.wait(20) == StoreError.exit_status
    assert "Traceback" not in said
    assert said.count("is not there any more") == 1
    assert str(data) in said
    assert not data.exists()


async def test_an_address_in_use_is_a_configuration_error(tmp_path: Path) -> None:
    write_script(tmp_path)
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        async with Palier.open(parse({**STAIRS, "server": {"port": port}}, root=tmp_path)) as palier:
            with pytest.raises(ConfigurationError, match=f"127.0.0.1:{port}"):
                await serve(palier)
