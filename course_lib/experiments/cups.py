"""The shell game (`prompting.cups`): GPTs of 1, 2 and 4 blocks answer at once, or write where the ball is."""

from collections.abc import Iterator
from dataclasses import dataclass
from functools import partial

from course_lib.models import GPT, GPTConfig
from course_lib.prompting.cups import MOST, TOKENS, found_balls, game, game_rows, games_batches, solution_loss
from course_lib.town import HELD_OUT
from course_lib.training import muon_and_adamw, warmup_cosine
from course_lib.training.start import small_gpt

from .desk import Desk, Job, fingerprint
from .mechanism import Experiment
from .reading import Record, Results

ARMS = ((False, 1), (False, 2), (True, 1), (False, 4), (True, 2))  # scratchpad, blocks


@dataclass(frozen=True)
class Recipe:
    """All that decides what comes out, beside the code and the job.

    `tokens` counts every token that goes through a model in training: equal for both ways, so that answering at once,
    whose rows are shorter, takes more steps.
    """

    tokens: int = 1_500_000
    batch_size: int = 64
    muon_lr: float = 0.03
    n_head: int = 4
    n_embd: int = 64
    warmup: int = 50
    decay_from: float = 0.3
    n_games: int = 200  # of each length, to judge by


def jobs(recipe: Recipe, results: Results) -> Iterator[Job]:
    """Every arm with one seed before any arm has two; other settings last."""
    usual = {"tokens": recipe.tokens, "muon_lr": recipe.muon_lr}
    for seed in range(3):
        yield from ({"scratchpad": s, "n_layer": n_layer, "seed": seed} | usual for s, n_layer in ARMS)
    for n_layer in (4, 2, 1):
        yield {"scratchpad": False, "n_layer": n_layer, "seed": 0} | usual | {"muon_lr": recipe.muon_lr / 3}
    yield {"scratchpad": False, "n_layer": 2, "seed": 0} | usual | {"tokens": 4 * recipe.tokens}


def n_steps(recipe: Recipe, job: Job) -> int:
    """Count the steps that the job's tokens allow."""
    return job["tokens"] // (recipe.batch_size * (game_rows([game(0)], job["scratchpad"]).shape[1] - 1))


def trained(recipe: Recipe, job: Job, desk: Desk) -> GPT:
    """Train one model on games that never repeat."""
    sizes = (recipe.n_embd, job["n_layer"], recipe.n_head)
    model, steps = small_gpt(GPTConfig(len(TOKENS), 2 * MOST + 6, *sizes), job["seed"]), n_steps(recipe, job)

    factor = partial(warmup_cosine, n_steps=steps, warmup=recipe.warmup, decay_from=recipe.decay_from, least=0.02)
    batch = games_batches(job["scratchpad"], recipe.batch_size, job["seed"])
    optimisers = muon_and_adamw(model, job["muon_lr"], job["muon_lr"] / 5)
    desk.train(fingerprint(job), model, batch, optimisers, factor, steps, loss=solution_loss)
    return model.eval()


def measure(recipe: Recipe, job: Job, desk: Desk) -> Record:
    """Let a model play new games of each length: the share of balls that it finds, from one exchange to the most."""
    model = trained(recipe, job, desk)
    accuracy = []
    for n_swaps in range(1, MOST + 1):
        games = [game(HELD_OUT + 1000 * n_swaps + i, n_swaps) for i in range(recipe.n_games)]
        accuracy.append(sum(found_balls(model, games, job["scratchpad"])) / len(games))
    return {"accuracy": accuracy}


EXPERIMENT = Experiment("cups", ("chain_of_thought",), Recipe(), jobs, measure, fastest=True)
