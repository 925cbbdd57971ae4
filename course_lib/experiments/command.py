"""The verb `experiment`: list the longer runs that the chapters show, do them, publish what came out."""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import click
import torch
from rich.console import Console
from rich.table import Table

from . import mechanism
from .mechanism import Experiment, desk_of, done, made_with, published_results, to_do

RUNS = Path("_runs")
DTYPES = ["auto", "float32", "bfloat16"]
folder_option = click.option(
    "--folder", type=click.Path(path_type=Path), default=RUNS, show_default=True, help="Where runs lie."
)
dtype_option = click.option("--dtype", type=click.Choice(DTYPES), default="auto", show_default=True)


@contextmanager
def clear_errors() -> Iterator[None]:
    """Show what was wrong in one line."""
    try:
        yield
    except (ValueError, OSError) as error:
        raise click.ClickException(str(error)) from None


def precision(name: str) -> torch.dtype | None:
    """Give the dtype that was asked for; None leaves the choice to the experiment."""
    return None if name == "auto" else getattr(torch, name)


def fields(pairs: tuple[str, ...]) -> dict[str, Any]:
    """Read FIELD=VALUE pairs; a value is JSON, or else a text. Raises BadParameter for anything else."""
    found: dict[str, Any] = {}
    for pair in pairs:
        name, equals, value = pair.partition("=")
        if not (name and equals):
            raise click.BadParameter(f"{pair!r} is not FIELD=VALUE, such as seed=0", param_hint="--only")
        try:
            found[name] = json.loads(value)
        except ValueError:
            found[name] = value
    return found


def state(experiment: Experiment, folder: Path, dtype: torch.dtype | None = None) -> tuple[int, int, float]:
    """Count the jobs done and those to do, and the minutes of one core that the done ones took."""
    desk = desk_of(experiment, folder, made_with(experiment, dtype))
    records = done(experiment, desk, published_results(experiment))
    return len(records), len(list(to_do(experiment, records))), sum(r.get("seconds", 0) for r in records) / 60


@click.group("experiment")
def command() -> None:
    """The longer runs that the chapters show."""


@command.command("list")
@folder_option
def list_all(folder: Path) -> None:
    """List all experiments: chapters, jobs done and to do, minutes of one core that they took."""
    table = Table("experiment", "chapters", "done", "to do", "minutes", box=None)
    for name in mechanism.names():
        experiment = mechanism.find(name)
        with clear_errors():
            n_done, n_left, minutes = state(experiment, folder)
        table.add_row(name, ", ".join(experiment.chapters), str(n_done), str(n_left), f"{minutes:.0f}")
    Console().print(table)


@command.command("run")
@click.argument("name")
@click.option("--only", multiple=True, metavar="FIELD=VALUE", help="Only jobs with this value; may be repeated.")
@click.option("--most", type=click.IntRange(1), help="Stop after so many jobs.")
@click.option("--anew", is_flag=True, help="Do jobs again whose results are published.")
@click.option("--threads", type=click.IntRange(1), default=1, show_default=True)
@folder_option
@dtype_option
def run_one(
    name: str, only: tuple[str, ...], most: int | None, anew: bool, threads: int, folder: Path, dtype: str
) -> None:
    """Do the jobs of NAME that are not done. It may be interrupted at any time, and goes on when called again."""
    torch.set_num_threads(threads)
    with clear_errors():
        try:
            records = mechanism.run(mechanism.find(name), folder, precision(dtype), most, anew=anew, **fields(only))
        except KeyboardInterrupt:
            raise click.ClickException("stopped; the same command goes on with the job that was under way") from None
    click.echo(f"{name}: {len(records)} jobs are done. `python -m course_lib experiment publish {name}` publishes them")


@command.command("status")
@click.argument("name")
@folder_option
@dtype_option
def show_status(name: str, folder: Path, dtype: str) -> None:
    """Say where the run of NAME lies, what would make its records here, and which jobs are to do."""
    with clear_errors():
        experiment = mechanism.find(name)
        made = made_with(experiment, precision(dtype))
        desk, published = desk_of(experiment, folder, made), published_results(experiment)
        records = done(experiment, desk, published)
    click.echo(f"{name} (shown in {', '.join(experiment.chapters)}): {len(records)} jobs are done")
    click.echo(f"works in   {desk.folder}\nmade with  {made}\npublished  {published.made if published else 'nothing'}")
    for job in to_do(experiment, records):
        click.echo(f"to do      {json.dumps(job)}")


@command.command("publish")
@click.argument("name")
@folder_option
@dtype_option
def publish_one(name: str, folder: Path, dtype: str) -> None:
    """Put the records of NAME into the library, with the models that it keeps."""
    with clear_errors():
        path = mechanism.publish(mechanism.find(name), folder, precision(dtype))
    click.echo(f"{name}: published as {path}")
