"""The verb `train`: a GPT of your own, from a text file, on the machine that you have."""

import os
import signal
from dataclasses import fields
from pathlib import Path
from typing import Any

import click
import torch
from tqdm import tqdm

from .loop import fastest_dtype
from .own_text import RATES, TOKENIZERS, Progress, Settings, check_device, train_text
from .ranks import is_first, join, leave, rank_and_count

DEFAULT = {field.name: field.default for field in fields(Settings)}
ONE_OR_MORE = click.IntRange(1)


def setting(flag: str, help: str, kind: Any = ONE_OR_MORE) -> Any:
    """Make an option that fills the field of `Settings` with its name."""
    return click.option(
        flag, type=kind, default=DEFAULT[flag.strip("-").replace("-", "_")], show_default=True, help=help
    )


@click.command("train")
@click.option(
    "--text",
    "paths",
    multiple=True,
    required=True,
    type=click.Path(path_type=Path),
    help="A UTF-8 text file; several times for several files.",
)
@click.option("--out", required=True, type=click.Path(path_type=Path), help="Folder for the model.")
@setting("--tokens", "Byte pairs of the text, its characters, or GPT-2's vocabulary.", click.Choice(list(TOKENIZERS)))
@setting("--vocab-size", "How many tokens byte pairs may be.", click.IntRange(257))
@setting("--n-ctx", "How many tokens the model sees.")
@setting("--n-embd", "Numbers per position.")
@setting("--n-layer", "Blocks.")
@setting("--n-head", "Attention heads; they divide n-embd.")
@setting("--steps", "How long to train.")
@setting("--batch-size", "Rows per batch.")
@setting("--accumulate", "Batches per step.")
@setting("--optimiser", "Muon is for the matrices inside; the rest stays with AdamW.", click.Choice(list(RATES)))
@click.option("--lr", type=click.FloatRange(0, min_open=True), help=f"Learning rate. [{RATES}]")
@setting("--warmup", "Steps in which the learning rate rises.")
@setting("--held-out", "Fraction of the text to judge by, from its end.", click.FloatRange(0, 1, max_open=True))
@setting("--evaluate-every", "Steps between two evaluations.")
@setting("--seed", "The same seed gives the same model.", click.IntRange(0))
@click.option("--device", default=None, help="cpu, cuda, mps. [a CUDA GPU if there is one, else cpu]")
@click.option("--dtype", type=click.Choice(["auto", "float32", "bfloat16"]), default="auto", show_default=True)
@click.option("--threads", type=ONE_OR_MORE, default=None, help="Threads of the CPU. [all cores]")
@click.option("--fresh", is_flag=True, help="Start again, and replace what the folder holds.")
def command(
    paths: tuple[Path, ...],
    out: Path,
    device: str | None,
    dtype: str,
    threads: int | None,
    fresh: bool,
    **settings: Any,
) -> None:
    """Train a GPT on your own text.

    Interrupted (Ctrl-C), it keeps its state; the same command goes on from there. Several processes share the work
    under torchrun: torchrun --nproc-per-node 2 -m course_lib train …
    """
    device = device or ("cuda" if torch.cuda.is_available() else "cpu")
    try:
        check_device(device)
    except ValueError as error:
        raise click.ClickException(str(error)) from None
    join(device)
    if device == "cuda":
        device = f"cuda:{os.environ.get('LOCAL_RANK', 0)}"
    torch.set_num_threads(threads or max(1, (os.cpu_count() or 1) // rank_and_count()[1]))
    try:
        chosen = Settings(**settings)
        precision = fastest_dtype(device) if dtype == "auto" else getattr(torch, dtype)
        stop = Stop()
        run = train_text(paths, out, chosen, device, precision, fresh, stop.asked)
        show(run, chosen, out)
    except (OSError, ValueError, FloatingPointError) as error:
        raise click.ClickException(str(error)) from None
    finally:
        leave()
    if stop:
        raise click.exceptions.Exit(130)


class Stop:
    """True once somebody has pressed Ctrl-C; a step is never cut in half. Pressed again, it ends at once.

    Not under torchrun, where the processes would stop at different steps: there the last evaluation is the state.
    """

    def __init__(self) -> None:
        self.pressed = False
        if rank_and_count()[1] == 1:
            self.before = signal.signal(signal.SIGINT, self._press)

    def _press(self, *_: Any) -> None:
        self.pressed = True
        signal.signal(signal.SIGINT, self.before)

    def asked(self) -> bool:
        """Say whether to stop."""
        return self.pressed

    __bool__ = asked


def show(run: Any, settings: Settings, out: Path) -> None:
    """Draw a progress bar, and a line for each evaluation; say in the end how to go on."""
    quiet = not is_first()
    bar, last = tqdm(total=settings.steps, unit="step", disable=quiet), None
    for last in run:
        bar.update(last.step - bar.n)
        bar.set_postfix_str(f"loss {last.loss:.3f}", refresh=False)
        if last.measured and not quiet:
            tqdm.write(line(last))
    bar.close()
    if quiet or last is None:
        return
    if last.step < settings.steps:
        click.echo(f"Stopped after step {last.step}. The same command goes on from there.")
    else:
        click.echo(f"The model is in {out}. Let it write: python -m course_lib generate --model {out} --prompt '…'")


def line(progress: Progress) -> str:
    """Say what an evaluation found."""
    names = {"held out": "held-out loss {:.3f} nats per token", "bits per byte": "{:.3f} bits per byte"}
    parts = [names[name].format(progress.measured[name]) for name in names if name in progress.measured]
    return f"step {progress.step}: " + ", ".join([f"training loss {progress.loss:.3f}", *parts])
