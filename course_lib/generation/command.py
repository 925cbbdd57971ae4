"""The verb `generate`: a model writes on from a prompt, and the text appears as it is made."""

import io
import sys
from typing import Any

import click
import torch

from course_lib.models import GPT
from course_lib.tokens import Tokenizer

from .samplers import NUCLEI
from .text import load, stream_text

DTYPES = ["float32", "float16", "bfloat16"]


@click.command("generate")
@click.option("--model", "name", default="gpt2", show_default=True, help="A folder with a model, or gpt2.")
@click.option("--prompt", default="", help="What the text begins with. [nothing: the model begins]")
@click.option("--max-new-tokens", type=click.IntRange(0), default=100, show_default=True, help="How long to write.")
@click.option("--temperature", type=click.FloatRange(0), default=1.0, show_default=True, help="0 is greedy.")
@click.option("--top-k", type=click.IntRange(1), help="Draw from the k likeliest tokens.")
@click.option("--top-p", type=click.FloatRange(0, 1, min_open=True), help="Draw from the nucleus of probability p.")
@click.option(
    "--nucleus", type=click.Choice(list(NUCLEI)), default="holtzman", show_default=True, help="How p is read."
)
@click.option("--repetition-penalty", type=click.FloatRange(0, min_open=True), default=1.0, show_default=True)
@click.option("--greedy", is_flag=True, help="Always the likeliest token, as --temperature 0.")
@click.option("--seed", type=int, help="The same seed writes the same text. [a new one each time]")
@click.option("--n", "n_texts", type=click.IntRange(1), default=1, show_default=True, help="How many texts.")
@click.option("--bare", is_flag=True, help="No end-of-text token before the prompt.")
@click.option(
    "--dtype", type=click.Choice(DTYPES), default="float32", show_default=True, help="float16 reads half the bytes."
)
def command(
    name: str,
    prompt: str,
    max_new_tokens: int,
    n_texts: int,
    greedy: bool,
    seed: int | None,
    dtype: str,
    **options: Any,
) -> None:
    """Let a GPT write on from a prompt."""
    if greedy:
        options["temperature"] = 0.0
    options["generator"] = torch.Generator()
    if seed is None:
        options["generator"].seed()
    else:
        options["generator"].manual_seed(seed)
    try:
        model, tokenizer = load(name, getattr(torch, dtype))
    except (OSError, ValueError) as error:
        raise click.ClickException(str(error)) from None
    try:
        _write(model, tokenizer, prompt, n_texts, max_new_tokens, options)
    except ValueError as error:
        raise click.ClickException(str(error)) from None


def _write(model: GPT, tokenizer: Tokenizer, prompt: str, n_texts: int, n_tokens: int, options: dict[str, Any]) -> None:
    if isinstance(sys.stdout, io.TextIOWrapper):
        sys.stdout.reconfigure(errors="replace")  # a terminal may lack the characters
    for i in range(n_texts):
        pieces = stream_text(model, tokenizer, prompt, n_tokens, **options)
        if n_texts > 1:
            click.echo(f"{'' if i == 0 else chr(10)}--- {i + 1} of {n_texts}")
        click.echo(prompt, nl=False)
        for piece in pieces:
            click.echo(piece, nl=False)  # click flushes
        click.echo()
