"""What is committed with the library: Robot Town's tokenizer and the small models that were trained on the town.

How each came about stands in the experiment of its name: `experiments.results("town_gpt")`.
"""

import json
from pathlib import Path
from typing import TYPE_CHECKING

from course_lib.tokens import Tokenizer

if TYPE_CHECKING:
    from course_lib.alignment import Chat, RewardModel
    from course_lib.models import BERT, GPT, T5, TransformerXL
    from course_lib.prompting import RiddleTokens

DATA = Path(__file__).parent
TOWN_T5 = DATA / "town-t5"  # config.json, model.safetensors (float16), tokenizer.json
TOWN_GPT = DATA / "town-gpt"  # config.json, model.safetensors, tokenizer.json, steps/
TOWN_BERT = DATA / "town-bert"  # config.json, model.safetensors, tokenizer.json
TOWN_CHAT = DATA / "town-chat"  # sft.safetensors, reward.safetensors (float16)


def town_tokenizer() -> Tokenizer:
    """Load the tokenizer that the town's model was trained with."""
    return Tokenizer.load(TOWN_GPT / "tokenizer.json")


def town_steps() -> list[int]:
    """List the training steps after which a copy of the model was kept, in float16, from 0 to the last."""
    return sorted(int(path.stem) for path in (TOWN_GPT / "steps").glob("*.safetensors"))


def town_gpt(step: int | None = None) -> "GPT":
    """Load the town's model as it was trained to the end, or as it was after this many steps.

    Raises ValueError for a step of which no copy was kept.
    """
    from safetensors.torch import load_file

    from course_lib.models import GPT

    model = GPT.from_pretrained(TOWN_GPT).eval()
    if step is not None:
        if step not in town_steps():
            raise ValueError(f"no copy was kept after step {step}: choose one of {town_steps()}")
        model.load_state_dict(load_file(TOWN_GPT / "steps" / f"{step:05}.safetensors"))  # float16 into float32
    return model


def town_t5_tokenizer() -> Tokenizer:
    """Load the tokenizer of the town's T5: the town's own, with padding and sentinels behind."""
    return Tokenizer.load(TOWN_T5 / "tokenizer.json")


def town_t5() -> "T5":
    """Load the town's T5, which fills gaps in documents and does four of the town's tasks by writing the answer."""
    from course_lib.models import T5

    return T5.from_pretrained(TOWN_T5).eval()


def town_bert() -> "BERT":
    """Load the town's BERT, which fills blanks in texts of the same town."""
    from course_lib.models import BERT

    return BERT.from_pretrained(TOWN_BERT).eval()


def town_bert_tokenizer() -> Tokenizer:
    """Load the tokenizer of the town's BERT: that of the GPT, and [PAD], [CLS], [SEP] and [MASK] behind it."""
    return Tokenizer.load(TOWN_BERT / "tokenizer.json")


def riddle_gpt(way: str = "scratchpad") -> "tuple[GPT, RiddleTokens]":
    """Load a small GPT that learned the brother's riddle, with a "scratchpad" or to "answer" at once, and its tokens.

    Both write numbers as digits. Raises ValueError for another way.
    """
    from course_lib.models import GPT
    from course_lib.prompting import RiddleTokens

    ways = sorted((path.name for path in (DATA / "riddle-gpt").iterdir()), reverse=True)
    if way not in ways:
        raise ValueError(f"way is {way!r}: there are models for {', '.join(ways)}")
    return GPT.from_pretrained(DATA / "riddle-gpt" / way).eval(), RiddleTokens("digits")


def recall_model() -> "TransformerXL":
    """Load a Transformer-XL of three layers that learned to recall a name from segments ago (`training.recall`)."""
    from safetensors.torch import load_file

    from course_lib.models import TransformerXL, TransformerXLConfig

    config = json.loads((DATA / "recall" / "config.json").read_text(encoding="utf-8"))
    model = TransformerXL(TransformerXLConfig(**config))
    model.load_state_dict(load_file(DATA / "recall" / "model.safetensors"))
    return model.eval()


def unaligned() -> "tuple[GPT, Chat]":
    """Load the town's model with three new tokens, one of which says that the answer begins. It has seen no answer."""
    from course_lib.alignment import Chat
    from course_lib.finetuning import widen

    model = town_gpt()
    return model, Chat(town_tokenizer(), widen(model, seed=0).delimiter)


def town_sft() -> "tuple[GPT, Chat]":
    """Load the policy after step 1, seed 0: the town's model fine-tuned on demonstrations."""
    from safetensors.torch import load_file

    model, chat = unaligned()
    model.load_state_dict(load_file(TOWN_CHAT / "sft.safetensors"))  # float16 into float32
    return model.eval(), chat


def town_reward() -> "RewardModel":
    """Load the reward model after step 2, seed 0, fitted to the rankings that the recipe of the runs calls "used"."""
    from safetensors.torch import load_file

    from course_lib.alignment import RewardModel

    model = RewardModel(unaligned()[0])
    model.load_state_dict(load_file(TOWN_CHAT / "reward.safetensors"))  # float16 into float32
    return model.eval()
