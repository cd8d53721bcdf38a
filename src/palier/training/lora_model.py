"""The student in torch: the base with low-rank matrices beside its projections (Hu et al., 2021), by peft.

What is drawn at the beginning is drawn from the plan's seed by numpy, so that it is the same on every device and with
every version of torch. Only the training process imports this.
"""

from __future__ import annotations

import contextlib
import json
import math
import shutil
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from palier.errors import ConfigurationError, MissingExtra
from palier.training import base_from_gguf, checkpoints
from palier.training.base_from_gguf import HINT, Gguf
from palier.training.lora_plan import Plan, Row

CONFIG, WEIGHTS = "adapter_config.json", "adapter_model.safetensors"
Floats = NDArray[np.float32]


class Student:
    """A base and its adapter on a device. `model` is peft's."""

    def __init__(self, base: Gguf, device: str) -> None:
        self.torch, _ = base_from_gguf.imported(base.architecture)
        self.device = device
        self.base = base
        self.model: Any = base_from_gguf.load(base, device=device, half=device != "cpu")

    def begin(self, plan: Plan) -> None:
        """Put the plan's adapter in: `lora_A` as peft draws it (uniform up to 1 / sqrt(in)), `lora_B` nought."""
        peft = _peft()
        config = peft.LoraConfig(
            r=plan.rank,
            lora_alpha=plan.alpha,
            target_modules=list(plan.targets),
            lora_dropout=0.0,
            bias="none",
            task_type="CAUSAL_LM",
        )
        self.model = peft.get_peft_model(self.model, config)
        self.put(drawn({name: tuple(p.shape) for name, p in self.parameters().items()}, plan.seed))

    def read(self, folder: Path) -> None:
        """Put in the adapter of a PEFT folder. Raises `ConfigurationError` where it does not fit."""
        try:
            self.model = _peft().PeftModel.from_pretrained(self.model, str(folder), is_trainable=False)
        except (OSError, ValueError, RuntimeError, KeyError) as error:
            raise ConfigurationError(f"{folder} holds no adapter for these weights: {str(error)[:300]}") from None

    def read_merged(self, folder: Path) -> None:
        """Take a merged model in the place of the base."""
        try:
            found = type(self.model).from_pretrained(str(folder), local_files_only=True, dtype=self.torch.float32)
        except (OSError, ValueError, RuntimeError) as error:
            raise ConfigurationError(f"{folder} holds no merged model: {str(error)[:300]}") from None
        self.model = found.eval()

    def parameters(self) -> dict[str, Any]:
        """What is taught, by name, in order of name."""
        return dict(sorted((name, p) for name, p in self.model.named_parameters() if p.requires_grad))

    def put(self, arrays: Mapping[str, Floats]) -> None:
        """Set what is taught. Raises `ConfigurationError` where the arrays are those of another adapter."""
        parameters = self.parameters()
        if {n: tuple(p.shape) for n, p in parameters.items()} != {n: a.shape for n, a in arrays.items()}:
            raise ConfigurationError("the checkpoint is of another adapter", hint="teach in another folder")
        with self.torch.no_grad():
            for name, parameter in parameters.items():
                parameter.copy_(self.torch.from_numpy(np.array(arrays[name])))

    def loss(self, rows: Sequence[Row], whole: float) -> Any:
        """The sum over the answers' tokens of weight times surprise (nats), divided by `whole`; a scalar of torch.

        Only where answers are is the vocabulary looked at: most of the time of a short answer would go there.
        """
        logits, targets, weights = self._answers(rows)
        losses = self.torch.nn.functional.cross_entropy(logits, targets, reduction="none")
        return (losses * weights).sum() / whole

    def judged(self, rows: Sequence[Row]) -> list[tuple[list[float], list[int]]]:
        """For each row, of each token of its answer: log-probability (nats), and the likeliest token in its place."""
        found = []
        with self.torch.no_grad():
            for row in rows:
                logits, targets, _ = self._answers([row])
                logs = logits.log_softmax(-1).gather(1, targets[:, None])[:, 0]
                found.append((logs.tolist(), logits.argmax(-1).tolist()))
        return found

    def _answers(self, rows: Sequence[Row]) -> tuple[Any, Any, Any]:
        """Logits (tokens, vocabulary) in float32, ids (tokens,) and weights (tokens,) of all answers of `rows`."""
        torch = self.torch
        length = max(len(row.prompt) + len(row.answer) for row in rows)
        ids = np.zeros((len(rows), length), np.int64)
        there = np.zeros((len(rows), length), np.int64)
        place: list[int] = []
        targets: list[int] = []
        weights: list[float] = []
        for n, row in enumerate(rows):
            whole = (*row.prompt, *row.answer)
            ids[n, : len(whole)] = whole
            there[n, : len(whole)] = 1
            # A token is foretold at the place before its own.
            place += [n * length + at - 1 for at in range(len(row.prompt), len(whole))]
            targets += row.answer
            weights += [row.weight] * len(row.answer)
        causal = self.model.get_base_model() if hasattr(self.model, "get_base_model") else self.model
        half = torch.autocast("cuda", torch.bfloat16) if self.device == "cuda" else contextlib.nullcontext()
        with half:
            hidden = causal.model(
                input_ids=torch.from_numpy(ids).to(self.device),
                attention_mask=torch.from_numpy(there).to(self.device),
                use_cache=False,
            ).last_hidden_state
            picked = hidden.reshape(-1, hidden.shape[-1])[torch.tensor(place, device=self.device)]
            logits = causal.lm_head(picked).float()
        return (
            logits,
            torch.tensor(targets, device=self.device),
            torch.tensor(weights, dtype=torch.float32, device=self.device),
        )

    def export(self, folder: Path, plan: Plan) -> dict[str, Floats]:
        """Write the PEFT folder (vLLM, transformers) and return its tensors. Raises `StoreError`."""
        tensors = {
            name: np.ascontiguousarray(values.detach().float().cpu().numpy())
            for name, values in sorted(_peft().get_peft_model_state_dict(self.model).items())
        }
        folder.mkdir(exist_ok=True)
        config = self.model.peft_config["default"].to_dict()
        # Sets have no order, and the same adapter is to be the same file.
        config["target_modules"] = sorted(plan.targets)
        config |= {"inference_mode": True, "base_model_name_or_path": plan.base}
        words = json.dumps(config, indent=2, sort_keys=True, default=str)
        checkpoints.write(folder / CONFIG, words.encode() + b"\n")
        checkpoints.write(folder / WEIGHTS, checkpoints.packed(tensors, format="pt"))
        return tensors

    def merge(self, folder: Path) -> None:
        """Write base and adapter as one model of transformers, in bfloat16, with its tokenizer."""
        from transformers import AutoTokenizer

        merged = self.model.merge_and_unload().to(self.torch.bfloat16)
        tokenizer = AutoTokenizer.from_pretrained(str(self.base.path.parent), gguf_file=self.base.path.name)
        beside = folder.with_name(f".{folder.name}.new")
        shutil.rmtree(beside, ignore_errors=True)
        try:
            merged.save_pretrained(str(beside))
            tokenizer.save_pretrained(str(beside))
            beside.rename(folder)
            checkpoints.settle(folder.parent)
        except OSError as error:
            shutil.rmtree(beside, ignore_errors=True)
            raise checkpoints.unwritable(folder, error, 2 * sum(p.numel() for p in merged.parameters())) from None


def drawn(shapes: Mapping[str, tuple[int, ...]], seed: int) -> dict[str, Floats]:
    """The first values of an adapter, from its seed alone."""
    chance = np.random.Generator(np.random.Philox(key=seed))
    found = {}
    for name, shape in sorted(shapes.items()):
        bound = 1 / math.sqrt(shape[1])
        values = chance.uniform(-bound, bound, shape)
        found[name] = (values if "lora_A" in name else np.zeros(shape)).astype(np.float32)
    return found


def _peft() -> Any:
    try:
        with contextlib.redirect_stdout(sys.stderr):
            import peft
    except ImportError as error:
        raise MissingExtra(f"adapters are taught by peft: {error}", hint=HINT) from None
    return peft
