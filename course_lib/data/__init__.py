"""What is committed with the library: Robot Town's tokenizer and the small GPT that was trained on the town."""

from pathlib import Path

from course_lib.tokens import Tokenizer

TOWN_GPT = Path(__file__).parent / "town-gpt"  # config.json, model.safetensors, tokenizer.json, recipe.json


def town_tokenizer() -> Tokenizer:
    """Load the tokenizer that the town's model was trained with."""
    return Tokenizer.load(TOWN_GPT / "tokenizer.json")
