"""What every experiment needs: jobs that are done once, results that are published whole or not at all."""

import importlib
import itertools
import json
import os
import pkgutil
import shutil
import time
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from tqdm import tqdm

from course_lib.atomic import write_text
from course_lib.data import DATA
from course_lib.training import fastest_dtype

from .desk import Desk, Job, NotOnTheDeskError, as_json, fingerprint, recipe_of, sha256
from .reading import RESULTS, Record, Results, results

MECHANISM = {"command", "desk", "mechanism", "reading"}  # the other modules of this folder are experiments


def nothing(recipe: Any, desk: Desk, folder: Path) -> None:
    """Keep no model."""


@dataclass(frozen=True)
class Experiment:
    """A longer run that a chapter shows. What comes out is decided by the recipe and the job, beside the code.

    `jobs(recipe, results)` names the jobs, most wanted first, each with its seed; it is asked step by step, and may
    look at what is done by then. `measure(recipe, job, desk)` does one and says what came out. `keep(recipe, desk,
    folder)` writes the models that the library keeps, each where it stands below `data/`.
    """

    name: str
    chapters: tuple[str, ...]  # that show it: the names of their files without the number
    recipe: Any  # a frozen dataclass
    jobs: Callable[[Any, Results], Iterable[Job]]
    measure: Callable[[Any, Job, Desk], Record]
    models: tuple[str, ...] = ()  # of data/, that it starts from: "town-gpt"
    keep: Callable[[Any, Desk, Path], None] = nothing
    fastest: bool = False  # multiply in bfloat16 where the machine has it


def names() -> list[str]:
    """Name all experiments."""
    package = importlib.import_module(__package__)
    return sorted(module.name for module in pkgutil.iter_modules(package.__path__) if module.name not in MECHANISM)


def find(name: str) -> Experiment:
    """Give an experiment by its name. Raises ValueError for an unknown one."""
    if name not in names():
        raise ValueError(f"there is no experiment {name!r}: choose one of {', '.join(names())}")
    return importlib.import_module(f".{name}", __package__).EXPERIMENT


def made_with(experiment: Experiment, dtype: torch.dtype | None = None, data: Path = DATA) -> dict[str, Any]:
    """Say what would make its records here and now, beside recipe and code."""
    dtype = dtype or (fastest_dtype() if experiment.fastest else torch.float32)
    return {
        "torch": torch.__version__,
        "dtype": str(dtype).removeprefix("torch."),
        "models": {name: sha256(data / name / "model.safetensors") for name in experiment.models},
    }


def desk_of(experiment: Experiment, folder: Path, made: dict[str, Any]) -> Desk:
    """Give the experiment's desk for its recipe, below a folder of runs."""
    return Desk(folder / experiment.name / fingerprint(recipe_of(experiment.recipe)), made)


def published_results(experiment: Experiment, folder: Path = RESULTS) -> Results | None:
    """Read what is published of an experiment, if anything is."""
    return results(experiment.name, folder) if (folder / f"{experiment.name}.jsonl").exists() else None


def made_alike(published: Results | None, experiment: Experiment, made: dict[str, Any]) -> bool:
    """Tell whether the published records could stand beside new ones."""
    same_recipe = published is not None and published.recipe == recipe_of(experiment.recipe)
    return same_recipe and made.items() <= published.made.items()


def done(experiment: Experiment, desk: Desk, published: Results | None) -> Results:
    """Give a record for each job done: those on the desk, and published ones that were made alike.

    Raises ValueError where a record on the desk was made with something else.
    """
    here = list(desk.records())
    for job, _, made in here:
        if made != desk.made:
            raise ValueError(f"{desk.folder} holds {job}, made with {made}, not {desk.made}: name another folder")
    found = list(published) if made_alike(published, experiment, desk.made) else []
    found = [record for record in found if not any(job.items() <= record.items() for job, _, _ in here)]
    found += [record for _, record, _ in here]
    return Results(experiment.name, recipe_of(experiment.recipe), desk.made, found)


def record_of(job: Job, records: Iterable[Record]) -> Record | None:
    """Give the record of a job, or None."""
    return next((record for record in records if job.items() <= record.items()), None)


def plan_of(experiment: Experiment, records: Results) -> Iterator[Job]:
    """Yield the jobs as they stand in a file, each once, however often the experiment names it."""
    named: set[str] = set()
    for job in map(as_json, experiment.jobs(experiment.recipe, records)):
        if fingerprint(job) not in named:
            named.add(fingerprint(job))
            yield job


def to_do(experiment: Experiment, records: Results, **only: Any) -> Iterator[Job]:
    """Yield the jobs without a record, of those with these values. Records that come in meanwhile count."""
    for job in plan_of(experiment, records):
        if only.items() <= job.items() and record_of(job, records) is None:
            yield job


def run(
    experiment: Experiment,
    folder: Path,
    dtype: torch.dtype | None = None,
    most: int | None = None,
    results_folder: Path = RESULTS,
    anew: bool = False,
    **only: Any,
) -> Results:
    """Do the jobs that are not done, at most so many, of those with these values; return all records.

    With `anew`, what is published does not count as done.
    Nothing is written but below `folder`. Killed, it loses the job under way; called again, it goes on.
    """
    desk = desk_of(experiment, folder, made_with(experiment, dtype))
    records = done(experiment, desk, None if anew else published_results(experiment, results_folder))
    jobs = itertools.islice(to_do(experiment, records, **only), most)
    for job in tqdm(jobs, experiment.name, unit="job"):
        started = time.process_time()
        record = as_json(job | experiment.measure(experiment.recipe, job, desk))
        record |= {"seconds": round(time.process_time() - started, 1)}  # of the processor
        desk.keep_record(job, record)
        records.records.append(record)
        tqdm.write(" ".join(f"{name}={value}" for name, value in record.items() if not isinstance(value, list | dict)))
    return records


def publish(
    experiment: Experiment,
    folder: Path,
    dtype: torch.dtype | None = None,
    results_folder: Path = RESULTS,
    data: Path = DATA,
) -> Path:
    """Put the records into the library, with the models that are kept; return the file of results.

    Nothing is trained for it: where the models that are kept lie in the library alone, they stay as they are.
    Raises ValueError, and writes nothing, where no job is done, where something else made the records, and where
    records that are published already would be lost.
    """
    made, published = made_with(experiment, dtype, data), published_results(experiment, results_folder)
    desk = desk_of(experiment, folder, made)
    records = done(experiment, desk, published)
    plan = list(plan_of(experiment, records))
    kept = [record for job in plan if (record := record_of(job, records))]
    if not kept:
        raise ValueError(f"no job of {experiment.name} is done in {desk.folder}: run it first")
    refuse_to_lose(experiment, made, published, missing=[job for job in plan if not record_of(job, records)])
    staged = data / f".{experiment.name}.part"
    shutil.rmtree(staged, ignore_errors=True)
    try:
        staged.mkdir(parents=True)
        files = kept_files(experiment, desk, staged, data, published)
        command = f"python -m course_lib experiment run {experiment.name}"
        before = published.made if made_alike(published, experiment, made) else {}  # it may hold a remark
        head = {"recipe": records.recipe, "made": {"command": command} | before | made | {"files": files}}
        for name in (name for name in files if (staged / name).exists()):
            (data / name).parent.mkdir(parents=True, exist_ok=True)
            os.replace(staged / name, data / name)
    finally:
        shutil.rmtree(staged, ignore_errors=True)
    path = results_folder / f"{experiment.name}.jsonl"
    write_text(path, "".join(json.dumps(line, ensure_ascii=False) + "\n" for line in [head, *kept]))
    return path


def kept_files(
    experiment: Experiment, desk: Desk, staged: Path, data: Path, published: Results | None
) -> dict[str, str]:
    """Let the experiment write the models that it keeps; give all that are kept with their sha256.

    Those of published records, which are not on the desk, stay. Raises ValueError if they are not in the library.
    """
    try:
        experiment.keep(experiment.recipe, Desk(desk.folder, desk.made, open=False), staged)
        return {p.relative_to(staged).as_posix(): sha256(p) for p in sorted(staged.rglob("*")) if p.is_file()}
    except NotOnTheDeskError as error:
        files = published.made["files"] if made_alike(published, experiment, desk.made) else {}
        there = {name: sha256(data / name) for name in files if (data / name).exists()}
        if not files or there != files:
            raise ValueError(f"{error}, nor a model made alike in {data}: run with --anew") from None
        shutil.rmtree(staged)
        staged.mkdir()
        return files


def refuse_to_lose(experiment: Experiment, made: dict[str, Any], published: Results | None, missing: list[Job]) -> None:
    """Raise ValueError if publishing would replace records by fewer of another make."""
    if published is None or not missing:
        return
    recipe = recipe_of(experiment.recipe)
    old, new = {"recipe": published.recipe} | published.made, {"recipe": recipe} | made
    if differ := {name: (old.get(name), value) for name, value in new.items() if old.get(name) != value}:
        told = "; ".join(f"{name} was {before}, now it is {now}" for name, (before, now) in differ.items())
        raise ValueError(
            f"the published results of {experiment.name} were made otherwise ({told}), and {len(missing)} jobs are not "
            f"done, first {missing[0]}: do them all, then all records are replaced"
        )
