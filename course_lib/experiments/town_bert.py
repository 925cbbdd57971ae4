"""Train the town's small BERT.

The town, its tokens, the optimisers and the start are those of the town's GPT; the objective is another. Each row is
one document, [CLS] … [SEP], and rows of like length make a batch, so that there is little padding. The stages choose
more than BERT's 15 % of the tokens, since a small model learns more from each text then (Wettig et al. 2023).
"""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import torch
from torch.nn.attention import SDPBackend, sdpa_kernel

from course_lib.data import town_tokenizer
from course_lib.models import BERT, BERTConfig
from course_lib.tokens import Tokenizer
from course_lib.town import HELD_OUT
from course_lib.training import muon_and_adamw, warmup_cosine
from course_lib.training.blanks import blanks, fill, word_ids
from course_lib.training.masking import Stage, bert_tokens, masked_batches, masked_loss
from course_lib.training.probes import N_HELD_OUT
from course_lib.training.start import rescale, start_embeddings

from .desk import Desk, Job
from .mechanism import Experiment
from .reading import Record, Results

FIRST_LOOK = HELD_OUT + N_HELD_OUT  # the first of the documents with a blank that measure the model on the way
EVERY = 100  # steps from one look to the next


@dataclass(frozen=True)
class Recipe:
    """All that decides what comes out, beside the code and the job.

    Learning rates are for the middle of the schedule.
    """

    stages: tuple[Stage, ...] = (
        Stage("repeats", 48, 0.35, 700),
        Stage("short", 48, 0.35, 300),
        Stage("repeat", 48, 0.35, 500),
        Stage("full", 32, 0.25, 400),
        Stage("repeats", 48, 0.3, 400),
        Stage("full", 32, 0.25, 1000),
    )
    n_ctx: int = 160
    n_embd: int = 128
    n_layer: int = 4
    n_head: int = 4
    muon_lr: float = 0.004
    adam_lr: float = 0.001
    warmup: int = 50
    horizon: int = 3800  # where the cosine would end
    decay_from: float = 0.65  # of the horizon
    least: float = 0.02
    cooldown: int = 400  # the last steps, in which the rate falls in a line to 0

    @property
    def steps(self) -> int:
        """Count the steps of all stages."""
        return sum(stage.steps for stage in self.stages)

    def factor(self, step: int) -> float:
        """Give the factor on the learning rates."""
        cosine = warmup_cosine(step, self.horizon, self.warmup, self.decay_from, self.least)
        return cosine * min(1.0, (self.steps - step) / self.cooldown)


def jobs(recipe: Recipe, results: Results) -> Iterator[Job]:
    """One model, which is kept."""
    yield {"seed": 0}


def bert_model(recipe: Recipe, tokenizer: Tokenizer, seed: int) -> BERT:
    """Start as the town's GPT does: matrices of 1/√n_embd, and positions as waves, not much smaller than the words."""
    torch.manual_seed(seed)
    sizes = (tokenizer.vocab_size, recipe.n_ctx, recipe.n_embd, recipe.n_layer, recipe.n_head)
    model = BERT(BERTConfig(*sizes))
    rescale([*model.h.parameters(), *model.head.parameters()], recipe.n_embd)
    start_embeddings(model.wte, model.wpe)
    return model


def look(model: BERT, tokenizer: Tokenizer, n: int = 400) -> dict[str, float]:
    """Measure a model on the way: how surprised it is by the word in a blank, and how often its first guess is right.

    For all kinds of text together, and for each, in nats per blank. One word is left out of each of n documents.
    """
    holes = blanks(n, FIRST_LOOK)
    log_q = fill(model, holes, tokenizer)  # [N, V]
    right = torch.tensor(word_ids([hole.word for hole in holes], tokenizer))  # [N]
    nats, hits = -log_q.gather(1, right[:, None])[:, 0], (log_q.argmax(-1) == right).float()
    row = {"loss": nats.mean().item(), "accuracy": hits.mean().item()}
    for kind in sorted({hole.kind for hole in holes}):
        row[kind] = nats[[hole.kind == kind for hole in holes]].mean().item()
    return {name: round(value, 4) for name, value in row.items()}


def trained(recipe: Recipe, job: Job, desk: Desk) -> tuple[BERT, list[Record]]:
    """Train one model, or take it from the desk, and say how it did on the way."""
    tokenizer, seed, name = bert_tokens(town_tokenizer()), job["seed"], f"bert-{job['seed']}"
    model = bert_model(recipe, tokenizer, seed)
    optimisers = muon_and_adamw(model, recipe.muon_lr, recipe.adam_lr)
    batch = masked_batches(recipe.stages, tokenizer, seed)

    def on_the_way(step: int, loss: float) -> Record:
        return {"train": round(loss, 4)} | look(model, tokenizer)

    first = desk.json(f"{name}-start", lambda: {"step": 0} | look(model, tokenizer))
    arguments = (batch, optimisers, recipe.factor, recipe.steps, on_the_way, EVERY)
    with sdpa_kernel(SDPBackend.MATH):  # in bfloat16 on a CPU, torch's fused attention is twice as slow backwards
        log = desk.train(name, model, *arguments, loss=masked_loss)
    return model, [first, *log]


def measure(recipe: Recipe, job: Job, desk: Desk) -> Record:
    """Train one model, and say how it did on the way and at the end."""
    return {"log": trained(recipe, job, desk)[1]}


def keep(recipe: Recipe, desk: Desk, folder: Path) -> None:
    """Keep the model and its tokenizer (see `data.town_bert`)."""
    trained(recipe, {"seed": 0}, desk)[0].save_pretrained(folder / "town-bert")
    bert_tokens(town_tokenizer()).save(folder / "town-bert" / "tokenizer.json")


EXPERIMENT = Experiment("town_bert", ("autoencoding",), Recipe(), jobs, measure, keep=keep, fastest=True)
