"""Labelled tasks about stories of the town. Words alone do not give the labels away (see baselines)."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from itertools import chain

from .dice import Dice
from .stories import (
    EVEN_OUTCOME,
    OUTCOME,
    Form,
    Order,
    Robots,
    fact,
    give,
    introduce,
    mood,
    outcome,
    tell,
)
from .world import WORLD

Ways = dict[str, tuple[Form, ...]]


@dataclass(frozen=True)
class Example:
    """One labelled example: one text or two, perhaps options; label is an index into LABELS or the options."""

    texts: tuple[str, ...]
    label: int
    options: tuple[str, ...] = ()


def task(name: str, seed: int) -> Example:
    """The example with this number. Labels are drawn evenly. ValueError for an unknown name."""
    if name not in TASKS:
        raise ValueError(f"no task called {name!r}: choose one of {', '.join(TASKS)}")
    return TASKS[name](Dice(f"task {name}/{seed}"))


def classify(dice: Dice, bare: float = 0.0) -> Example:
    """Was the last order obeyed? The person's last mood is left out, as it would tell."""
    label = dice.pick((0, 1))
    robots = Robots(dice, WORLD)
    first = settle(Order(dice, WORLD, robots.names), obeyed=dice.flip())
    last = settle(Order(dice, WORLD, robots.names, before=first), obeyed=label == 1)
    text = told(
        introduce(dice, robots),
        give(dice, first),
        outcome(dice, first),
        mood(dice, first) if dice.flip(0.6) else (),
        give(dice, last, bare),
        outcome(dice, last) if not bare else tell(dice, OUTCOME[last["kind"]], last),
    )
    return Example((text,), label)


def entail(dice: Dice, ways: Ways = EVEN_OUTCOME) -> Example:
    """Is the second text true of the first? Unknown: its place or colour belongs to the other object."""
    label = dice.pick((0, 1, 2))
    robots, orders = take_and_paint(dice)
    about = dice.pick((0, 1))
    order, other = orders[about], orders[1 - about]
    claim = {
        0: order.changed(done=order["undone"]),
        1: order.changed(object=other["object"], done=dice.pick((order["wanted"], order["unwanted"]))),
        2: order,
    }[label]
    return Example((story_of(dice, robots, orders, ways), told(fact(dice, claim))), label)


def choose(dice: Dice, ways: Ways = EVEN_OUTCOME) -> Example:
    """Which of four facts is true at the end? Both objects, each with both values of one order."""
    robots, orders = take_and_paint(dice)
    about = dice.pick((0, 1))
    order, other = orders[about], orders[1 - about]
    claims = [
        order.changed(object=one["object"], done=value)
        for one in (order, other)
        for value in (order["done"], order["undone"])
    ]
    options: list[str] = []
    for _ in claims:
        options.append(dice.but([told(fact(dice, claim)) for claim in claims], *options))
    text = story_of(dice, robots, orders, ways)
    return Example((text,), options.index(told(fact(dice, order))), tuple(options))


def similar_order(dice: Dice) -> Example:
    """The same story twice? If not, wanted and unwanted are exchanged in the order, and the deed is the same."""
    label = dice.pick((0, 1))
    robots = Robots(dice, WORLD)
    order = settle(Order(dice, WORLD, robots.names), obeyed=dice.flip())
    swapped = order.changed(wanted=order["unwanted"], unwanted=order["wanted"])
    first = told(introduce(dice, robots), give(dice, order), outcome(dice, order))
    second = order if label else swapped
    retold = told(introduce_again(dice, robots), give(dice, second), outcome(dice, second))
    return Example((first, retold), label)


def similar_mirror(dice: Dice) -> Example:
    """The same story twice? Two orders want opposite things; if not the same, the values change places in both.

    Both are obeyed or neither is, so that every word stays, and only who wants which of the two decides.
    """
    label, obeyed = dice.pick((0, 1)), dice.flip()
    robots = Robots(dice, WORLD)
    one = settle(Order(dice, WORLD, robots.names), obeyed)
    swapped = {"wanted": one["unwanted"], "unwanted": one["wanted"]}
    two = settle(Order(dice, WORLD, robots.names, before=one, kind=one["kind"], **swapped), obeyed)
    first = story_of(dice, robots, [one, two], OUTCOME, moods=0.0)
    orders = [one, two] if label else [values_swapped(one), values_swapped(two)]
    orders = orders[::-1] if dice.flip() else orders
    blocks = [chain(give(dice, order), tell(dice, OUTCOME[order["kind"]], order)) for order in orders]
    return Example((first, told(introduce_again(dice, robots), *blocks)), label)


def similar_sizes(dice: Dice) -> Example:
    """The same story twice? If not, the two robots have exchanged their sizes."""
    label = dice.pick((0, 1))
    robots = Robots(dice, WORLD)
    order = settle(Order(dice, WORLD, robots.names), obeyed=dice.flip())
    first = told(introduce(dice, robots), give(dice, order), outcome(dice, order))
    told_again = robots.swapped() if dice.flip() else dict(robots)
    if not label:
        sizes = {"first_size": told_again["second_size"], "second_size": told_again["first_size"]}
        told_again |= sizes
    return Example((first, told(introduce(dice, told_again), give(dice, order), outcome(dice, order))), label)


def similar_people(dice: Dice) -> Example:
    """The same story twice? If not, the two people have exchanged their orders; what is done stays."""
    label = dice.pick((0, 1))
    robots = Robots(dice, WORLD)
    one = settle(Order(dice, WORLD, robots.names), obeyed=dice.flip())
    two = settle(Order(dice, WORLD, robots.names, before=one), obeyed=dice.flip())
    first = story_of(dice, robots, [one, two], OUTCOME, moods=0.0)
    exchanged = [one.changed(person=two["person"]), two.changed(person=one["person"])]
    orders = [one, two] if label else exchanged
    orders = orders[::-1] if dice.flip() else orders
    blocks = [chain(give(dice, order), tell(dice, OUTCOME[order["kind"]], order)) for order in orders]
    return Example((first, told(introduce_again(dice, robots), *blocks)), label)


TASKS: dict[str, Callable[[Dice], Example]] = {
    "classify": classify,
    "entail": entail,
    "similar_order": similar_order,
    "similar_mirror": similar_mirror,
    "similar_sizes": similar_sizes,
    "similar_people": similar_people,
    "choose": choose,
}
LABELS: dict[str, tuple[str, ...]] = {
    "classify": ("disobeyed", "obeyed"),
    "entail": ("false", "unknown", "true"),
    "similar_order": ("different", "same"),
    "similar_mirror": ("different", "same"),
    "similar_sizes": ("different", "same"),
    "similar_people": ("different", "same"),
    "choose": ("first", "second", "third", "fourth"),
}


def settle(order: Order, obeyed: bool) -> Order:
    """Draw all facts of the order now, with a given end."""
    for slot in ("kind", "person", "robot", "object", "wanted", "unwanted"):
        order[slot]
    order["done"] = order["wanted"] if obeyed else order["unwanted"]
    return order


def take_and_paint(dice: Dice) -> tuple[Robots, list[Order]]:
    """Two robots and two settled orders of different kinds."""
    robots = Robots(dice, WORLD)
    first = settle(Order(dice, WORLD, robots.names), dice.flip())
    kind = "paint" if first["kind"] == "take" else "take"
    return robots, [first, settle(Order(dice, WORLD, robots.names, before=first, kind=kind), dice.flip())]


def values_swapped(order: Order) -> Order:
    """The order with its two values exchanged, obeyed as before."""
    return order.changed(wanted=order["unwanted"], unwanted=order["wanted"], done=order["undone"])


def introduce_again(dice: Dice, robots: Robots) -> Iterator[str]:
    """Introduce the robots in either order."""
    return introduce(dice, robots.swapped() if dice.flip() else robots)


def story_of(dice: Dice, robots: Robots, orders: list[Order], ways: Ways, moods: float = 0.6) -> str:
    """The story of these orders, the outcomes told in these ways, each with a mood now and then."""
    sentences = [introduce(dice, robots)]
    for order in orders:
        sentences += [give(dice, order), tell(dice, ways[order["kind"]], order)]
        sentences += [mood(dice, order)] if dice.flip(moods) else []
    return told(*sentences)


def told(*sentences: Iterator[str] | tuple[()]) -> str:
    """Sentences as one text."""
    return "".join(chain(*sentences)).lstrip()
