"""Stories: two robots, an order that names a wanted and an unwanted value, and what the robot does.

The outcome says only "it", and both values stand in the order: no bag of words tells whether it was obeyed.
A fact is drawn the moment it is first told. So every choice can be read off the text, no text can come about
in two ways, and the −log p that the dice recorded is that of the text. Sentences begin with their space.
"""

from collections.abc import Iterable, Iterator, Sequence
from string import Formatter

from .dice import Dice
from .world import World

Form = tuple[tuple[str, str | None], ...]


def forms(*templates: str) -> tuple[Form, ...]:
    """Templates cut into (words, slot that follows) pairs."""
    return tuple(tuple((words, slot) for words, slot, _, _ in Formatter().parse(t)) for t in templates)


INTRODUCTION = forms(
    " {first} is a {first_size} robot. {second} is a {second_size} robot.",
    " {first}, a {first_size} robot, lives with {second}, a {second_size} robot.",
    " The robot {first} is {first_size} and the robot {second} is {second_size}.",
)
ORDER = {
    "take": forms(
        " {person} says: {robot}, take the {object} to the {wanted}, not to the {unwanted}.",
        " {person} asks {robot} to take the {object} not to the {unwanted} but to the {wanted}.",
        " {person} wants {robot} to bring the {object} to the {wanted} and not to the {unwanted}.",
    ),
    "paint": forms(
        " {person} says: {robot}, paint the {object} {wanted}, not {unwanted}.",
        " {person} asks {robot} to paint the {object} not {unwanted} but {wanted}.",
        " {person} wants {robot} to make the {object} {wanted} and not {unwanted}.",
    ),
}
BARE_ORDER = {
    "take": forms(
        " {person} says: {robot}, take the {object} to the {wanted}.",
        " {person} asks {robot} to take the {object} to the {wanted}.",
        " {person} wants {robot} to bring the {object} to the {wanted}.",
    ),
    "paint": forms(
        " {person} says: {robot}, paint the {object} {wanted}.",
        " {person} asks {robot} to paint the {object} {wanted}.",
        " {person} wants {robot} to make the {object} {wanted}.",
    ),
}
OUTCOME = {
    "take": forms(
        " {robot} takes it to the {done}.", " {robot} goes to the {done} with it.", " Now it is in the {done}."
    ),
    "paint": forms(" {robot} paints it {done}.", " {robot} makes it {done}.", " Now it is {done}."),
}
EVEN_OUTCOME = {  # both values again: even their counts do not tell which was done
    "take": forms(
        " {robot} takes it to the {done}, not to the {undone}.",
        " {robot} takes it not to the {undone} but to the {done}.",
    ),
    "paint": forms(
        " {robot} paints it {done}, not {undone}.", " {robot} paints it not {undone} but {done}."
    ),
}
FACT = {
    "take": forms(" At the end the {object} is in the {done}."),
    "paint": forms(" At the end the {object} is {done}."),
}
MOOD = forms(" {person} is {mood}.")


class Robots(dict):
    """Two robots of different size: first, first_size, second, second_size, drawn when first told."""

    def __init__(self, dice: Dice, world: World) -> None:
        self.dice, self.world = dice, world

    def __missing__(self, slot: str) -> str:
        pool = self.world.sizes if slot.endswith("size") else self.world.robots
        self[slot] = value = self.dice.but(pool, *self.values())
        return value

    @property
    def names(self) -> tuple[str, str]:
        """Both names."""
        return self["first"], self["second"]

    def swapped(self) -> dict[str, str]:
        """The same two robots, the other one first."""
        a, b = "first", "second"
        return {a: self[b], b: self[a], a + "_size": self[b + "_size"], b + "_size": self[a + "_size"]}


class Order(dict):
    """One order: kind, person, robot, object, wanted, unwanted, done, undone, mood, drawn when first told.

    `robots` are those who can be asked; `before` is an earlier order with another person and another object.
    """

    same_kind = 0.25  # how often the second order of a story is of the first one's kind

    def __init__(
        self, dice: Dice, world: World, robots: Sequence[str], before: "Order | None" = None, **known: str
    ) -> None:
        super().__init__(known)
        self.dice, self.world, self.robots = dice, world, robots
        self.before = {} if before is None else before

    def __missing__(self, slot: str) -> str:
        self[slot] = value = getattr(self, "draw_" + slot)()
        return value

    def draw_kind(self) -> str:
        """To take something somewhere, or to paint it."""
        if not self.before:
            return "take" if self.dice.flip() else "paint"
        same = self.before["kind"]
        other = "paint" if same == "take" else "take"
        return self.dice.weigh((same, other), (self.same_kind, 1 - self.same_kind))

    def draw_person(self) -> str:
        """Who gives the order."""
        return self.dice.but(self.world.people, self.before.get("person"))

    def draw_robot(self) -> str:
        """Who gets the order."""
        return self.dice.pick(self.robots)

    def draw_object(self) -> str:
        """What the order is about."""
        return self.dice.but(self.world.objects, self.before.get("object"))

    def draw_wanted(self) -> str:
        """The place or colour that is asked for."""
        return self.dice.but(self.values_possible, self.get("unwanted"))

    def draw_unwanted(self) -> str:
        """The place or colour that is ruled out."""
        return self.dice.but(self.values_possible, self.get("wanted"))

    def draw_done(self) -> str:
        """What the robot does: half the time what is wanted, else what is unwanted, or anything else if no
        unwanted value was told.
        """
        if self.dice.flip():
            return self["wanted"]
        return self["unwanted"] if "unwanted" in self else self.draw_unwanted()

    def draw_undone(self) -> str:
        """The other one of the two values."""
        return self["unwanted"] if self.obeyed else self["wanted"]

    def draw_mood(self) -> str:
        """How the person takes it."""
        return self.dice.pick(self.world.happy if self.obeyed else self.world.sad)

    @property
    def values_possible(self) -> tuple[str, ...]:
        """Places or colours."""
        return self.world.places if self["kind"] == "take" else self.world.colours

    @property
    def obeyed(self) -> bool:
        """Did the robot do what was wanted?"""
        return self["done"] == self["wanted"]

    def changed(self, **known: str) -> "Order":
        """A copy with some facts replaced; what follows from others (undone, mood) is drawn anew."""
        kept = {slot: value for slot, value in self.items() if slot not in ("undone", "mood")}
        return Order(self.dice, self.world, self.robots, None, **{**kept, **known})


def tell(dice: Dice, ways: Sequence[Form], facts: dict[str, str]) -> Iterator[str]:
    """One of the ways to say it, piece by piece."""
    for words, slot in dice.pick(ways):
        yield words + facts[slot] if slot else words


def introduce(dice: Dice, robots: dict[str, str]) -> Iterator[str]:
    """Two robots and their sizes."""
    return tell(dice, INTRODUCTION, robots)


def give(dice: Dice, order: Order, bare: float = 0.0) -> Iterator[str]:
    """The order; `bare` is the probability that it does not name an unwanted value."""
    ways = BARE_ORDER if bare and dice.flip(bare) else ORDER
    return tell(dice, ways[order["kind"]], order)


def outcome(dice: Dice, order: Order) -> Iterator[str]:
    """What the robot does, in any of the ways that fit the order."""
    even = EVEN_OUTCOME[order["kind"]] if "unwanted" in order else ()
    return tell(dice, OUTCOME[order["kind"]] + even, order)


def mood(dice: Dice, order: Order) -> Iterator[str]:
    """How the person is now: happy or glad when obeyed, sad or angry when not."""
    return tell(dice, MOOD, order)


def fact(dice: Dice, order: Order) -> Iterator[str]:
    """Where the object is, or its colour, at the end."""
    return tell(dice, FACT[order["kind"]], order)


def two_orders(dice: Dice, world: World, robots: Robots) -> list[Order]:
    """Two orders to these robots, by two people, about two objects. Nothing of them is drawn before it is told."""
    first = Order(dice, world, robots.names)
    return [first, Order(dice, world, robots.names, before=first)]


def story(dice: Dice, world: World) -> Iterator[str]:
    """Two robots, two orders with their outcomes, perhaps moods, and one or two facts."""
    robots = Robots(dice, world)
    yield from introduce(dice, robots)
    orders = two_orders(dice, world, robots)
    for order in orders:
        yield from give(dice, order, bare=0.3)
        yield from outcome(dice, order)
        if dice.flip(0.6):
            yield from mood(dice, order)
    first = dice.pick((0, 1))
    yield from fact(dice, orders[first])
    if dice.flip():
        yield from fact(dice, orders[1 - first])


def short_story(dice: Dice, world: World) -> Iterator[str]:
    """One order, its outcome, the mood and the fact in either order; the robots are introduced now and then."""
    names = world.robots
    if dice.flip(0.3):
        robots = Robots(dice, world)
        yield from introduce(dice, robots)
        names = robots.names
    order = Order(dice, world, names)
    yield from give(dice, order, bare=0.5)
    yield from outcome(dice, order)
    mood_first = dice.flip(0.7)
    for sentence in (mood, fact) if mood_first else (fact, mood):
        yield from sentence(dice, order)


def retell(dice: Dice, robots: dict[str, str], orders: Iterable[Order]) -> Iterator[str]:
    """The introduction, then each order with its outcome."""
    yield from introduce(dice, robots)
    for order in orders:
        yield from give(dice, order)
        yield from outcome(dice, order)


def retelling(dice: Dice, world: World) -> Iterator[str]:
    """One order told twice: other words, the same facts."""
    robots = Robots(dice, world)
    yield from introduce(dice, robots)
    order = Order(dice, world, robots.names)
    yield from give(dice, order)
    yield from outcome(dice, order)
    yield " Again:"
    yield from retell(dice, robots.swapped() if dice.flip() else robots, [order])


def long_retelling(dice: Dice, world: World) -> Iterator[str]:
    """Two orders told twice, the second time perhaps the other way round."""
    robots = Robots(dice, world)
    yield from introduce(dice, robots)
    orders = two_orders(dice, world, robots)
    for order in orders:
        yield from give(dice, order)
        yield from outcome(dice, order)
    yield " Again:"
    robots_again = robots.swapped() if dice.flip() else robots
    yield from retell(dice, robots_again, orders[::-1] if dice.flip() else orders)
