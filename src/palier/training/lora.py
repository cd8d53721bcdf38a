"""A student that writes: a LoRA adapter for the embedded model, taught by lessons in a process of its own.

A folder holds all of it: the plan and the lessons as tokens, checkpoints while it goes on, then the adapter for both
engines (`peft/` for vLLM and transformers, `adapter.gguf` for the embedded engine) and its lineage, `adapter.json`. The
same call on the same folder goes on where it stopped, and does nothing where it is done.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import sys
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import msgspec

from palier import errors
from palier.errors import ConfigurationError, InvalidRequest, PalierError, Unavailable
from palier.models import adapters
from palier.models.adapters import Lineage
from palier.models.engine_tokens import EngineTokens
from palier.models.weights import hash_once
from palier.training import checkpoints, lora_plan
from palier.training.lora_child import STOPPED, Task
from palier.training.lora_lessons import LEAST, Lessons
from palier.training.lora_plan import Plan, Row
from palier.training.lora_train import ADAPTER, MERGED, PEFT, PLAN, ROWS, Told
from palier.types import JSON

CURVE = "curve.jsonl"
LENGTH = 1024
"""Tokens of a lesson at most, where nothing else is said: memory grows with it."""
STOP_S = 120.0
"""How long a training that is told to stop may take for its checkpoint."""
MAX_TOLD = 64 * 2**20
"""Bytes of one line of the process."""
_ENVIRONMENT = (
    *("PATH", "HOME", "TMPDIR", "LANG", "LC_ALL", "VIRTUAL_ENV", "PYTHONPATH", "PYTHONHOME", "PALIER_MODELS"),
    *("XDG_CACHE_HOME", "LD_LIBRARY_PATH", "DYLD_LIBRARY_PATH", "CUDA_VISIBLE_DEVICES"),
)
"""What the process sees of our environment: no key of any cloud is among it."""
_OFFLINE = {"HF_HUB_OFFLINE": "1", "TRANSFORMERS_OFFLINE": "1", "HF_HUB_DISABLE_TELEMETRY": "1", "DO_NOT_TRACK": "1"}

_PASSIVE = {"OMP_WAIT_POLICY": "passive", "GOMP_SPINCOUNT": "0"}
"""Waiting threads sleep: spinning ones take the processor from a gateway beside, and from each other."""

Tell = Callable[[Told], None]
Scores = list[tuple[list[float], list[int]]]


class Stopped(Exception):
    """The training was told to stop, and can go on from a checkpoint."""


@dataclass(frozen=True, slots=True)
class Rows:
    """Lessons as the engine's tokens."""

    rows: tuple[Row, ...]
    notes: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Taught:
    """What a folder holds once it is done."""

    folder: Path
    plan: Plan
    lineage: Lineage
    notes: tuple[str, ...] = field(default=())

    @property
    def adapter(self) -> Path:
        return self.folder / ADAPTER

    @property
    def peft(self) -> Path:
        return self.folder / PEFT


async def as_tokens(tokens: EngineTokens, lessons: Lessons, longest: int) -> Rows:
    """`lessons` as the engine reads them; those of more than `longest` tokens are left out, for they would be cut.

    Raises `InvalidRequest` where too few are left, and what the engine raises.
    """
    found, over = [], 0
    for lesson in lessons.rows:
        prompt, answer = await tokens.prompt(lesson.messages), await tokens.answer(lesson.answer)
        if len(prompt) + len(answer) > longest:
            over += 1
            continue
        found.append(Row(prompt, answer, lesson.weight, lesson.held_out))
    if len(found) < LEAST or all(row.held_out for row in found):
        raise InvalidRequest(
            f"{len(found)} lessons fit in {longest} tokens, and at least {LEAST} are needed",
            hint="a larger --length, as far as memory and the model's context go, or shorter evidence",
        )
    notes = (f"{over} lessons of more than {longest} tokens were left out",) if over else ()
    return Rows(lora_plan.held_out(found), notes)


def prepare(folder: Path, rows: Rows, *, base: str, weights: Path, **said: Any) -> Plan:
    """The plan of `folder`, made and kept for `rows` where there is none.

    Raises `ConfigurationError` where there is another, `StoreError` where it cannot be written.
    """
    plan = lora_plan.sized(rows.rows, base=base, base_sha256=hash_once(weights), **said)
    try:
        folder.mkdir(parents=True, exist_ok=True)
        present = msgspec.json.decode((folder / PLAN).read_bytes(), type=Plan)
    except FileNotFoundError:
        checkpoints.write(folder / ROWS, msgspec.json.encode(rows.rows))
        checkpoints.write(folder / PLAN, msgspec.json.encode(plan))
        return plan
    except OSError as error:
        raise checkpoints.unwritable(folder, error, 0) from None
    except msgspec.MsgspecError as error:
        raise ConfigurationError(f"{folder / PLAN} is no plan: {str(error)[:200]}", hint="teach elsewhere") from None
    if differs := lora_plan.difference(present, plan):
        raise ConfigurationError(
            f"{folder} was begun with another plan: {', '.join(differs)} differ",
            hint="name another folder with -o, or remove this one",
        )
    return present


async def teach(
    folder: Path,
    lessons: Lessons,
    weights: Path,
    *,
    route: str = "",
    code: str = "",
    threads: int = 0,
    tell: Tell = lambda _: None,
) -> Taught:
    """Carry out the plan of `folder` (see `prepare`) on `weights`, from wherever it stands.

    What is told is also appended to `curve.jsonl`; `code` is the version of palier, for the lineage. Raises `Stopped`,
    and what `lora_train.train` raises; a caller that is cancelled stops the training after a checkpoint.
    """
    plan = msgspec.json.decode((folder / PLAN).read_bytes(), type=Plan)
    present = adapters.lineage(folder / ADAPTER)
    if present is None or present.plan != _plain(plan):
        task = Task(
            do="train",
            base=str(weights),
            parent=os.getpid(),
            folder=str(folder),
            threads=threads or os.cpu_count() or 1,
        )
        with (folder / CURVE).open("ab") as curve:

            def kept(told: Told) -> None:
                curve.write(msgspec.json.encode(told) + b"\n")
                curve.flush()
                tell(told)

            await child(task, kept)
        present = _lineage(folder, plan, lessons, route, code)
        checkpoints.write(adapters.beside(folder / ADAPTER), msgspec.json.encode(present))
    # Only now: killed between the export and the lineage, it exports again.
    checkpoints.remove(folder)
    return Taught(folder, plan, present)


def _lineage(folder: Path, plan: Plan, lessons: Lessons, route: str, code: str) -> Lineage:
    return Lineage(
        base=plan.base,
        base_sha256=plan.base_sha256,
        adapter_sha256=hash_once(folder / ADAPTER),
        weights_sha256=hash_once(folder / PEFT / "adapter_model.safetensors"),
        lessons=plan.lessons,
        lessons_sha256=plan.lessons_sha256,
        label=lessons.label,
        collections=lessons.collections,
        licences=lessons.licences,
        languages=lessons.languages,
        route=route,
        code=code,
        seed=plan.seed,
        plan=_plain(plan),
        created=datetime.now(UTC).isoformat(timespec="seconds"),
    )


def _plain(plan: Plan) -> JSON:
    """As it is read again."""
    return msgspec.json.decode(msgspec.json.encode(plan), type=JSON)


async def scores(
    rows: Sequence[Row],
    weights: Path,
    *,
    adapter: Path | None = None,
    merged: Path | None = None,
    plain: Sequence[Row] = (),
    threads: int = 0,
) -> tuple[Scores, Scores]:
    """What torch makes of `rows`, under the adapter of a PEFT folder or by a merged model; and of `plain`, by the base.

    Of each row: the log-probability (nats) of each token of its answer, and the likeliest token in its place.
    """
    found: list[Told] = []
    task = Task(
        do="score-merged" if merged else "score",
        base=str(weights),
        parent=os.getpid(),
        folder=str(merged or ""),
        adapter=str(adapter or ""),
        rows=msgspec.to_builtins(list(rows)),
        plain=msgspec.to_builtins(list(plain)),
        threads=threads or os.cpu_count() or 1,
    )
    await child(task, found.append)
    told = next(told for told in found if told.event == "scores")
    return list(told.scores), list(told.plain)


async def merge(taught: Taught, weights: Path, *, threads: int = 0, tell: Tell = lambda _: None) -> Path:
    """One model of base and adapter, as transformers and vLLM read it, beside the adapter; made once."""
    folder = taught.folder / MERGED
    if not folder.is_dir():
        task = Task(
            do="merge",
            base=str(weights),
            parent=os.getpid(),
            folder=str(folder),
            adapter=str(taught.peft),
            threads=threads or os.cpu_count() or 1,
        )
        await child(task, tell)
    return folder


async def child(task: Task, tell: Tell) -> None:
    """Run `task` in its process. Raises what it failed of, `Stopped`, or `Unavailable` with its last words."""
    threads = str(task.threads)
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-P", "-m", "palier.training.lora_child"),
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
        limit=MAX_TOLD,
        env={name: os.environ[name] for name in _ENVIRONMENT if name in os.environ}
        | _OFFLINE
        | _PASSIVE
        | {"OMP_NUM_THREADS": threads, "MKL_NUM_THREADS": threads, "CUBLAS_WORKSPACE_CONFIG": ":4096:8"},
    )
    assert process.stdin is not None
    assert process.stdout is not None
    log: deque[str] = deque(maxlen=20)
    reading = asyncio.create_task(_read_log(process, log))
    failure: Told | None = None
    try:
        with contextlib.suppress(ConnectionError):
            process.stdin.write(msgspec.json.encode(task) + b"\n")
            await process.stdin.drain()
        while line := await process.stdout.readline():
            told = msgspec.json.decode(line, type=Told)
            if told.event == "failed":
                failure = told
            else:
                tell(told)
        await process.wait()
    finally:
        await asyncio.shield(_end(process))
        await reading
    if failure is not None:
        raise _error(failure)
    if process.returncode == STOPPED:
        raise Stopped("the training stopped after a checkpoint")
    if process.returncode:
        words = " | ".join(list(log)[-3:])
        raise Unavailable(
            f"the training process ended with status {process.returncode}: {words or 'it said nothing'}",
            hint="-9 is often a lack of memory; the same command goes on from the last checkpoint",
        )


async def _end(process: asyncio.subprocess.Process) -> None:
    """Let it write a checkpoint, where it is still teaching."""
    if process.returncode is None:
        with contextlib.suppress(ProcessLookupError):
            process.terminate()
        try:
            async with asyncio.timeout(STOP_S):
                await process.wait()
        except TimeoutError:
            process.kill()
            await process.wait()


async def _read_log(process: asyncio.subprocess.Process, log: deque[str]) -> None:
    assert process.stderr is not None
    while data := await process.stderr.read(65536):
        log.extend(line[:2000].decode("utf-8", "replace") for line in data.split(b"\n") if line.strip())


def _error(told: Told) -> PalierError:
    kind = getattr(errors, told.kind, Unavailable)
    made: PalierError = kind(told.words, hint=told.hint)
    return made
