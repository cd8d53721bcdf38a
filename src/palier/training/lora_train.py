"""The steps of teaching: loss on answers, AdamW, a checkpoint now and then; killed anywhere, it goes on all the same.

A step teaches what `lora_plan.order` names; no other chance is drawn after the beginning, and a checkpoint holds the
weights and both moments of AdamW exactly. Only the training process imports this.
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import msgspec
import numpy as np

from palier.errors import ConfigurationError, InvalidRequest
from palier.models.weights import hash_once
from palier.training import checkpoints, gguf_adapter, lora_plan
from palier.training.base_from_gguf import Gguf
from palier.training.checkpoints import Settled
from palier.training.lora_model import Floats, Student
from palier.training.lora_plan import Plan, Row
from palier.types import Data

PEFT, ADAPTER, MERGED, ROWS, PLAN = "peft", "adapter.gguf", "merged", "lessons.tokens.json", "plan.json"
CLIP = 1.0
"""Norm of a step's gradient at most."""
_TRIED = 2


class Told(Data, frozen=True, kw_only=True, omit_defaults=True):
    """One line of what is told while it goes on. `loss` is nats a token; times are seconds."""

    event: str
    """`begun`, `estimate`, `step`, `checkpoint`, `note`, `stopped`, `done`; `failed` and `scores` by the process."""
    step: int = 0
    steps: int = 0
    loss: float | None = None
    held_out_loss: float | None = None
    rate: float | None = None
    seconds: float | None = None
    """Since it began here; of an estimate, what it will take."""
    left_s: float | None = None
    tokens_per_s: float | None = None
    device: str = ""
    words: str = ""
    hint: str = ""
    kind: str = ""
    """Of a failure: the name of the error."""
    scores: tuple[tuple[list[float], list[int]], ...] = ()
    """Of each row, of each token of its answer: its log-probability, and the likeliest token in its place."""
    plain: tuple[tuple[list[float], list[int]], ...] = ()


Tell = Callable[[Told], None]


def train(folder: Path, base: Path, tell: Tell, stop: Callable[[], bool], *, threads: int) -> bool:
    """Teach what `folder` holds (its plan, its rows) on `base`, and export. False: stopped after a checkpoint.

    Raises `ConfigurationError` (another base, altered rows, broken checkpoints), `InvalidRequest` (the loss is no
    number), `StoreError` (the disk), `MissingExtra`.
    """
    with checkpoints.alone(folder):
        plan, rows = read(folder)
        if hash_once(base) != plan.base_sha256:
            raise ConfigurationError(
                f"{base.name} is not the base of this plan: its SHA-256 is not {plan.base_sha256[:16]}...",
                hint="teach on the weights that it began on, or in another folder",
            )
        weights = Gguf(base)
        found = checkpoints.latest(folder, plan.digest, lambda words: tell(Told(event="note", words=words)))
        device = found[0].settled.device if found else _device()
        _set(device, found[0].settled.threads if found else threads)
        student = Student(weights, device)
        student.begin(plan)
        course = _Course(folder, plan, rows, student, tell)
        if found is None:
            course.settle(threads)
        else:
            course.resume(*found)
        if not course.run(stop):
            return False
        export(folder, plan, student)
        tell(Told(event="done", step=course.step, steps=course.settled.steps, device=device))
        return True


def read(folder: Path) -> tuple[Plan, tuple[Row, ...]]:
    """The plan of a folder and its rows. Raises `ConfigurationError`."""
    try:
        plan = msgspec.json.decode((folder / PLAN).read_bytes(), type=Plan)
        rows = msgspec.json.decode((folder / ROWS).read_bytes(), type=tuple[Row, ...])
    except (OSError, msgspec.MsgspecError) as error:
        raise ConfigurationError(f"{folder} holds no plan that can be read: {str(error)[:200]}") from None
    if lora_plan.digest(rows) != plan.lessons_sha256:
        raise ConfigurationError(f"the lessons in {folder} are not those of its plan", hint="teach in another folder")
    return plan, rows


def export(folder: Path, plan: Plan, student: Student) -> None:
    """The adapter for both engines. Raises `StoreError`."""
    tensors = student.export(folder / PEFT, plan)
    beside = folder / f".{ADAPTER}.new"
    try:
        gguf_adapter.write(
            beside, tensors, student.base, alpha=plan.alpha, name=folder.name, base_sha256=plan.base_sha256
        )
        with beside.open("rb") as file:
            os.fsync(file.fileno())
        beside.replace(folder / ADAPTER)
        checkpoints.settle(folder)
    except OSError as error:
        beside.unlink(missing_ok=True)
        raise checkpoints.unwritable(folder / ADAPTER, error, sum(t.nbytes for t in tensors.values())) from None


class _Course:
    """One plan on its way. `step` is how many steps are done."""

    def __init__(self, folder: Path, plan: Plan, rows: Sequence[Row], student: Student, tell: Tell) -> None:
        self.folder, self.plan, self.student, self.tell = folder, plan, student, tell
        self.taught = [row for row in rows if not row.held_out]
        self.held_out = [row for row in rows if row.held_out]
        self.step = 0
        self.settled = Settled(steps=plan.steps, at_once=plan.batch, device=student.device, threads=1)
        torch = student.torch
        self.optimiser: Any = torch.optim.AdamW(list(student.parameters().values()), lr=plan.rate, weight_decay=0.0)

    def settle(self, threads: int) -> None:
        """Decide what the machine decides, say how long it will take by some steps that are not taken, and keep it."""
        plan, facts = self.plan, self.student.base.settings()
        checkpoints.check_room(self.folder, 6 * self._bytes())
        free = lora_plan.free_memory() if self.student.device == "cpu" else _free_of_device(self.student.torch)
        at_once = lora_plan.at_once(plan, facts["hidden_size"], facts["num_hidden_layers"], free)
        self.settled = Settled(steps=plan.steps, at_once=at_once, device=self.student.device, threads=threads)
        self._begun()
        seconds = min(self._tried(step) for step in range(_TRIED))
        steps = plan.steps
        if plan.minutes and seconds * steps > plan.minutes * 60:
            steps = max(int(plan.minutes * 60 / seconds), 1)
            words = f"{plan.steps} steps would take {seconds * plan.steps / 60:.0f} minutes: {steps} are made"
            self.tell(Told(event="note", words=words))
        self.settled = msgspec.structs.replace(self.settled, steps=steps)
        self._estimated(seconds)
        self._keep()

    def resume(self, mark: checkpoints.Mark, arrays: dict[str, Floats]) -> None:
        """Go on from a checkpoint."""
        self.settled, self.step = mark.settled, mark.step
        parts: dict[str, dict[str, Floats]] = {"weights": {}, "first": {}, "second": {}}
        for name, values in arrays.items():
            part, _, parameter = name.partition("/")
            parts[part][parameter] = values
        self.student.put(parts["weights"])
        if self.step:
            torch = self.student.torch
            for name, parameter in self.student.parameters().items():
                self.optimiser.state[parameter] = {
                    "step": torch.tensor(float(self.step)),
                    "exp_avg": torch.from_numpy(np.array(parts["first"][name])).to(parameter.device),
                    "exp_avg_sq": torch.from_numpy(np.array(parts["second"][name])).to(parameter.device),
                }
        self._begun()
        if self.step < self.settled.steps:
            self._estimated(self._tried(self.step))

    def run(self, stop: Callable[[], bool]) -> bool:
        """The steps that are left. False: `stop` wanted it, and a checkpoint was written."""
        started, first, tokens = time.perf_counter(), self.step, 0
        while self.step < self.settled.steps:
            rows = self._rows(self.step)
            rate = lora_plan.rate_at(self.plan, self.settled.steps, self.step)
            loss = self._taken(rows, rate)
            self.step += 1
            tokens += sum(len(row.prompt) + len(row.answer) for row in rows)
            elapsed = time.perf_counter() - started
            self.tell(
                Told(
                    event="step",
                    step=self.step,
                    steps=self.settled.steps,
                    loss=loss,
                    rate=rate,
                    seconds=round(elapsed, 3),
                    left_s=round(elapsed / (self.step - first) * (self.settled.steps - self.step), 1),
                    tokens_per_s=round(tokens / elapsed, 1),
                )
            )
            wanted = stop()
            if wanted or self.step % self.plan.every == 0 or self.step == self.settled.steps:
                self._keep()
            if wanted and self.step < self.settled.steps:
                self.tell(Told(event="stopped", step=self.step, steps=self.settled.steps))
                return False
        return True

    def _rows(self, step: int) -> list[Row]:
        return [self.taught[n] for n in lora_plan.order(len(self.taught), self.plan.seed, self.plan.batch, step)]

    def _pushed(self, rows: Sequence[Row]) -> float:
        """Gradients of a step's loss, some lessons at a time; the loss."""
        # The longest together with the longest: less of a batch is filled up. The order of a sum is fixed by it.
        ordered = sorted(rows, key=lambda row: len(row.prompt) + len(row.answer))
        whole = sum(row.weight * len(row.answer) for row in rows)
        total = 0.0
        for at in range(0, len(ordered), self.settled.at_once):
            loss = self.student.loss(ordered[at : at + self.settled.at_once], whole)
            loss.backward()
            total += float(loss.detach())
        return total

    def _taken(self, rows: Sequence[Row], rate: float) -> float:
        torch = self.student.torch
        self.optimiser.zero_grad(set_to_none=True)
        loss = self._pushed(rows)
        norm = float(torch.nn.utils.clip_grad_norm_(list(self.student.parameters().values()), CLIP))
        if not np.isfinite(loss) or not np.isfinite(norm):
            raise InvalidRequest(
                f"the loss is no number at step {self.step + 1} of {self.settled.steps} (rate {rate:g})",
                hint="a lower --rate, in another folder; what was reached before stands in the last checkpoint",
                param="rate",
            )
        for group in self.optimiser.param_groups:
            group["lr"] = rate
        self.optimiser.step()
        return round(loss, 6)

    def _tried(self, step: int) -> float:
        """Seconds of a step that is not taken."""
        started = time.perf_counter()
        self._pushed(self._rows(step))
        self.optimiser.zero_grad(set_to_none=True)
        return time.perf_counter() - started

    def _keep(self) -> None:
        held_out = self._held_out_loss()
        arrays: dict[str, Floats] = {}
        for name, parameter in self.student.parameters().items():
            state = self.optimiser.state.get(parameter) or {}
            kept = {"weights": parameter, "first": state.get("exp_avg"), "second": state.get("exp_avg_sq")}
            arrays |= {f"{k}/{name}": v.detach().float().cpu().numpy() for k, v in kept.items() if v is not None}
        checkpoints.save(self.folder, arrays, self.step, self.plan.digest, self.settled)
        self.tell(Told(event="checkpoint", step=self.step, steps=self.settled.steps, held_out_loss=held_out))

    def _held_out_loss(self) -> float | None:
        if not self.held_out:
            return None
        whole = sum(row.weight * len(row.answer) for row in self.held_out)
        with self.student.torch.no_grad():
            parts = range(0, len(self.held_out), self.settled.at_once)
            found = [self.student.loss(self.held_out[at : at + self.settled.at_once], whole) for at in parts]
        return round(float(sum(map(float, found))), 6)

    def _begun(self) -> None:
        one = self.settled
        self.tell(
            Told(
                event="begun",
                step=self.step,
                steps=one.steps,
                device=one.device,
                words=f"{len(self.taught)} lessons, {len(self.held_out)} held out, {one.at_once} at once, "
                f"{one.threads} threads",
            )
        )

    def _estimated(self, seconds: float) -> None:
        left = seconds * (self.settled.steps - self.step)
        self.tell(Told(event="estimate", step=self.step, steps=self.settled.steps, seconds=round(left, 1)))

    def _bytes(self) -> int:
        return 3 * 4 * sum(int(p.numel()) for p in self.student.parameters().values())


def _device() -> str:
    import torch

    return "cuda" if torch.cuda.is_available() else "cpu"


def _set(device: str, threads: int) -> None:
    import torch

    torch.set_num_threads(threads)
    torch.use_deterministic_algorithms(True, warn_only=device != "cpu")


def _free_of_device(torch: Any) -> int:
    free, _ = torch.cuda.mem_get_info()
    return int(free)
