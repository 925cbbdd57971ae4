"""What two workers share out between them, and in which order: the units of ``pytest -n 2 --dist loadgroup``.

A unit is a test file, whose fixtures are then made once. A file may say ``SPREAD_BY = "path"``: each value of that
parameter is a unit of its own, a chapter, a sheet or a page. What takes longest is begun first.
"""

import pathlib

import pytest

FIRST = ("notebooks", "grading")  # rooms whose units take up to a minute


def unit(item: pytest.Item) -> str:
    """Return the name of the unit that a test belongs to."""
    name = f"{item.path.parent.name}/{item.path.stem}"
    parameter = getattr(getattr(item, "module", None), "SPREAD_BY", None)
    values = item.callspec.params if hasattr(item, "callspec") else {}
    if parameter not in values:
        return name
    value = values[parameter]
    return f"{name} {value.stem if isinstance(value, pathlib.Path) else value}"


def rank(item: pytest.Item) -> int:
    """Return the place of a test's room in the order."""
    room = item.path.parent.name
    return FIRST.index(room) if room in FIRST else len(FIRST)


def spread(items: list[pytest.Item]) -> None:
    """Put the tests into their order and write each one's unit on it."""
    items.sort(key=rank)
    for item in items:
        item.add_marker(pytest.mark.xdist_group(unit(item)))
