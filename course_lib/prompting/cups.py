"""The shell game: a ball under one of five cups, which change places. As deep as one likes, and each step is easy.

python -m course_lib.prompting.cups --out FOLDER

The brother's riddle is three steps deep, always. Here the number of steps is chosen, and no shortcut leads past them:
exchanges do not commute (Liu et al. 2023 and Merrill & Sabharwal 2024 study such games). Small GPTs with 1, 2 and 4
blocks learn to answer at once, or to write down where the ball is after each exchange.
"""

import itertools
import json
import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import click
import numpy as np
import torch
from jaxtyping import Int
from torch import Tensor, nn
from torch.nn import functional as F
from tqdm import tqdm

from course_lib.generation import generate
from course_lib.models import GPT, GPTConfig
from course_lib.town import HELD_OUT
from course_lib.training import Batches, fastest_dtype, muon_and_adamw, train, warmup_cosine

from .scratchpad_runs import write_json
from .scratchpads import small_model

CUPS = "ABCDE"
SWAPS = tuple(f"{a}{b}" for a, b in itertools.combinations(CUPS, 2))  # ten
MOST = 12  # exchanges in a game; a shorter game begins with pauses, so that all have one length
TOKENS = ("<end>", "pause", "?", "Answer:", *CUPS, *SWAPS)
IDS = {token: i for i, token in enumerate(TOKENS)}
RESULTS = Path(__file__).parent / "cups.json"


@dataclass(frozen=True)
class Game:
    """A ball under the cup `start`, then exchanges of two cups, such as "AC".

    Raises ValueError for a cup or an exchange that does not exist, and for more than MOST exchanges, or none.
    """

    start: str
    swaps: tuple[str, ...]

    def __post_init__(self) -> None:
        if len(self.start) != 1 or self.start not in CUPS:
            raise ValueError(f"start is {self.start!r}: choose one of {', '.join(CUPS)}")
        if bad := [swap for swap in self.swaps if swap not in SWAPS]:
            raise ValueError(f"{bad[0]!r} is no exchange: choose among {', '.join(SWAPS)}")
        if not 1 <= len(self.swaps) <= MOST:
            raise ValueError(f"{len(self.swaps)} exchanges: a game has 1 to {MOST}")

    @property
    def places(self) -> tuple[str, ...]:
        """Where the ball is after each exchange."""
        found, place = [], self.start
        for a, b in self.swaps:
            place = b if place == a else a if place == b else place
            found.append(place)
        return tuple(found)

    @property
    def question(self) -> list[str]:
        """The game in tokens: the start, pauses, the exchanges, and a question mark."""
        return [self.start, *["pause"] * (MOST - len(self.swaps)), *self.swaps, "?"]

    def completion(self, scratchpad: bool) -> list[str]:
        """The solution in tokens: the answer, with or without every place on the way before it."""
        waiting = [self.start] * (MOST - len(self.swaps))
        return [*([*waiting, *self.places] if scratchpad else []), "Answer:", self.places[-1], "<end>"]


def game(number: int, n_swaps: int | None = None) -> Game:
    """Draw a game by its number, with so many exchanges; by default 1 to MOST of them, all equally often."""
    dice = np.random.default_rng([14, number])
    n = int(dice.integers(1, MOST + 1)) if n_swaps is None else n_swaps
    return Game(CUPS[dice.integers(len(CUPS))], tuple(SWAPS[i] for i in dice.integers(len(SWAPS), size=n)))


def game_rows(games: Sequence[Game], scratchpad: bool) -> Int[Tensor, "N T1"]:
    """Write each game and its solution as ids; all rows have the same length."""
    return torch.tensor([[IDS[t] for t in (*g.question, *g.completion(scratchpad))] for g in games])


def solution_loss(model: nn.Module, rows: Int[Tensor, "B T1"]) -> Tensor:
    """Mean cross-entropy of the solutions, in nats per token; the games themselves have no loss."""
    n_asked = MOST + 2
    logits = model(rows[:, :-1])[:, n_asked - 1 :]  # [B, T] -> [B, T, V] -> [B, solution, V]
    return F.cross_entropy(logits.flatten(0, 1).float(), rows[:, n_asked:].flatten())


def games_batches(scratchpad: bool, batch_size: int, seed: int) -> Batches:
    """Number batches of games that never repeat, other ones for each seed."""

    def batch(number: int) -> Tensor:
        dice = np.random.default_rng([seed, number])
        return game_rows([game(int(i)) for i in dice.integers(HELD_OUT, size=batch_size)], scratchpad)

    return batch


def found_balls(model: GPT, games: Sequence[Game], scratchpad: bool) -> list[bool]:
    """Let the model play each game greedily: whether it found the ball."""
    asked = game_rows(games, scratchpad)[:, : MOST + 2]
    rows = generate(model, asked, MOST + 3, temperature=0, stop=IDS["<end>"])
    found = []
    for row, one in zip(rows.tolist(), games):
        written = [TOKENS[i] for i in row[MOST + 2 :]]
        place = written.index("Answer:") + 1 if "Answer:" in written else len(written)
        found.append(written[place : place + 1] == [one.places[-1]])
    return found


@dataclass(frozen=True)
class CupsRun:
    """One model and its training. `tokens` counts every token that goes through the model: equal for all runs."""

    scratchpad: bool
    n_layer: int
    seed: int = 0
    tokens: int = 1_500_000
    batch_size: int = 64
    muon_lr: float = 0.03
    n_head: int = 4
    n_embd: int = 64
    warmup: int = 50
    decay_from: float = 0.3

    @property
    def steps(self) -> int:
        """Count the steps that the tokens allow."""
        return self.tokens // (self.batch_size * (game_rows([game(0)], self.scratchpad).shape[1] - 1))

    @property
    def name(self) -> str:
        """Name the run by what tells it from others."""
        way = "scratchpad" if self.scratchpad else "answer"
        return f"cups-{way}-layers{self.n_layer}-tokens{self.tokens}-lr{self.muon_lr:g}-seed{self.seed}"


def train_cups(run: CupsRun, dtype: torch.dtype = torch.float32) -> GPT:
    """Train one model on games that never repeat."""
    model = small_model(GPTConfig(len(TOKENS), 2 * MOST + 6, run.n_embd, run.n_layer, run.n_head), run.seed)
    optimisers = muon_and_adamw(model, run.muon_lr, run.muon_lr / 5)

    def factor(step: int) -> float:
        return warmup_cosine(step, run.steps, run.warmup, run.decay_from, least=0.02)

    batch = games_batches(run.scratchpad, run.batch_size, run.seed)
    losses = train(model, batch, optimisers, factor, run.steps, dtype=dtype, loss=solution_loss)
    for _ in tqdm(losses, total=run.steps, desc=run.name, mininterval=10):
        pass
    return model.eval()


def conduct(run: CupsRun, out: Path, n_games: int = 200) -> dict[str, Any]:
    """Train one model and let it play new games of each length; or read the report that is there."""
    place = out / f"{run.name}.json"
    if place.exists():
        return json.loads(place.read_text(encoding="utf-8"))
    started, dtype = time.process_time(), fastest_dtype()
    model = train_cups(run, dtype)
    report: dict[str, Any] = {"run": asdict(run), "seconds": round(time.process_time() - started)}
    report |= {"dtype": str(dtype).removeprefix("torch."), "games": n_games, "accuracy": []}
    for n_swaps in range(1, MOST + 1):
        games = [game(HELD_OUT + 1000 * n_swaps + i, n_swaps) for i in range(n_games)]
        report["accuracy"].append(sum(found_balls(model, games, run.scratchpad)) / n_games)
    write_json(place, report)
    return report


def plan() -> list[CupsRun]:
    """List the runs: every arm with one seed before any arm has two; other settings last."""
    arms = [(False, 1), (False, 2), (True, 1), (False, 4), (True, 2)]
    runs = [CupsRun(scratchpad, n_layer, seed) for seed in range(3) for scratchpad, n_layer in arms]
    runs += [CupsRun(False, n_layer, muon_lr=0.01) for n_layer in (4, 2, 1)]
    return [*runs, CupsRun(False, 2, tokens=4 * CupsRun.tokens)]


def cups_results() -> dict[str, Any]:
    """Read what the runs found, and the recipe of each: the content of cups.json."""
    return json.loads(RESULTS.read_text(encoding="utf-8"))


@click.command()
@click.option("--out", type=click.Path(path_type=Path), required=True, help="Folder for reports.")
@click.option("--collect", is_flag=True, help="Write the course's file from the runs that are there.")
@click.option("--threads", default=1, show_default=True)
def main(out: Path, collect: bool, threads: int) -> None:
    """Train the plan's models, or go on with it; then write what the course reads."""
    torch.set_num_threads(threads)
    out.mkdir(parents=True, exist_ok=True)
    if not collect:
        for run in plan():
            tqdm.write(f"{run.name}: {conduct(run, out)['accuracy']}")
    reports = [conduct(run, out) for run in plan() if (out / f"{run.name}.json").exists()]
    command = "python -m course_lib.prompting.cups --out FOLDER"
    write_json(RESULTS, {"command": command, "torch": torch.__version__, "runs": reports})


if __name__ == "__main__":
    main()
