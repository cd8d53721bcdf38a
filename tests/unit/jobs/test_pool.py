"""Worker processes: bounded, healed when one dies, gone with their parent."""

import asyncio
import contextlib
import operator
import os
import signal
import socket
import subprocess
import sys
import tempfile
import textwrap
import time

import psutil
import pytest

from palier.errors import Busy, InvalidRequest, Unavailable
from palier.jobs.lane import Lane, Limits
from palier.jobs.pool import ProcessWorkers


@contextlib.asynccontextmanager
async def lane(count=1, max_queue=8, warm=None, **limits):
    made = Lane("test", count, max_queue, Limits(**limits), warm)
    try:
        yield made
    finally:
        await made.close()


async def until(condition, seconds=60.0):
    """Wait for what another process does; fails the test where it does not come."""
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, "waited in vain"
        await asyncio.sleep(0.01)


async def test_values_come_back_from_another_process():
    async with lane(count=2) as workers:
        assert await workers.run(operator.add, 2, 3) == 5
        pids = await asyncio.gather(*(workers.run(os.getpid) for _ in range(6)))
        assert os.getpid() not in pids


async def test_exceptions_come_back_whole():
    async with lane() as workers:
        with pytest.raises(KeyError, match="missing"):
            await workers.run(operator.getitem, {}, "missing")
        # a native exception whose constructor wants more arguments still arrives as words
        with pytest.raises((UnicodeDecodeError, RuntimeError), match="utf-8"):
            await workers.run(bytes.decode, b"\xff")
        with pytest.raises(RuntimeError, match="SystemExit"):
            await workers.run(sys.exit, 3)
        assert await workers.run(operator.add, 1, 1) == 2, "an exit is an error like others"


def test_the_tree_of_errors_survives_the_journey():
    import pickle

    sent = InvalidRequest("no", hint="do", param="text", retry_after=2.0)
    got = pickle.loads(pickle.dumps(sent))
    assert (got.message, got.hint, got.param, got.retry_after) == ("no", "do", "text", 2.0)


async def test_what_cannot_be_sent_is_the_callers_error():
    async with lane() as workers:
        with pytest.raises(Exception, match=r"pickle|lambda|local"):
            await workers.run(lambda: 1)
        assert await workers.run(operator.add, 1, 1) == 2


async def test_a_worker_that_is_killed_fails_its_task_and_is_replaced():
    async with lane() as workers:
        pid = await workers.run(os.getpid)
        doomed = asyncio.create_task(workers.run(time.sleep, 30))
        waiting = asyncio.create_task(workers.run(os.getpid))
        await asyncio.sleep(0.05)
        os.kill(pid, signal.SIGKILL)
        with pytest.raises(Unavailable, match="signal 9"):
            await doomed
        assert await waiting not in (pid, os.getpid()), "the next task finds a new worker"


async def test_a_worker_that_died_between_tasks_costs_nobody_anything():
    async with lane() as workers:
        pid = await workers.run(os.getpid)
        os.kill(pid, signal.SIGKILL)
        await until(lambda: not any(process.alive for process in workers._processes))
        assert await workers.run(operator.add, 1, 1) == 2


async def test_a_worker_that_dies_costs_a_question_nothing_and_a_file_its_turn(tmp_path, monkeypatch):
    (tmp_path / "slow.py").write_text(
        "import pathlib, time\ndef slow(begun):\n    pathlib.Path(begun).touch()\n    time.sleep(2)\n    return 'done'\n"
    )
    monkeypatch.syspath_prepend(tmp_path)
    from slow import slow

    workers = ProcessWorkers(1)
    try:
        pids = await asyncio.gather(workers.run(os.getpid), workers.batch.run(os.getpid))
        begun = [tmp_path / "question", tmp_path / "file"]
        question = asyncio.create_task(workers.run(slow, str(begun[0])))
        file = asyncio.create_task(workers.batch.run(slow, str(begun[1])))
        for pid, sign in zip(pids, begun, strict=True):
            await until(sign.exists)
            os.kill(pid, signal.SIGKILL)
        with pytest.raises(Unavailable, match="signal 9"):
            await file
        assert await question == "done"
        assert await workers.run(os.getpid) != pids[0]
    finally:
        await workers.close()


@pytest.mark.parametrize(
    ("task", "said", "processes"),
    [((os._exit, 7), "exit status 7", 2), ((time.sleep, 30), "longer than 2 s", 1)],
    ids=["dies again", "takes too long"],
)
async def test_a_task_is_tried_twice_at_most_and_one_that_took_too_long_once(tmp_path, task, said, processes):
    count = (tempfile.mkdtemp, ("", "", str(tmp_path)))  # a folder for each process that was warm
    async with lane(warm=count, retry=True, timeout_s=2.0) as workers:
        await workers.run(os.getpid)
        with pytest.raises(Unavailable, match=said):
            await workers.run(*task)
        assert len(list(tmp_path.iterdir())) == processes
        assert await workers.run(operator.add, 1, 1) == 2


async def test_a_worker_that_leaves_is_reported_with_its_status():
    async with lane() as workers:
        with pytest.raises(Unavailable, match="exit status 7"):
            await workers.run(os._exit, 7)


async def test_the_queue_is_bounded_and_says_when_to_come_back():
    async with lane(max_queue=2) as workers:
        await workers.run(os.getpid)
        running = asyncio.create_task(workers.run(time.sleep, 0.5))
        await asyncio.sleep(0.1)
        waiting = [asyncio.create_task(workers.run(operator.add, i, 0)) for i in range(2)]
        await asyncio.sleep(0)
        with pytest.raises(Busy) as caught:
            await workers.run(operator.add, 9, 9)
        assert caught.value.retry_after
        assert caught.value.status == 429
        await running
        assert await asyncio.gather(*waiting) == [0, 1]


async def test_a_task_that_takes_too_long_is_stopped():
    async with lane(timeout_s=2.0) as workers:
        await workers.run(os.getpid)
        begun = time.monotonic()
        with pytest.raises(Unavailable, match=r"longer than 2 s"):
            await workers.run(time.sleep, 30)
        assert time.monotonic() - begun < 10
        assert await workers.run(operator.add, 1, 1) == 2


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux holds to RLIMIT_DATA")
async def test_a_task_that_takes_too_much_memory_is_stopped():
    async with lane(memory_mb=256) as workers:
        with pytest.raises(Unavailable, match="256 MB"):
            await workers.run(bytearray, 10**9)
        assert await workers.run(operator.add, 1, 1) == 2


async def test_a_cancelled_caller_gives_up_its_turn():
    async with lane() as workers:
        await workers.run(os.getpid)
        running = asyncio.create_task(workers.run(time.sleep, 0.3))
        await asyncio.sleep(0.05)
        given_up = asyncio.create_task(workers.run(time.sleep, 30))
        await asyncio.sleep(0)
        given_up.cancel()
        assert await asyncio.wait_for(workers.run(operator.add, 1, 1), 10) == 2
        await running


async def test_an_idle_process_ends_and_comes_back():
    async with lane(idle_s=0.2) as workers:
        pid = await workers.run(os.getpid)
        await until(lambda: not psutil.pid_exists(pid))
        assert await workers.run(os.getpid) != pid


async def test_warm_runs_before_the_first_task(tmp_path):
    marker = tmp_path / "warm"
    async with lane(warm=(os.mkdir, (str(marker),))) as workers:
        workers.start()
        await until(marker.exists)
        assert await workers.run(operator.add, 1, 1) == 2


async def test_workers_see_no_keys_and_have_no_network(monkeypatch):
    monkeypatch.setenv("SOME_API_KEY", "secret")
    async with lane() as workers:
        assert await workers.run(os.getenv, "SOME_API_KEY") is None
        with (
            socket.create_server(("127.0.0.1", 0)) as server,
            pytest.raises(PermissionError, match="no network"),
        ):
            await workers.run(socket.create_connection, server.getsockname())
        with pytest.raises(PermissionError, match="start nothing"):
            await workers.run(os.system, "true")


async def test_what_a_worker_prints_does_not_reach_our_output(capfd):
    async with lane() as workers:
        await workers.run(print, "noise")
        await workers.run(os.write, 1, b"noise")
    assert "noise" not in capfd.readouterr().out


@pytest.mark.parametrize("retry", [False, True])
async def test_closing_fails_what_was_under_way_and_leaves_no_process(retry):
    async with lane(retry=retry) as workers:
        pid = await workers.run(os.getpid)
        running = asyncio.create_task(workers.run(time.sleep, 30))
        waiting = asyncio.create_task(workers.run(operator.add, 1, 1))
        await asyncio.sleep(0.05)
        await workers.close()
        for task in (running, waiting):
            with pytest.raises(Unavailable):
                await task
        with pytest.raises(Unavailable, match="closed"):
            await workers.run(operator.add, 1, 1)
    assert not psutil.pid_exists(pid)


async def test_questions_do_not_wait_behind_documents():
    workers = ProcessWorkers(1)
    try:
        await asyncio.gather(workers.run(os.getpid), workers.batch.run(os.getpid))
        long = [asyncio.create_task(workers.batch.run(time.sleep, 0.5)) for _ in range(3)]
        await asyncio.sleep(0)
        assert await workers.run(operator.add, 1, 1) == 2
        assert not long[-1].done()
        await asyncio.gather(*long)
    finally:
        await workers.close()


PARENT = """
import asyncio, os, sys, time
from palier.jobs.pool import ProcessWorkers

async def main():
    workers = ProcessWorkers(1)
    pids = [await workers.run(os.getpid), await workers.batch.run(os.getpid), await workers.strict.run(os.getpid)]
    busy = asyncio.create_task(workers.run(time.sleep, 60))
    await asyncio.sleep(0.1)
    print(*pids, flush=True)
    await busy

asyncio.run(main())  # no main guard: workers do not import this file
"""


@pytest.mark.parametrize("how", [signal.SIGKILL, signal.SIGINT])
async def test_workers_end_with_their_parent_however_it_ends(tmp_path, how):
    script = tmp_path / "parent.py"
    script.write_text(textwrap.dedent(PARENT))
    parent = subprocess.Popen([sys.executable, script], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    pids = [int(word) for word in parent.stdout.readline().split()]
    assert len(pids) == 3
    parent.send_signal(how)
    await until(lambda: not any(psutil.pid_exists(pid) for pid in pids))
    _, noise = parent.communicate()
    assert noise.count("Traceback (most recent call last)") <= (0 if how == signal.SIGKILL else 2), noise
    assert "palier/jobs/worker.py" not in noise, "the workers themselves are quiet"


def _busy_s(seconds: float) -> float:
    """As long of the processor."""
    ends = time.process_time() + seconds
    while time.process_time() < ends:
        pass
    return seconds


async def test_who_had_little_of_the_processor_is_waited_for_longer_but_not_for_ever() -> None:
    async with lane(timeout_s=1.0, patience=3) as workers:
        await workers.run(time.sleep, 0)  # the process is there
        assert await workers.run(time.sleep, 2.0) is None
        with pytest.raises(Unavailable, match=r"longer than 3 s"):
            await workers.run(time.sleep, 30)


async def test_who_had_it_and_takes_long_is_not() -> None:
    async with lane(timeout_s=1.0, patience=30) as workers:
        await workers.run(time.sleep, 0)
        with pytest.raises(Unavailable, match=r"longer than \d+ s"):
            await workers.run(_busy_s, 60.0)
