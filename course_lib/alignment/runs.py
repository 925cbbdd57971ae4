"""The runs of chapters 15 to 18: python -m course_lib.alignment.runs --out FOLDER. Each is a line of records.jsonl.

For each seed: a policy fine-tuned on demonstrations, rankings of its answers, reward models fitted to more and more of
them, and what PPO, DPO, GRPO and best-of-n make of the reward. A run that stands in the file is not run again, and the
models that later runs need lie beside it: stop the command at any time, and call it again to go on.
"""

import copy
import json
import math
import statistics
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import Any

import click
import torch
from safetensors.torch import load_file, save_file
from torch import nn
from tqdm import tqdm

from course_lib.experiments.town_gpt import Recipe as TownRecipe
from course_lib.experiments.town_gpt import town_model
from course_lib.finetuning import widen
from course_lib.models import GPT
from course_lib.tokens import Tokenizer
from course_lib.town import HELD_OUT, Labeler, demonstration, labeler

from . import records
from .after import GRPO, best_of_n_kl, dpo, sequence_log_prob
from .chat import Chat
from .preferences import Comparison, compare, readable, sample_answers
from .reward import RewardModel, fit_reward, pair_accuracy, rewards_of
from .sft import response_loss, sft
from .trainer import PPO, Settings, learned_reward

MODEL = Path(__file__).parents[1] / "data" / "town-gpt"
RANKED, ASKED = 1_000_000, 2_000_000  # where the prompts of rankings, and those of PPO, begin to be numbered
APART = 100_000  # the prompts of seed s begin s times this later
TRUTH = Labeler(noise=0.0)


@dataclass(frozen=True)
class Recipe:
    """All that decides what comes out, beside the code."""

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
    taste_seeds: int = 3
    n_test: int = 400
    seeds: tuple[int, ...] = (0, 1, 2, 3, 4)


def jobs(recipe: Recipe) -> Iterator[dict[str, Any]]:
    """Name the runs, the most wanted first."""
    yield {"kind": "base", "seed": 0}
    for seed in recipe.seeds:
        yield {"kind": "sft", "seed": seed, "start": "pre-trained", "demonstrations": recipe.demonstrations}
        yield {"kind": "sft", "seed": seed, "start": "scratch", "demonstrations": recipe.demonstrations}
        yield from ({"kind": "reward", "seed": seed, "rankings": n} for n in recipe.rankings)
        yield from ({"kind": "ppo", "seed": seed, "beta": beta} for beta in recipe.betas)
        yield {"kind": "best of n", "seed": seed}
        yield from ({"kind": "dpo", "seed": seed, "beta": beta} for beta in recipe.dpo_betas)
        yield from ({"kind": "grpo", "seed": seed, "beta": beta} for beta in recipe.grpo_betas)
    for seed in recipe.seeds:
        for n in recipe.fewer:
            yield {"kind": "sft", "seed": seed, "start": "pre-trained", "demonstrations": n}
            yield {"kind": "sft", "seed": seed, "start": "scratch", "demonstrations": n}
    for seed in recipe.seeds[: recipe.taste_seeds]:
        yield from ({"kind": "taste", "seed": seed, "taste": name} for name, _ in recipe.tastes)


class Seed:
    """Everything that belongs to one seed. Models are made when they are asked for, once, and kept in the folder."""

    def __init__(self, seed: int, recipe: Recipe, folder: Path, model: Path = MODEL) -> None:
        self.seed, self.recipe, self.model_folder = seed, recipe, model
        self.folder = folder / f"seed{seed}"
        self.tokenizer = Tokenizer.load(model / "tokenizer.json")

    def untrained(self, start: str = "pre-trained") -> tuple[GPT, Chat]:
        """The network before it has seen a demonstration, with a new token between prompt and answer."""
        model = GPT.from_pretrained(self.model_folder)
        if start == "scratch":
            model = town_model(TownRecipe(), self.seed)
        special = widen(model, seed=self.seed)
        return model.eval(), Chat(self.tokenizer, special.delimiter)

    def policy(self, start: str = "pre-trained", demonstrations: int | None = None) -> tuple[GPT, Chat]:
        """The policy after step 1."""
        model, chat = self.untrained(start)
        r, n = self.recipe, demonstrations or self.recipe.demonstrations
        epochs = max(r.sft_epochs, round(r.sft_epochs * 1000 / n))

        def make() -> None:
            shown = [demonstration(self.seed * APART + i) for i in range(n)]
            show(sft(model, chat, shown, epochs, lr=r.sft_lr, seed=self.seed), f"SFT, {start}")

        self.kept(f"sft-{start}-{n}", model, make)
        return model.eval(), chat

    @cached_property
    def comparisons(self) -> list[Comparison]:
        """Rankings of the policy's own answers by this seed's labeler: those to learn from, then the held-out ones."""
        path = self.folder / "comparisons.json"
        if path.exists():
            held = json.loads(path.read_text(encoding="utf-8"))
            return [Comparison(c["prompt"], tuple(map(tuple, c["answers"])), tuple(c["ranks"])) for c in held]
        model, chat = self.policy()
        r, generator = self.recipe, torch.Generator().manual_seed(self.seed)
        numbers = [*range(RANKED + self.seed * APART, RANKED + self.seed * APART + max(r.rankings))]
        numbers += range(HELD_OUT + RANKED, HELD_OUT + RANKED + r.held_out_rankings)
        person, found = Labeler(r.noise, self.seed), []
        for i in tqdm(range(0, len(numbers), 50), desc="rankings"):
            prompts = [labeler.prompt(number) for number in numbers[i : i + 50]]
            found += compare(model, chat, person, prompts, r.k, generator)
        path.write_text(json.dumps([asdict(c) for c in found]), encoding="utf-8")
        return found

    @property
    def held_out(self) -> list[Comparison]:
        """Rankings that no reward model has seen."""
        return self.comparisons[max(self.recipe.rankings) :]

    def reward(self, n: int, taste: str | None = None) -> RewardModel:
        """The reward model after n rankings, by a labeler of this taste; demonstrations are worth 0 on average."""
        policy, chat = self.policy()
        model, r = RewardModel(policy), self.recipe

        def make() -> None:
            ranked = self.comparisons[:n]
            if taste:
                person = Labeler(r.noise, self.seed, **{taste: dict(r.tastes)[taste]})
                ranked = [again(chat, person, c) for c in ranked]
            losses = fit_reward(model, chat, ranked, r.reward_epochs, r.reward_batch, r.reward_lr, self.seed)
            show(losses, f"reward model, {n} rankings")
            shown = [demonstration(RANKED + i) for i in range(300)]
            model.centre(chat.batch([chat.prompt(d.prompt) for d in shown], [chat.answer(d.answer) for d in shown]))

        self.kept(f"reward-{n}" + (f"-{taste}" if taste else ""), model, make)
        return model.eval()

    def kept(self, name: str, model: nn.Module, make: Callable[[], None]) -> None:
        """Load the weights if they lie in the folder; otherwise make them and put them there, in one move."""
        path = self.folder / f"{name}.safetensors"
        if path.exists():
            model.load_state_dict(load_file(path))
            return
        make()
        self.folder.mkdir(parents=True, exist_ok=True)
        save_file({k: v.contiguous() for k, v in model.state_dict().items()}, path.with_suffix(".part"))
        path.with_suffix(".part").replace(path)

    # The runs. Each gives what goes into its record.

    def run_base(self) -> dict[str, Any]:
        """Prompt the base model, which has seen no answer: the town's stories go on after an order, too."""
        model = GPT.from_pretrained(self.model_folder).eval()
        chat = Chat(self.tokenizer, self.tokenizer.vocab_size)
        prompts = test_prompts(self.recipe.n_test)
        rows = [chat.prompt(prompt)[:-1] for prompt in prompts]
        generator = torch.Generator().manual_seed(0)
        answers = sample_answers(model, chat, prompts, generator=generator, rows=rows)
        shown = [demonstration(HELD_OUT + i) for i in range(2000)]
        return judged(chat, prompts, answers) | {
            "demonstrations": statistics.mean(TRUTH.utility(d.prompt, d.answer) for d in shown)
        }

    def run_sft(self, start: str, demonstrations: int) -> dict[str, Any]:
        """Step 1."""
        model, chat = self.policy(start, demonstrations)
        return self.measure(model, chat) | {"loss": self.demonstration_loss(model, chat)}

    def run_reward(self, rankings: int) -> dict[str, Any]:
        """Step 2: how often it agrees with the labeler that it learned from, and with the truth."""
        model, (_, chat) = self.reward(rankings), self.policy()
        rewards = rewards_of(model, chat, self.held_out)
        texts = [[readable(chat, a) for a in c.answers] for c in self.held_out]
        truth = [[TRUTH.utility(c.prompt, t) for t in ts] for c, ts in zip(self.held_out, texts)]
        flat = torch.tensor([[r for rs in rewards for r in rs], [t for ts in truth for t in ts]])
        return {
            "accuracy": pair_accuracy(rewards, [c.ranks for c in self.held_out]),
            "true accuracy": pair_accuracy(rewards, [TRUTH.rank(c.prompt, t) for c, t in zip(self.held_out, texts)]),
            "correlation": flat.corrcoef()[0, 1].item(),
        }

    def run_ppo(self, beta: float, run: type[PPO | GRPO] = PPO, taste: str | None = None) -> dict[str, Any]:
        """Step 3: each iteration's score, KL and true utility, and the policy at the end."""
        policy, chat = self.policy()
        reward = self.reward(self.recipe.used, taste)
        score, true = learned_reward(reward, chat, self.recipe.unfinished), []

        def watched(prompts: Sequence[str], answers: Sequence[Sequence[int]]) -> torch.Tensor:
            true.append(statistics.mean(TRUTH.utility(p, readable(chat, a)) for p, a in zip(prompts, answers)))
            return score(prompts, answers)

        first = ASKED + self.seed * APART
        settings = Settings(beta=beta, decay_over=self.recipe.iterations, seed=self.seed)
        critic = {"value": reward} if run is PPO else {}
        loop = run(policy, chat, watched, lambda n: labeler.prompt(first + n), settings, **critic)
        steps = [loop.step() for _ in tqdm(range(self.recipe.iterations), desc=f"{run.__name__} {beta}", leave=False)]
        trace = [
            {"score": s.score, "true": t, "kl": s.kl, "length": s.length, "answer": s.answer, "prompt": s.prompt}
            for s, t in zip(steps, true)
        ]
        return self.measure(policy, chat) | {"trace": trace}

    def run_taste(self, taste: str) -> dict[str, Any]:
        """Steps 2 and 3 for a labeler who likes something that has nothing to do with the utility."""
        return self.run_ppo(self.recipe.taste_beta, taste=taste)

    def run_grpo(self, beta: float) -> dict[str, Any]:
        """PPO's loop with groups."""
        return self.run_ppo(beta, GRPO)

    def run_dpo(self, beta: float) -> dict[str, Any]:
        """The policy fitted to the rankings themselves."""
        policy, chat = self.policy()
        ranked, r = self.comparisons[: self.recipe.used], self.recipe
        losses = dpo(policy, copy.deepcopy(policy), chat, ranked, beta, r.dpo_epochs, lr=r.dpo_lr, seed=self.seed)
        show(losses, f"DPO {beta}")
        return self.measure(policy.eval(), chat)

    def run_best_of_n(self) -> dict[str, Any]:
        """The best of 1, 2, 4, … answers by the reward model: its score, the truth, and the KL by the formula."""
        policy, chat = self.policy()
        score, n = learned_reward(self.reward(self.recipe.used), chat, self.recipe.unfinished), self.recipe.most
        prompts, generator = test_prompts(self.recipe.n_test // 2), torch.Generator().manual_seed(self.seed)
        scores, truth = [], []
        for prompt in tqdm(prompts, desc=f"best of {n}", leave=False):
            answers = sample_answers(policy, chat, [prompt] * n, generator=generator)
            scores.append(score([prompt] * n, answers))
            truth.append(torch.tensor([TRUTH.utility(prompt, readable(chat, a)) for a in answers]))
        s, t = torch.stack(scores), torch.stack(truth)  # [prompts, n]
        curve = []
        for m in (2**i for i in range(int(math.log2(n)) + 1)):
            best = s.view(len(prompts), -1, m).argmax(-1)  # [prompts, n / m]: n / m disjoint groups of m answers
            means = [x.view(len(prompts), -1, m).gather(-1, best[..., None]).mean().item() for x in (s, t)]
            curve.append({"n": m, "score": means[0], "true": means[1], "kl": best_of_n_kl(m)})
        return {"curve": curve}

    def measure(self, model: GPT, chat: Chat) -> dict[str, Any]:
        """The truth about a policy on held-out prompts; its score and its distance from the policy of step 1."""
        prompts, generator = test_prompts(self.recipe.n_test), torch.Generator().manual_seed(self.seed)
        answers = sample_answers(model, chat, prompts, generator=generator)
        record = judged(chat, prompts, answers)
        if (self.folder / f"reward-{self.recipe.used}.safetensors").exists():
            scores = learned_reward(self.reward(self.recipe.used), chat, self.recipe.unfinished)(prompts, answers)
            reference, _ = self.policy()
            batch = chat.batch([chat.prompt(p) for p in prompts], answers)
            with torch.no_grad():
                kl = sequence_log_prob(model, batch) - sequence_log_prob(reference, batch)
            record |= {"score": scores.mean().item(), "kl": kl.mean().item()}
        return record

    @torch.no_grad()
    def demonstration_loss(self, model: GPT, chat: Chat) -> float:
        """Nats per token of held-out demonstrations' answers."""
        shown = [demonstration(HELD_OUT + i) for i in range(500)]
        batch = chat.batch([chat.prompt(d.prompt) for d in shown], [chat.answer(d.answer) for d in shown])
        return response_loss(model, batch).item()


def judged(chat: Chat, prompts: Sequence[str], answers: Sequence[Sequence[int]]) -> dict[str, Any]:
    """True utility, over all prompts and by kind of request, and how many answers end."""
    texts = [readable(chat, answer) for answer in answers]
    utilities = [TRUTH.utility(p, t) for p, t in zip(prompts, texts)]
    kinds = [labeler.read(prompt).kind for prompt in prompts]
    by_kind = {kind: statistics.mean(u for u, k in zip(utilities, kinds) if k == kind) for kind in sorted(set(kinds))}
    return {
        "true": statistics.mean(utilities),
        "by kind": by_kind,
        "parts": means([labeler.judge(p, t) for p, t in zip(prompts, texts)]),
        "style": means([labeler.style(p, t) for p, t in zip(prompts, texts)]),
        "finished": statistics.mean(chat.end_id in answer for answer in answers),
        "examples": [list(row) for row in list(zip(prompts, texts, utilities))[:12]],
    }


def means(rows: Sequence[dict[str, Any]]) -> dict[str, float]:
    """The mean of each column."""
    return {name: statistics.mean(row[name] for row in rows) for name in rows[0]}


def again(chat: Chat, person: Labeler, comparison: Comparison) -> Comparison:
    """The same answers, ranked by another person."""
    texts = [readable(chat, answer) for answer in comparison.answers]
    return replace(comparison, ranks=tuple(person.rank(comparison.prompt, texts)))


def test_prompts(n: int) -> list[str]:
    """Prompts that nothing was trained on."""
    return [labeler.prompt(HELD_OUT + i) for i in range(n)]


def show(losses: Iterator[float], what: str) -> None:
    """Run a training to its end, with its loss on the screen."""
    bar = tqdm(losses, desc=what, leave=False)
    for loss in bar:
        bar.set_postfix_str(f"{loss:.3f}", refresh=False)


def run(job: dict[str, Any], recipe: Recipe, folder: Path, model: Path = MODEL) -> dict[str, Any]:
    """Do one job; its record. ValueError for a kind that there is not."""
    options = {name: value for name, value in job.items() if name not in ("kind", "seed")}
    method = getattr(Seed, "run_" + job["kind"].replace(" ", "_"), None)
    if method is None:
        raise ValueError(f"no run is called {job['kind']!r}: choose one of {sorted({j['kind'] for j in jobs(recipe)})}")
    return job | method(Seed(job["seed"], recipe, folder, model), **options)


def read(path: Path) -> list[dict[str, Any]]:
    """The records of a file; a last line that was cut off in the middle is left out."""
    if not path.exists():
        return []
    lines = path.read_text(encoding="utf-8").split("\n")
    return [json.loads(line) for line in lines[:-1] if line]


@click.command()
@click.option("--out", type=click.Path(path_type=Path), required=True, help="The folder for records and models.")
@click.option("--seeds", type=int, multiple=True, help="Only these seeds (may be repeated).")
@click.option("--publish", is_flag=True, help="Run nothing: put what is there into the library.")
def main(out: Path, seeds: tuple[int, ...], publish: bool) -> None:
    """Do all runs that the file does not hold yet."""
    recipe, path = Recipe(**({"seeds": seeds} if seeds else {})), out / "records.jsonl"
    out.mkdir(parents=True, exist_ok=True)
    done = read(path)
    if publish:
        first = Seed(0, recipe, out)
        models = {"sft": first.policy()[0], "reward": first.reward(recipe.used)}
        records.publish(done, asdict(recipe), models)
        return
    path.write_text("".join(json.dumps(record) + "\n" for record in done), encoding="utf-8")
    todo = [job for job in jobs(recipe) if not any(job.items() <= record.items() for record in done)]
    for job in tqdm(todo, desc="runs"):
        record = run(job, recipe, out)
        with path.open("a", encoding="utf-8") as file:
            file.write(json.dumps(record) + "\n")
        tqdm.write(" ".join(f"{k}={v}" for k, v in record.items() if not isinstance(v, (list, dict))))


if __name__ == "__main__":
    main()
