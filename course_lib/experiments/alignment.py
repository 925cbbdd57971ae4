"""RLHF in the town, from demonstrations to PPO, and DPO, GRPO and best-of-n beside it.

For each seed: a policy fine-tuned on demonstrations, rankings of its answers, reward models fitted to more and more of
them, and what each method makes of the reward. The first seed's policy and reward model are kept: `data.town_sft`.
"""

import copy
import json
import math
import statistics
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

import torch
from torch import Tensor
from tqdm import tqdm

from course_lib import alignment, data
from course_lib.alignment import GRPO, PPO, TRUTH, Chat, Comparison, RewardModel, held_out_prompts, readable
from course_lib.finetuning import widen
from course_lib.models import GPT
from course_lib.town import HELD_OUT, Labeler, demonstration, labeler
from course_lib.training.start import small_gpt

from .desk import Desk, Job, save_weights
from .mechanism import Experiment
from .reading import Record, Results

SEEDS = range(5)
RANKED, ASKED = 1_000_000, 2_000_000  # where the prompts of rankings, and those of PPO, begin to be numbered
APART = 100_000  # the prompts of seed s begin s times this later
TRACE_TEXT = ("prompt", "answer")  # remembered of the first seed alone


@dataclass(frozen=True)
class Recipe:
    """All that decides what comes out, beside the code and the job."""

    demonstrations: int = 3000
    sft_epochs: int = 3  # with fewer demonstrations more, for as many steps as 1,000 take
    sft_lr: float = 1e-3
    fewer: tuple[int, ...] = (100, 300, 1000)  # demonstrations, for the curve
    k: int = 6
    rankings: tuple[int, ...] = (60, 125, 250, 500)  # reward models are fitted to the first so many
    held_out_rankings: int = 200
    noise: float = 0.3
    reward_epochs: int = 6  # in batches of 4 rankings: a reward model needs steps before it reads stories
    reward_batch: int = 4
    reward_lr: float = 3e-4
    used: int = 500  # rankings of the reward model that PPO, GRPO and best-of-n maximise, and of DPO
    betas: tuple[float, ...] = (0.0, 0.03, 0.1, 0.3)
    iterations: int = 80
    unfinished: float = -3.0
    dpo_betas: tuple[float, ...] = (0.03, 0.1, 0.3)
    dpo_epochs: int = 2
    dpo_lr: float = 3e-5  # with PPO's 3e-4 the texts break: KL 30 to 45
    grpo_betas: tuple[float, ...] = (0.1, 0.3)
    most: int = 32  # answers that best-of-n chooses from
    tastes: tuple[tuple[str, float], ...] = (("gushing", 1.0), ("verbosity", 1.0), ("sycophancy", 5.0))
    taste_beta: float = 0.1
    n_test: int = 400


def jobs(recipe: Recipe, results: Results) -> Iterator[Job]:
    """Name the runs, the most wanted first."""
    yield {"kind": "base", "seed": 0}
    for seed in SEEDS:
        yield from sft_jobs(seed, recipe.demonstrations)
        yield from ({"kind": "reward", "seed": seed, "rankings": n} for n in recipe.rankings)
        yield from ({"kind": "ppo", "seed": seed, "beta": beta} for beta in recipe.betas)
        yield {"kind": "best of n", "seed": seed}
        yield from ({"kind": "dpo", "seed": seed, "beta": beta} for beta in recipe.dpo_betas)
        yield from ({"kind": "grpo", "seed": seed, "beta": beta} for beta in recipe.grpo_betas)
    for seed in SEEDS:
        yield from (job for n in recipe.fewer for job in sft_jobs(seed, n))
    for seed in SEEDS[:3]:
        yield from ({"kind": "taste", "seed": seed, "taste": name} for name, _ in recipe.tastes)


def sft_jobs(seed: int, n: int) -> list[Job]:
    """Name step 1 with n demonstrations, for the pre-trained model and from scratch."""
    return [{"kind": "sft", "seed": seed, "start": start, "demonstrations": n} for start in ("pre-trained", "scratch")]


@dataclass(frozen=True)
class Seed:
    """What belongs to one seed. Models are made when they are asked for, once, and lie on the desk from then on."""

    recipe: Recipe
    seed: int
    desk: Desk

    def policy(self, start: str = "pre-trained", demonstrations: int | None = None) -> tuple[GPT, Chat]:
        """Give the policy after step 1."""
        r, n, model = self.recipe, demonstrations or self.recipe.demonstrations, data.town_gpt()
        if start == "scratch":
            model = small_gpt(model.config, self.seed)
        chat = Chat(data.town_tokenizer(), widen(model, seed=self.seed).delimiter)
        epochs = max(r.sft_epochs, round(r.sft_epochs * 1000 / n))

        def make(model: GPT) -> None:
            shown = [demonstration(self.seed * APART + i) for i in range(n)]
            losses = alignment.sft(model, chat, shown, epochs, lr=r.sft_lr, seed=self.seed, dtype=self.desk.dtype)
            show(losses, f"SFT, {start}")

        return self.desk.weights(f"seed{self.seed}/sft-{start}-{n}", model, make), chat

    def comparisons(self) -> list[Comparison]:
        """Give rankings of the policy's own answers by this seed's labeler: to learn from, then the held-out ones."""
        found = self.desk.json(f"seed{self.seed}/comparisons", self.compare)
        return [Comparison(c["prompt"], tuple(map(tuple, c["answers"])), tuple(c["ranks"])) for c in found]

    def compare(self) -> list[dict]:
        """Sample answers, and let the labeler rank them."""
        (model, chat), r, generator = self.policy(), self.recipe, torch.Generator().manual_seed(self.seed)
        first = RANKED + self.seed * APART
        numbers = [*range(first, first + max(r.rankings))]
        numbers += range(HELD_OUT + RANKED, HELD_OUT + RANKED + r.held_out_rankings)
        person, found = Labeler(r.noise, self.seed), []
        for i in tqdm(range(0, len(numbers), 50), desc="rankings", leave=False):
            prompts = [labeler.prompt(number) for number in numbers[i : i + 50]]
            found += alignment.compare(model, chat, person, prompts, r.k, generator)
        return [asdict(c) for c in found]

    def reward(self, n: int, taste: str | None = None) -> RewardModel:
        """Give the reward model after n rankings, by a labeler of this taste; demonstrations are worth 0 on average."""
        (policy, chat), r = self.policy(), self.recipe

        def make(model: RewardModel) -> None:
            ranked = self.comparisons()[:n]
            if taste:
                person = Labeler(r.noise, self.seed, **{taste: dict(r.tastes)[taste]})
                ranked = [alignment.ranked_again(chat, person, c) for c in ranked]
            how = (r.reward_epochs, r.reward_batch, r.reward_lr, self.seed, self.desk.dtype)
            show(alignment.fit_reward(model, chat, ranked, *how), f"reward model, {n} rankings")
            shown = [demonstration(RANKED + i) for i in range(300)]
            model.centre(chat.batch([chat.prompt(d.prompt) for d in shown], [chat.answer(d.answer) for d in shown]))

        name = f"seed{self.seed}/reward-{n}" + (f"-{taste}" if taste else "")
        return self.desk.weights(name, RewardModel(policy), make)

    def score(self, chat: Chat, taste: str | None = None) -> alignment.trainer.Reward:
        """Give the reward that is maximised: that of the reward model after the rankings that are used."""
        return alignment.learned_reward(self.reward(self.recipe.used, taste), chat, self.recipe.unfinished)


# The kinds of jobs. Each gives what goes into its record.


def base(one: Seed) -> Record:
    """Prompt the base model, which has seen no answer: the town's stories go on after an order, too."""
    model, tokenizer = data.town_gpt(), data.town_tokenizer()
    chat, prompts = Chat(tokenizer, tokenizer.vocab_size), held_out_prompts(one.recipe.n_test)
    rows, generator = [chat.prompt(prompt)[:-1] for prompt in prompts], torch.Generator().manual_seed(0)
    answers = alignment.sample_answers(model, chat, prompts, generator=generator, rows=rows)
    shown = [demonstration(HELD_OUT + i) for i in range(2000)]
    worth = statistics.mean(TRUTH.utility(d.prompt, d.answer) for d in shown)
    return alignment.judged(chat, prompts, answers) | {"demonstrations": worth}


def sft(one: Seed, start: str, demonstrations: int) -> Record:
    """Step 1. Of policies that saw fewer demonstrations, score and distance are told as well."""
    model, chat = one.policy(start, demonstrations)
    record = examined(one, model, chat, scored=demonstrations != one.recipe.demonstrations)
    shown = [demonstration(HELD_OUT + i) for i in range(500)]
    batch = chat.batch([chat.prompt(d.prompt) for d in shown], [chat.answer(d.answer) for d in shown])
    with torch.no_grad():
        return record | {"loss": alignment.response_loss(model, batch).item()}  # nats per token of answers


def reward(one: Seed, rankings: int) -> Record:
    """Step 2: how often it agrees with the labeler that it learned from, and with the truth."""
    model, (_, chat) = one.reward(rankings), one.policy()
    held_out = one.comparisons()[max(one.recipe.rankings) :]
    rewards = alignment.rewards_of(model, chat, held_out)
    texts = [[readable(chat, a) for a in c.answers] for c in held_out]
    truth = [[TRUTH.utility(c.prompt, t) for t in ts] for c, ts in zip(held_out, texts)]
    true_ranks = [TRUTH.rank(c.prompt, t) for c, t in zip(held_out, texts)]
    flat = torch.tensor([[r for rs in rewards for r in rs], [t for ts in truth for t in ts]])
    return {
        "accuracy": alignment.pair_accuracy(rewards, [c.ranks for c in held_out]),
        "true accuracy": alignment.pair_accuracy(rewards, true_ranks),
        "correlation": flat.corrcoef()[0, 1].item(),
    }


def ppo(one: Seed, beta: float, loop: type[PPO | GRPO] = PPO, taste: str | None = None) -> Record:
    """Step 3: each iteration's score, KL and true utility, and the policy at the end."""
    (policy, chat), r, true = one.policy(), one.recipe, []
    score, first = one.score(chat, taste), ASKED + one.seed * APART

    def watched(prompts: Sequence[str], answers: Sequence[Sequence[int]]) -> Tensor:
        true.append(statistics.mean(TRUTH.utility(p, readable(chat, a)) for p, a in zip(prompts, answers)))
        return score(prompts, answers)

    settings = alignment.Settings(beta=beta, decay_over=r.iterations, seed=one.seed, dtype=one.desk.dtype)
    critic = {"value": one.reward(r.used, taste)} if loop is PPO else {}
    run = loop(policy, chat, watched, lambda n: labeler.prompt(first + n), settings, **critic)
    steps = [run.step() for _ in tqdm(range(r.iterations), desc=f"{loop.__name__} {beta}", leave=False)]
    trace = [
        {"score": s.score, "true": t, "kl": s.kl, "length": s.length, "answer": s.answer, "prompt": s.prompt}
        for s, t in zip(steps, true)
    ]
    return examined(one, policy, chat) | {"trace": trace}


def grpo(one: Seed, beta: float) -> Record:
    """PPO's loop with groups."""
    return ppo(one, beta, GRPO)


def taste(one: Seed, taste: str) -> Record:
    """Steps 2 and 3 for a labeler who likes something that has nothing to do with the utility."""
    return ppo(one, one.recipe.taste_beta, taste=taste)


def dpo(one: Seed, beta: float) -> Record:
    """The policy fitted to the rankings themselves."""
    (policy, chat), r = one.policy(), one.recipe
    how = {"epochs": r.dpo_epochs, "lr": r.dpo_lr, "seed": one.seed, "dtype": one.desk.dtype}
    show(alignment.dpo(policy, copy.deepcopy(policy), chat, one.comparisons()[: r.used], beta, **how), f"DPO {beta}")
    return examined(one, policy.eval(), chat)


def best_of_n(one: Seed) -> Record:
    """The best of 1, 2, 4, … answers by the reward model: its score, the truth, and the KL by the formula."""
    (policy, chat), n, scores, truth = one.policy(), one.recipe.most, [], []
    score, generator = one.score(chat), torch.Generator().manual_seed(one.seed)
    prompts = held_out_prompts(one.recipe.n_test // 2)
    for prompt in tqdm(prompts, desc=f"best of {n}", leave=False):
        answers = alignment.sample_answers(policy, chat, [prompt] * n, generator=generator)
        scores.append(score([prompt] * n, answers))
        truth.append(torch.tensor([TRUTH.utility(prompt, readable(chat, a)) for a in answers]))
    s, t, curve = torch.stack(scores), torch.stack(truth), []  # [prompts, n]
    for m in (2**i for i in range(int(math.log2(n)) + 1)):
        best = s.view(len(prompts), -1, m).argmax(-1)  # [prompts, n / m]: n / m disjoint groups of m answers
        means = [x.view(len(prompts), -1, m).gather(-1, best[..., None]).mean().item() for x in (s, t)]
        curve.append({"n": m, "score": means[0], "true": means[1], "kl": alignment.best_of_n_kl(m)})
    return {"curve": curve}


def examined(one: Seed, model: GPT, chat: Chat, scored: bool = True) -> Record:
    """The truth about a policy on held-out prompts; its score and its distance from the policy of step 1."""
    prompts, generator = held_out_prompts(one.recipe.n_test), torch.Generator().manual_seed(one.seed)
    answers = alignment.sample_answers(model, chat, prompts, generator=generator)
    record = alignment.judged(chat, prompts, answers)
    if scored:
        batch = chat.batch([chat.prompt(p) for p in prompts], answers)
        with torch.no_grad():
            now, before = (alignment.sequence_log_prob(m, batch) for m in (model, one.policy()[0]))
        record |= {"score": one.score(chat)(prompts, answers).mean().item(), "kl": (now - before).mean().item()}
    return record


KINDS: dict[str, Callable[..., Record]] = {
    "base": base,
    "sft": sft,
    "reward": reward,
    "ppo": ppo,
    "grpo": grpo,
    "taste": taste,
    "dpo": dpo,
    "best of n": best_of_n,
}


def measure(recipe: Recipe, job: Job, desk: Desk) -> Record:
    """Do one job. Every number is rounded to four digits after the point. ValueError for a kind that there is not."""
    if job["kind"] not in KINDS:
        raise ValueError(f"no kind of job is called {job['kind']!r}: choose one of {sorted(KINDS)}")
    options = {name: value for name, value in job.items() if name not in ("kind", "seed")}
    record = KINDS[job["kind"]](Seed(recipe, job["seed"], desk), **options)
    if "trace" in record and job["seed"]:
        record["trace"] = [{k: v for k, v in step.items() if k not in TRACE_TEXT} for step in record["trace"]]
    return json.loads(json.dumps(record), parse_float=lambda digits: round(float(digits), 4))


def show(losses: Iterator[float], what: str) -> None:
    """Run a training to its end, with its loss on the screen."""
    bar = tqdm(losses, desc=what, leave=False)
    for loss in bar:
        bar.set_postfix_str(f"{loss:.3f}", refresh=False)


def keep(recipe: Recipe, desk: Desk, folder: Path) -> None:
    """Keep the first seed's policy and reward model, in float16."""
    first = Seed(recipe, 0, desk)
    for name, model in {"sft": first.policy()[0], "reward": first.reward(recipe.used)}.items():
        save_weights(folder / "town-chat" / f"{name}.safetensors", model, torch.float16)


CHAPTERS = ("sft", "reward", "ppo", "did_it_work")
EXPERIMENT = Experiment("alignment", CHAPTERS, Recipe(), jobs, measure, ("town-gpt",), keep, fastest=True)
