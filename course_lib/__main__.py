"""Everything that a person types: python -m course_lib VERB. Each verb's options live beside the code that it runs."""

import codecs
import importlib
import sys

import click

from course_lib import data

VERBS = {  # verb: the module that holds its command, imported when it is asked for (torch takes seconds)
    "train": "course_lib.training.command",
    "generate": "course_lib.generation.command",
    "experiment": "course_lib.experiments.command",
    "release": "course_lib.grading.command:release",
    "check": "course_lib.grading.command:check",
    "grade": "course_lib.grading.command:grade",
    "doctor": "course_lib.grading.command:doctor",
}
DEFAULTS = {"generate": {"name": str(data.TOWN_GPT)}}  # what a verb takes if it is told nothing: the library's model


PLAIN = {"✓": "+", "✗": "x", "→": ">", "−": "-"}  # for a terminal whose code page lacks them


def plain(error: UnicodeError) -> tuple[str, int]:
    """Write what a code page lacks as something that it has."""
    assert isinstance(error, UnicodeEncodeError)
    return "".join(PLAIN.get(sign, "?") for sign in error.object[error.start : error.end]), error.end


codecs.register_error("plain", plain)


class Verbs(click.Group):
    """A group of commands whose modules are imported one at a time."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        """Name the verbs."""
        return list(VERBS)

    def get_command(self, ctx: click.Context, name: str) -> click.Command | None:
        """Import the module of this verb and return its command."""
        module, _, attribute = VERBS.get(name, "").partition(":")
        return getattr(importlib.import_module(module), attribute or "command") if module else None


@click.group(cls=Verbs, context_settings={"help_option_names": ["-h", "--help"], "default_map": DEFAULTS})
def main() -> None:
    """Inside GPT: train a GPT on your own text, let it write, check exercises and grade them."""
    for stream in (sys.stdout, sys.stderr):
        if hasattr(stream, "reconfigure"):
            stream.reconfigure(errors="plain")


if __name__ == "__main__":
    main(prog_name="python -m course_lib")
