"""PPO: our loop beside trl's PPOTrainer, the town's model, the same settings, one thread, in one run.

Both start from the town's policy and reward model (course_lib/data/town-chat): 48 prompts of one length, 2 passes
in 2 minibatches, at most 48 new tokens, temperature 1, a fixed price, AdamW, and the same type of numbers. trl reads
GPT-2 checkpoints, and ours is one. Wanted: 5 times as many samples per second as trl 1.12.0; the last line says what it
is, and the exit status is 1 below that.

What differs is part of the comparison. trl writes all 48 tokens, cuts them afterwards, and carries every position
through the update; we stop where the answers stop. `--never-stop` makes our answers as long as trl's: what is left then
is the loop alone. Seconds are processor seconds of whole iterations, their median; the first one warms up.

trl is not among this project's requirements: `make oracles` installs it, and without it only our numbers are printed.
Run: OMP_NUM_THREADS=1 python -m benchmarks.ppo [--iterations 8] [--bf16] [--never-stop]
"""

import argparse
import os
import statistics
import tempfile
import time
from itertools import pairwise

import torch

from course_lib import alignment, data
from course_lib.alignment import PPO, Settings
from course_lib.town import labeler

BATCH, NEW, UNFINISHED = 48, 48, -3.0


def prompts_of_one_length(chat, n):
    """Prompts whose rows are equally long, so that neither side pads: (texts, rows of ids)."""
    texts = [labeler.prompt(4_000_000 + i) for i in range(40 * n)]
    rows = [chat.prompt(text) for text in texts]
    lengths = [len(row) for row in rows]
    usual = max(set(lengths), key=lengths.count)
    found = [(text, row) for text, row in zip(texts, rows) if len(row) == usual][:n]
    if len(found) < n:
        raise ValueError(f"only {len(found)} of {len(texts)} prompts have {usual} tokens, not {n}")
    return [text for text, _ in found], [row for _, row in found]


def ours(texts, dtype, never_stop):
    """Each `next` takes one iteration, and gives its processor seconds and the tokens of its answers."""
    policy, chat = data.town_sft()
    reward = data.town_reward()
    settings = Settings(batch_size=BATCH, max_new_tokens=NEW, dtype=dtype, unfinished=UNFINISHED)
    run = PPO(
        policy, chat, alignment.learned_reward(reward, chat, UNFINISHED, dtype), lambda n: texts[n % len(texts)],
        settings, value=reward,
    )  # fmt: skip
    if never_stop:
        run.chat = Endless(chat.tokenizer, chat.answer_id)
    while True:
        start = time.process_time()
        step = run.step()
        yield time.process_time() - start, step.length


class Endless(alignment.Chat):
    """A chat whose end token never comes."""

    end_id = property(lambda self: self.tokenizer.vocab_size + 2)


def theirs(rows, dtype, folder):
    """The same for trl; a callback hands over the processor at the end of each iteration."""
    from datasets import Dataset
    from tokenizers import Tokenizer, models
    from transformers import GPT2ForSequenceClassification, GPT2LMHeadModel, PreTrainedTokenizerFast, TrainerCallback
    from transformers.utils import logging
    from trl.experimental.ppo import PPOConfig, PPOTrainer

    logging.set_verbosity_error()
    logging.disable_progress_bar()

    policy, chat = data.town_sft()
    policy.save_pretrained(folder)
    models_of = [GPT2LMHeadModel.from_pretrained(folder) for _ in range(2)]
    rewards = [reward_model(GPT2ForSequenceClassification, folder, zero) for zero in (False, True)]
    n = policy.config.vocab_size
    words = {f"<{i}>": i for i in range(n)}
    tokenizer = PreTrainedTokenizerFast(
        tokenizer_object=Tokenizer(models.WordLevel(words, unk_token="<0>")),
        eos_token=f"<{chat.end_id}>",
        pad_token=f"<{n - 1}>",  # a token that stands nowhere
        padding_side="left",
    )
    for model in (*models_of, *rewards):
        model.config.pad_token_id = tokenizer.pad_token_id
    seconds = []

    class Clock(TrainerCallback):
        def on_step_end(self, args, state, control, **kwargs):
            seconds.append(time.process_time())
            return control

    args = PPOConfig(
        output_dir=folder,
        per_device_train_batch_size=BATCH,
        gradient_accumulation_steps=1,
        num_mini_batches=2,
        num_ppo_epochs=2,
        local_rollout_forward_batch_size=BATCH,
        total_episodes=BATCH * (len(rows) // BATCH),
        response_length=NEW,
        temperature=1.0,
        stop_token="eos",
        missing_eos_penalty=-UNFINISHED,
        kl_coef=0.1,
        gamma=1.0,
        lam=0.95,
        learning_rate=3e-4,
        cliprange=0.2,
        cliprange_value=0.2,
        num_sample_generations=0,
        bf16=dtype == torch.bfloat16,
        use_cpu=True,
        gradient_checkpointing=False,
        save_strategy="no",
        report_to=[],
        disable_tqdm=True,
        logging_steps=10**9,
    )
    trainer = PPOTrainer(
        args, tokenizer, *models_of, rewards[0], Dataset.from_dict({"input_ids": rows}), rewards[1],
        callbacks=[Clock()],
    )  # fmt: skip
    trainer.log = lambda *_, **__: None
    return trainer, seconds


def reward_model(kind, folder, start_at_zero):
    """Our reward model as a GPT2ForSequenceClassification: the same network with one number at the end."""
    model = kind.from_pretrained(folder, num_labels=1)
    held = data.town_reward()
    model.transformer.load_state_dict(held.gpt.state_dict(), strict=False)
    model.score.weight.data = torch.zeros_like(held.score.weight) if start_at_zero else held.score.weight.detach()
    return model


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--iterations", type=int, default=8)
    parser.add_argument("--bf16", action="store_true", help="both in bfloat16 autocast; else both in float32")
    parser.add_argument("--never-stop", action="store_true", help="our answers, too, always have 48 tokens")
    options = parser.parse_args()
    torch.set_num_threads(1)
    torch.manual_seed(0)
    dtype = torch.bfloat16 if options.bf16 else torch.float32
    _, chat = data.town_sft()
    texts, rows = prompts_of_one_length(chat, BATCH * options.iterations)
    print(f"{options.iterations} iterations of {BATCH} prompts of {len(rows[0])} tokens, {dtype}")
    mine = ours(texts, dtype, options.never_stop)
    found = [next(mine) for _ in range(options.iterations)]
    ours_median = report("ours", [seconds for seconds, _ in found], [length for _, length in found])
    os.environ.setdefault("TRL_EXPERIMENTAL_SILENCE", "1")
    try:
        import trl
    except ImportError:
        print("trl is not installed (make oracles): no comparison")
        return
    with tempfile.TemporaryDirectory() as folder:
        trainer, ends = theirs(rows, dtype, folder)
        ends.append(time.process_time())
        trainer.train()
    seconds = [end - start for start, end in pairwise(ends)]
    their_median = report(f"trl {trl.__version__}", seconds, [NEW] * options.iterations)
    ratio = their_median / ours_median
    print(f"ours: {ratio:.1f} x the samples per second of trl (claim: 5)")
    raise SystemExit(ratio < 5)


def report(name, seconds, lengths):
    """Print a line; the median seconds of an iteration, without the first."""
    median = statistics.median(seconds[1:])
    length = statistics.mean(lengths[1:])
    rate = f"{BATCH / median:6.1f} samples/s"
    print(f"{name:<12} {median:6.2f} s per iteration, {rate}, {length:4.1f} tokens written each")
    return median


if __name__ == "__main__":
    main()
