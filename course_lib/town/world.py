"""The words of Robot Town, and how long its puzzles are."""

from dataclasses import dataclass
from functools import cached_property

LEAST = {"robots": 2, "people": 2, "objects": 2, "places": 2, "colours": 2, "sizes": 2, "happy": 1, "sad": 1}


@dataclass(frozen=True)
class World:
    """Word lists and lengths. A smaller world has the same grammar and can be enumerated to the last text."""

    robots: tuple[str, ...] = ("Bip", "Zed", "Momo", "Tik", "Rusty", "Gizmo", "Nut", "Pixel")
    people: tuple[str, ...] = ("Anna", "Ben", "Clara", "Dan", "Ella", "Finn", "Gina", "Hugo")
    objects: tuple[str, ...] = ("ball", "book", "lamp", "cup", "box", "kite", "drum", "hat")
    places: tuple[str, ...] = ("park", "shop", "school", "garden", "station", "tower")
    colours: tuple[str, ...] = ("red", "blue", "green", "yellow", "white", "black")
    sizes: tuple[str, ...] = ("tiny", "small", "big", "huge")
    numbers: tuple[str, ...] = ("one", "two", "three", "four", "five", "six")
    happy: tuple[str, ...] = ("happy", "glad")
    sad: tuple[str, ...] = ("sad", "angry")
    small_words: tuple[str, ...] = (
        "is", "a", "robot", "lives", "with", "The", "the", "and", "says", "take", "to", "not",
        "asks", "but", "wants", "bring", "paint", "make", "takes", "it", "goes", "Now", "in",
        "paints", "makes", "At", "end", "Again",
    )
    code_lines: int = 16
    code_keys: int = 4
    game_lines: int = 10
    rule_lines: int = 12
    repeat_words: tuple[int, int] = (4, 24)  # how many words before they come again: from, to
    repeat_length: int = 60  # how many words in all, at most (or twice the above, if that is more)

    def __post_init__(self) -> None:
        for name, least in LEAST.items():
            if len(getattr(self, name)) < least:
                raise ValueError(f"{name} is {getattr(self, name)}: the town's grammar needs at least {least}")
        if len(self.keys) < self.code_keys:
            raise ValueError(f"{self.code_keys} keys in a code book need as many words, not {len(self.keys)}")
        if len(self.words) < self.repeat_words[1]:
            raise ValueError(f"{self.repeat_words[1]} different words in a row, but only {len(self.words)} words")

    @cached_property
    def content_words(self) -> tuple[str, ...]:
        """Every word that stands for something."""
        return (*self.robots, *self.people, *self.keys, *self.sizes, *self.happy, *self.sad)

    @cached_property
    def words(self) -> tuple[str, ...]:
        """Every word but the headings."""
        return self.content_words + self.small_words

    @cached_property
    def keys(self) -> tuple[str, ...]:
        """What a code book can stand for."""
        return self.objects + self.places + self.colours + self.numbers

    @cached_property
    def names(self) -> tuple[str, ...]:
        """People and robots."""
        return self.people + self.robots


WORLD = World()
