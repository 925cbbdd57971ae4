"""A GPT on a reader's own text: from a file to a folder with a model that writes."""

import hashlib
import json
import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, dataclass
from itertools import chain
from pathlib import Path
from typing import Any

import numpy as np
import torch
from safetensors import SafetensorError

from course_lib.atomic import write_text
from course_lib.models import GPT, GPTConfig
from course_lib.tokens import ENDOFTEXT, Tokenizer, character_tokenizer, gpt2_tokenizer
from course_lib.tokens.training import count_chunks, find_merges
from course_lib.town import read_text

from .batches import Batches, windows
from .evaluation import mean_loss
from .loop import train, warmup_cosine
from .optimisers import adamw, muon_and_adamw
from .ranks import is_first
from .state import load_state, save_state

STATE, REPORT = "run.pt", "run.json"
WAYS_OUT = "name another folder, or start again with --fresh, which replaces it"


@dataclass(frozen=True)
class Settings:
    """All that decides what comes out of a text. Raises ValueError, with the value, for a number that makes no sense.

    `tokens` is "bpe" (byte pairs of the text itself, at most `vocab_size` tokens), "char" (its characters) or "gpt2"
    (GPT-2's vocabulary). `lr` None stands for the optimiser's usual rate. The last `held_out` of the text is kept out
    of training.
    """

    tokens: str = "bpe"
    vocab_size: int = 1024
    n_ctx: int = 128
    n_embd: int = 128
    n_layer: int = 4
    n_head: int = 4
    steps: int = 2000
    batch_size: int = 32
    accumulate: int = 1
    optimiser: str = "adamw"
    lr: float | None = None
    warmup: int = 100
    held_out: float = 0.1
    evaluate_every: int = 200
    seed: int = 0

    def __post_init__(self) -> None:
        for name, least in LEAST.items():
            if getattr(self, name) < least:
                raise ValueError(f"{name} is {getattr(self, name)}: it must be at least {least}")
        if self.tokens not in TOKENIZERS:
            raise ValueError(f"tokens is {self.tokens!r}: choose one of {', '.join(TOKENIZERS)}")
        if self.optimiser not in RATES:
            raise ValueError(f"optimiser is {self.optimiser!r}: choose one of {', '.join(RATES)}")
        if not 0 <= self.held_out < 1:
            raise ValueError(f"held_out is {self.held_out}: it must be a fraction from 0 to below 1")
        if not 0 <= self.seed < 2**63:
            raise ValueError(f"seed is {self.seed}: it must be 0 or more, and below 2**63")
        if self.lr is not None and not 0 < self.lr < math.inf:
            raise ValueError(f"lr is {self.lr}: it must be above 0")


LEAST = {"vocab_size": 257, "steps": 1, "batch_size": 1, "accumulate": 1, "warmup": 1, "evaluate_every": 1}
RATES = {"adamw": 1e-3, "muon": 3e-3}  # usual learning rates for models of this size
TOKENIZERS: dict[str, Callable[[list[str], Settings], Tokenizer]] = {
    "bpe": lambda texts, settings: largest_bpe(texts, settings.vocab_size),
    "char": lambda texts, settings: character_tokenizer(texts, [ENDOFTEXT]),
    "gpt2": lambda texts, settings: gpt2_tokenizer(),
}


def largest_bpe(texts: list[str], vocab_size: int) -> Tokenizer:
    """Train byte pairs on the texts, with fewer tokens than asked for where the texts cannot fill the vocabulary."""
    return Tokenizer(find_merges(count_chunks(texts, [ENDOFTEXT]), vocab_size - 257), [ENDOFTEXT])


@dataclass(frozen=True)
class Corpus:
    """A text as token ids, cut into what is trained on and what is held out; `bytes_per_token` of the held-out part."""

    train: np.ndarray
    held_out: np.ndarray
    bytes_per_token: float


def read_corpus(paths: Sequence[Path], settings: Settings) -> tuple[Tokenizer, Corpus]:
    """Read UTF-8 files, make their tokenizer, and turn them into ids, an end-of-text token before each file.

    A `<|endoftext|>` in a file is that token, too: so the documents of one file are told apart. All else is the file's
    text, byte for byte. Raises as `town.read_text` does, and ValueError for texts that are too short to fill one row.
    """
    texts = [read_text(path) for path in paths]
    tokenizer = TOKENIZERS[settings.tokens](texts, settings)
    end = tokenizer.special_tokens[ENDOFTEXT]
    encoded = (tokenizer.encode(text, allowed_special={ENDOFTEXT}) for text in texts)
    parts = (ids if ids[0] == end else [end, *ids] for ids in encoded)
    ids = np.fromiter(chain.from_iterable(parts), dtype=np.int32)
    cut = len(ids) - round(settings.held_out * len(ids))
    if len(ids) - cut <= settings.n_ctx:
        cut = len(ids)  # too little to judge by: train on all of it
    if cut <= settings.n_ctx:
        raise ValueError(
            f"{', '.join(map(str, paths))}: {len(ids)} tokens are too few for rows of n_ctx = {settings.n_ctx} and "
            f"their targets; give a longer text, or a smaller n_ctx"
        )
    n_bytes = sum(len(tokenizer.token_bytes(i)) for i in ids[cut:].tolist())
    return tokenizer, Corpus(ids[:cut], ids[cut:], n_bytes / max(1, len(ids) - cut))


@dataclass(frozen=True)
class Progress:
    """Where a run stands after a step: its loss, and, now and then, what was measured on the held-out text."""

    step: int
    loss: float
    measured: dict[str, float] | None = None


def train_text(
    paths: Sequence[Path],
    out: Path,
    settings: Settings,
    device: str = "cpu",
    dtype: torch.dtype = torch.float32,
    fresh: bool = False,
    stop: Callable[[], bool] = lambda: False,
) -> Iterator[Progress]:
    """Train a GPT on text files and yield after each step. `out` becomes a folder that `generate` opens.

    Its model is the best so far: the one of the evaluation with the lowest held-out loss. Where the folder has the
    state of an interrupted run with the same text and settings, that run goes on, to the same losses as if it had
    never stopped; `fresh` starts again. `stop` is asked after each step; a run that is stopped keeps its state.
    Raises ValueError for a folder that holds another run or another model, and as `read_corpus` does; at once, not
    when the first step is asked for.
    """
    return TextRun(paths, out, settings, device, fresh).steps(dtype, stop)


class TextRun:
    """One run on a text, with all that it needs to take steps and to be interrupted. Errors as in `train_text`."""

    def __init__(self, paths: Sequence[Path], out: Path, settings: Settings, device: str, fresh: bool) -> None:
        check_device(device)
        self.out, self.settings = out, settings
        self.tokenizer, self.corpus = read_corpus(paths, settings)
        self.name = {"settings": asdict(settings), "text": hashlib.sha256(self.corpus.train.tobytes()).hexdigest()}
        check_folder(out, self.name, fresh)
        self.model = new_model(settings, self.tokenizer.vocab_size).to(device)
        self.optimisers = new_optimisers(self.model, settings)
        self.done, self.history = 0, []
        if not fresh and (out / STATE).exists():
            held = load_state(out / STATE, self.model, self.optimisers)
            if {name: held.get(name) for name in self.name} != self.name or not isinstance(held.get("history"), list):
                raise ValueError(f"{out / STATE} is the state of another run: {WAYS_OUT}")
            self.done, self.history = held["step"], held["history"]
        if is_first() and not self.done:  # from now on the folder says whose it is, whatever fails later
            (out / STATE).unlink(missing_ok=True)
            write_report(out, self.name | {"history": [], "step": 0, "finished": False})

    def steps(self, dtype: torch.dtype, stop: Callable[[], bool]) -> Iterator[Progress]:
        """Take the steps that are left; of several processes the first alone measures and writes."""
        s, batch = self.settings, training_batches(self.settings, self.tokenizer, self.corpus)

        def factor(step: int) -> float:
            return warmup_cosine(step, s.steps, s.warmup, least=0.1)

        losses = train(self.model, batch, self.optimisers, factor, s.steps, self.done, s.accumulate, dtype=dtype)
        for step, loss in enumerate(losses, self.done + 1):
            last = step == s.steps or stop()
            yield Progress(step, loss, self.look(step, loss, last) if is_first() else None)
            if last:
                break
        if is_first() and self.history and self.history[-1]["step"] == s.steps:
            (self.out / STATE).unlink(missing_ok=True)

    def look(self, step: int, loss: float, last: bool) -> dict[str, float] | None:
        """Measure when it is time, and keep what is best; write down where the run stands, then and at the end."""
        s, measured = self.settings, None
        if step % s.evaluate_every == 0 or step == s.steps:
            measured = measure(self.model, s, self.corpus) | {"step": step, "training": loss}
            self.history.append(measured)
            keep_best(self.out, self.model, self.tokenizer, self.history)
        if measured or last:
            save_state(self.out / STATE, self.model, self.optimisers, step, history=self.history, **self.name)
            write_report(self.out, self.name | {"history": self.history, "step": step, "finished": step == s.steps})
        return measured


def check_folder(out: Path, run: dict[str, Any], fresh: bool) -> None:
    """Refuse to train into a folder whose content would be lost. Raises ValueError that says what to do."""
    if fresh or not out.exists():
        return
    if not (out / REPORT).exists():
        if out.is_file() or any(out.iterdir()):
            raise ValueError(f"{out} is not empty, and no run of ours: {WAYS_OUT}")
        return
    held = read_report(out)
    if held.get("finished"):
        raise ValueError(f"{out} holds a finished run of {held['settings']['steps']} steps: {WAYS_OUT}")
    if held.get("text") != run["text"]:
        raise ValueError(f"{out} holds an interrupted run on another text (or another cut of it): {WAYS_OUT}")
    if changed := {k: (v, run["settings"].get(k)) for k, v in held["settings"].items() if v != run["settings"].get(k)}:
        told = ", ".join(f"{name} was {old} and is {new}" for name, (old, new) in changed.items())
        raise ValueError(f"{out} holds an interrupted run with other settings ({told}): use those, or {WAYS_OUT}")
    step = held.get("step", held["history"][-1]["step"] if held["history"] else 0)
    if step and not (out / STATE).exists():
        raise ValueError(f"{out} holds a run that was interrupted after step {step}, but not its {STATE}: {WAYS_OUT}")


def read_report(out: Path) -> dict[str, Any]:
    """Read run.json. Raises ValueError for one that is damaged."""
    try:
        held = json.loads((out / REPORT).read_text(encoding="utf-8"))
        if isinstance(held, dict) and isinstance(held["settings"], dict) and isinstance(held["history"], list):
            return held
    except (ValueError, KeyError):
        pass
    raise ValueError(f"{out / REPORT} is damaged, or no run's report: {WAYS_OUT}")


def check_device(device: str) -> None:
    """Raise ValueError for a device that PyTorch does not know, or that this machine does not have."""
    try:
        torch.empty(1, device=device)
    except (RuntimeError, AssertionError, NotImplementedError) as error:
        reason = str(error).strip().splitlines()[0]
        raise ValueError(f"device is {device!r}, which cannot be used here ({reason:.120}): take cpu") from None


def new_model(settings: Settings, vocab_size: int) -> GPT:
    """Draw the weights that the run starts from; the seed alone decides them."""
    torch.manual_seed(settings.seed)
    return GPT(GPTConfig(vocab_size, settings.n_ctx, settings.n_embd, settings.n_layer, settings.n_head))


def new_optimisers(model: GPT, settings: Settings) -> list[torch.optim.Optimizer]:
    """Make the optimisers of the settings, at their learning rate."""
    lr = settings.lr or RATES[settings.optimiser]
    return adamw(model, lr) if settings.optimiser == "adamw" else muon_and_adamw(model, lr, lr / 3)


def training_batches(settings: Settings, tokenizer: Tokenizer, corpus: Corpus) -> Batches:
    """Cut batches out of the part of the text that is trained on."""
    end = tokenizer.special_tokens[ENDOFTEXT]
    return windows(corpus.train, settings.batch_size, settings.n_ctx, settings.seed, end)


def measure(model: GPT, settings: Settings, corpus: Corpus) -> dict[str, float]:
    """Judge the model by held-out text, always the same windows: nats per token and bits per byte. None held out: {}.

    Bits per byte compare models with different tokens.
    """
    if not len(corpus.held_out):
        return {}
    batch = windows(corpus.held_out, settings.batch_size, settings.n_ctx, seed=1)
    nats = mean_loss(model, batch, n_batches=8)
    return {"held out": nats, "bits per byte": nats / math.log(2) / corpus.bytes_per_token}


def keep_best(out: Path, model: GPT, tokenizer: Tokenizer, history: list[dict[str, float]]) -> None:
    """Write the model and its tokenizer, unless an earlier one was better on the held-out text."""
    losses = [row.get("held out", 0.0) for row in history]
    if losses[-1] <= min(losses):
        try:
            model.save_pretrained(out)
        except SafetensorError as error:  # a full disk, for instance
            raise OSError(f"the model cannot be written to {out}: {error}") from None
        tokenizer.save(out / "tokenizer.json")


def write_report(out: Path, report: dict[str, Any]) -> None:
    """Write run.json in one move."""
    write_text(out / REPORT, json.dumps(report, indent=1) + "\n")
