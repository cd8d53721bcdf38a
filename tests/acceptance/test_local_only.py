"""Local only, with a live large tier configured: not one connection is tried, and there is an answer all the same."""

from __future__ import annotations

import ast
import json
import os
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

GATEWAY = """
import json, sys
from pathlib import Path

tried = []

def watch(event, arguments):
    '''Installed before palier: it sees what is tried, also what palier then refuses. And nothing gets out of a test.'''
    if event in ("socket.connect", "socket.sendto", "socket.sendmsg"):
        address = arguments[1]
        host = address[0] if isinstance(address, tuple) else ""
        if host not in ("", "127.0.0.1", "::1"):
            tried.append(f"{event} {host}")
            raise PermissionError(f"a test tried to reach {host}")
    if event == "socket.getaddrinfo" and arguments[0] not in (None, "", "localhost", "127.0.0.1", "::1"):
        if arguments[0] == "192.0.2.1":
            return
        tried.append(f"{event} {arguments[0]}")
        raise PermissionError(f"a test tried to look up {arguments[0]}")
    if event == "subprocess.Popen":
        started.append([str(word) for word in arguments[1]])

import httpx2

httpx2.Client().close()  # the test's own client: what it loads once, and starts for it, is not palier's
started = []
sys.addaudithook(watch)

from tests.serving import served

CLOUD = {"kind": "endpoint", "model": "large", "retries": 1, "connect_timeout_s": 1.0}
WORDS = "The fibre in Brest is repaired within 48 hours of the report, at no cost. A technician calls before coming."

def tree(local_only):
    tiers = [{"model": "quote"}, {"model": "cloud", "highest_label": "restricted"}]
    named = [{"model": "quote"}, {"model": "named", "highest_label": "restricted"}]
    return {
        "privacy": {"local_only": local_only},
        "redaction": {"names": "auto" if local_only else "off"},  # their models connect to nothing, and take seconds
        "store": {"record_content": True},
        "models": {
            "quote": {"kind": "extract"},
            "cloud": {**CLOUD, "base_url": "http://192.0.2.1:9/v1"},
            "named": {**CLOUD, "base_url": "http://cloud.invalid:9/v1"},
        },
        "routes": {
            "stairs": {"tiers": tiers, "collections": ["notes"], "audit": 1.0},
            "named": {"tiers": named, "collections": ["notes"]},
            "alone": {"tiers": tiers[1:]},
        },
    }

def ask(client, route, question, stream):
    body = {"model": route, "messages": [{"role": "user", "content": question}], "stream": stream}
    reply = client.post("/chat/completions", json=body)
    if stream and reply.status_code == 200:
        said = [json.loads(line[6:]) for line in reply.text.splitlines() if line.startswith("data: {")]
        report = next(chunk["palier"] for chunk in said if chunk.get("palier"))
    else:
        report = reply.json().get("palier", {})
    return {"route": route, "status": reply.status_code, "report": report}

out = []
with served(tree(sys.argv[2] == "closed"), Path(sys.argv[1])) as gateway:
    with httpx2.Client(base_url=gateway.base_url, headers=gateway.headers, timeout=60) as client:
        put = {"text": WORDS, "label": "public", "title": "Repairs"}
        client.put("/palier/collections/notes/documents/fibre", json=put).raise_for_status()
        for stream in (False, True):
            for route in ("stairs", "named", "alone"):
                for question in ("How soon is the fibre repaired in Brest?", "Who won the cup in 1998?"):
                    out.append(ask(client, route, question, stream))
    gateway.run(gateway.palier.auditor.complete())
print(json.dumps({"answers": out, "tried": tried, "started": started}))
"""


def run(repository: Path, folder: Path, mode: str) -> dict[str, Any]:
    folder.mkdir()
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join([str(repository), *sys.path])}
    done = subprocess.run(
        [sys.executable, "-c", GATEWAY, str(folder), mode], capture_output=True, text=True, check=False, env=environment
    )
    assert done.returncode == 0, done.stderr
    found: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return found


def test_not_one_connection_with_a_live_large_tier(repository: Path, tmp_path: Path) -> None:
    closed = run(repository, tmp_path / "closed", "closed")
    assert closed["tried"] == []
    assert len(closed["answers"]) == 12
    for answer in closed["answers"]:
        assert answer["status"] < 500, answer
        if answer["route"] != "alone":
            assert answer["status"] == 200, answer
            assert answer["report"]["decision"]["action"] in ("stay", "abstain"), answer
    assert closed["started"], "the workers"
    children = [re.sub(r"\S*/", "", " ".join(command[1:])) for command in closed["started"]]
    assert {re.sub(r"\d+$", "N", child) for child in children} <= {"-P worker.py N"}, children


def test_the_same_gateway_would_have_tried(repository: Path, tmp_path: Path) -> None:
    """What makes the test above one that can fail."""
    tried = run(repository, tmp_path / "open", "open")["tried"]
    assert {"socket.connect 192.0.2.1", "socket.getaddrinfo cloud.invalid"} <= set(tried)


# --- the children ------------------------------------------------------------------------------------------------

CHILDREN = {
    "models/weights.py:subprocess.run": "pip, for `palier models pull`; refused in this mode",
    "jobs/lane.py:subprocess.Popen": "jobs/worker.py, which refuses the network in any mode",
    "models/engine_process.py:asyncio.create_subprocess_exec": "models/engine_child.py, likewise",
    "training/lora.py:asyncio.create_subprocess_exec": "training/lora_child.py, likewise",
}
"""Every place in palier that starts a process, and what holds the child. A new one must be thought about."""

STARTS = re.compile(
    r"(subprocess\.(run|Popen|call|check_call|check_output|getoutput|getstatusoutput)"
    r"|.*\bcreate_subprocess_(exec|shell)|.*\bsubprocess_(exec|shell)"
    r"|os\.(system|popen|exec\w+|spawn\w+|posix_spawnp?|fork|forkpty)|pty\.(spawn|fork)"
    r"|(.*\.)?(ProcessPoolExecutor|get_context|Pool|Process|Manager))"
)


def test_every_child_that_palier_starts_is_known(repository: Path) -> None:
    root = repository / "src" / "palier"
    found = set()
    for file in root.rglob("*.py"):
        for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Call) and STARTS.fullmatch(called := ast.unparse(node.func)):
                found.add(f"{file.relative_to(root).as_posix()}:{called}")
    assert found == set(CHILDREN)


TRY = """
import asyncio, os, socket, subprocess, sys
def below(event, arguments):
    if event in ("socket.connect", "socket.sendto", "socket.sendmsg", "socket.getaddrinfo", "socket.gethostbyname"):
        raise SystemError("the net below: it got out")
def attempts():
    '''One after the other, what each ends with.'''
    sys.addaudithook(below)
    udp = socket.socket(type=socket.SOCK_DGRAM)
    for attempt in (
        lambda: socket.socket().connect(("192.0.2.1", 9)),
        lambda: socket.create_connection(("127.0.0.1", 9)),
        lambda: udp.sendto(b"x", ("192.0.2.1", 9)),
        lambda: udp.sendmsg([b"x"], [], 0, ("192.0.2.1", 9)),
        lambda: socket.getaddrinfo("model.example", 80),
        lambda: socket.gethostbyname("model.example"),
        lambda: socket.gethostbyaddr("192.0.2.1"),
        lambda: subprocess.run([sys.executable, "-c", "pass"]),
        lambda: os.system("true"),
    ):
        try:
            attempt()
        except PermissionError:
            yield "refused"
        except BaseException as error:
            yield repr(error)
        else:
            yield "let through"
"""


async def test_a_worker_has_no_network_in_any_mode(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from palier.jobs.pool import ProcessWorkers

    (tmp_path / "trying.py").write_text(TRY + "def said():\n    return list(attempts())\n")
    monkeypatch.syspath_prepend(tmp_path)
    import trying  # type: ignore[import-not-found]

    workers = ProcessWorkers()
    try:
        for lane in (workers.interactive, workers.batch):
            assert await lane.run(trying.said) == ["refused"] * 9
    finally:
        await workers.close()


def test_the_engines_process_has_no_network_in_any_mode(tmp_path: Path, repository: Path) -> None:
    """Its own program, with an engine in place of the native one that tries what Python code could try."""
    server = """
class CommonParams:
    def __init__(self):
        import types
        self.model, self.cpuparams, self.cpuparams_batch = (types.SimpleNamespace() for _ in range(3))
class CommonAdapterLoraInfo: pass
class Server:
    def __init__(self, parameters):
        self.listening_address = " ".join(attempts())
"""
    (tmp_path / "xllamacpp.py").write_text(TRY + server)
    configuration = {"name": "n", "weights": "w", "key": "k", "parent": os.getpid(), "context": 1, "parallel": 1}
    child = subprocess.Popen(
        [sys.executable, "-P", "-m", "palier.models.engine_child"],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        env={**os.environ, "PYTHONPATH": os.pathsep.join([str(tmp_path), str(repository / "src")])},
    )
    with child:
        assert child.stdin is not None
        assert child.stdout is not None
        child.stdin.write(json.dumps({**configuration, "threads": 1}) + "\n")
        child.stdin.flush()
        answer = json.loads(child.stdout.readline())
    assert answer == {"address": " ".join(["refused"] * 9), "error": ""}
