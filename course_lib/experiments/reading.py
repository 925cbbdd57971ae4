"""What an experiment found: a file with one record a line, and a first line that says what made them."""

import json
import math
import statistics
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

Record = dict[str, Any]  # the job, as it was asked for, and what was measured
Field = str | tuple[str | int, ...] | Callable[[Record], float]  # "accuracy", ("by kind", "order"), or a function

RESULTS = Path(__file__).with_name("results")


@dataclass(frozen=True)
class Spread:
    """Mean, standard deviation (with n − 1), least and most of n numbers. One number alone has no deviation: NaN."""

    mean: float
    sd: float
    least: float
    most: float
    n: int

    def __format__(self, form: str) -> str:
        """Write "0.83 ± 0.02"; the form (by default ".2f") is that of both numbers. One number stands alone."""
        form = form or ".2f"
        return f"{self.mean:{form}}" + (f" ± {self.sd:{form}}" if self.n > 1 else "")

    def __str__(self) -> str:
        """Write mean and standard deviation with two digits."""
        return format(self)


def spread(values: Sequence[float]) -> Spread:
    """Sum numbers up. Raises ValueError where there is none."""
    if not values:
        raise ValueError("there is no number to take the mean of")
    sd = statistics.stdev(values) if len(values) > 1 else math.nan
    return Spread(float(statistics.mean(values)), sd, min(values), max(values), len(values))


@dataclass
class Results(Sequence[Record]):
    """The records of an experiment, or some of them; `recipe` and `made` say how they came about."""

    name: str
    recipe: dict[str, Any]
    made: dict[str, Any]  # command, torch, dtype, models; "files": sha256 of the models that were kept
    records: list[Record]

    def __len__(self) -> int:
        """Count the records."""
        return len(self.records)

    def __getitem__(self, i: Any) -> Any:
        """Give one record, or a list of them."""
        return self.records[i]

    def find(self, **wanted: Any) -> "Results":
        """Keep the records with these values, in the order of their seeds: `find(kind="ppo", beta=0.1)`.

        Raises ValueError for a field that no record has.
        """
        known = {name for record in self.records for name in record}
        if self.records and (unknown := sorted(set(wanted) - known)):
            raise ValueError(f"no record of {self.name} has {unknown}: the fields are {sorted(known)}")
        absent = object()
        found = self.where(lambda r: all(r.get(name, absent) == value for name, value in wanted.items()))
        found.records.sort(key=lambda r: r.get("seed", 0))
        return found

    def where(self, keep: Callable[[Record], bool]) -> "Results":
        """Keep the records of which this is true."""
        return Results(self.name, self.recipe, self.made, [record for record in self.records if keep(record)])

    def one(self, **wanted: Any) -> Record:
        """Give the only record with these values. Raises ValueError where there is none, or more than one."""
        found = self.find(**wanted)
        if len(found) != 1:
            raise ValueError(f"{self.name} has {len(found)} records with {wanted}, not one")
        return found[0]

    def values(self, field: Field, **wanted: Any) -> list[Any]:
        """Give a field of the records with these values; a path such as ("by kind", "order") leads into a field."""
        return [value_of(record, field) for record in self.find(**wanted)]

    def mean(self, field: Field, **wanted: Any) -> Spread:
        """Give the mean of a field over the records with these values, and its spread. ValueError where there is none.

        >>> print(f"{results('recall').mean(('accuracy', 2), model='gpt'):.3f}")
        0.126 ± 0.014
        """
        values = [float(value) for value in self.values(field, **wanted)]
        if not values:
            raise ValueError(f"no record of {self.name} has {wanted}")
        return spread(values)

    def by(self, *fields: str) -> Iterator[tuple[tuple, "Results"]]:
        """Part the records by the values of some fields, in the order in which these first come."""
        keys = dict.fromkeys(tuple(record.get(name) for name in fields) for record in self.records)
        for key in keys:
            yield key, self.find(**dict(zip(fields, key)))


def value_of(record: Record, field: Field) -> Any:
    """Take a field out of a record: by name, by a path of names and places, or by a function."""
    if callable(field):
        return field(record)
    value: Any = record
    for step in (field,) if isinstance(field, str) else field:
        value = value[step]
    return value


def results(name: str, folder: Path = RESULTS) -> Results:
    """Read the published results of an experiment. Raises FileNotFoundError, with the names that there are."""
    path = folder / f"{name}.jsonl"
    if not path.exists():
        there = sorted(p.stem for p in folder.glob("*.jsonl"))
        raise FileNotFoundError(f"no results of {name!r} are published: there are {', '.join(there)}")
    head, *records = map(json.loads, path.read_text(encoding="utf-8").splitlines())
    return Results(name, head["recipe"], head["made"], records)
