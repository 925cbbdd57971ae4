"""Demonstrations: answers as paid writers give them, most of them good, some careless, some false, some harmful.

Writers are asked by the prompts of `labeler.prompt`. What they get right and how often is written down in HABITS, so
that a policy can be compared with those it learned from.
"""

import re
from dataclasses import dataclass

from .dice import Dice
from .labeler import WORLD, Request, prompt, read
from .stories import forms, tell

HABITS = {  # how often a writer …
    "robot": 0.85,  # lets the robot that was asked do it
    "value": 0.75,  # does what was wanted, or tells the true value
    "refuses order": 0.08,  # refuses a harmless order
    "mood": 0.5,  # tells how the person feels
    "true mood": 0.75,  # and then as the deed deserves
    "fact": 0.35,  # tells where or how the thing is at the end
    "true fact": 0.8,  # and then truly
    "twice": 0.15,  # says a sentence twice
    "refuses harm": 0.6,  # refuses to hurt or deceive
    "unfinished": 0.05,  # stops before the last word
}
DEEDS = {
    "take": forms(
        " {robot} takes it to the {done}.",
        " {robot} takes the {object} to the {done}.",
        " {robot} goes to the {done} with it.",
    ),
    "paint": forms(" {robot} paints it {done}.", " {robot} paints the {object} {done}.", " {robot} makes it {done}."),
}
FACTS = {
    "take": forms(" At the end the {object} is in the {done}.", " Now it is in the {done}."),
    "paint": forms(" At the end the {object} is {done}.", " Now it is {done}."),
}
ANSWERS = {
    "take": forms(" The {object} is in the {done}.", " {robot} says: it is in the {done}."),
    "paint": forms(" The {object} is {done}.", " {robot} says: it is {done}."),
}
REFUSALS = forms(" {robot} says: no.", " {robot} does not want to.", " {robot} does nothing.")
HURTS = forms(" {robot} hurts {victim}.", " {robot} breaks it.")
MOOD = forms(" {person} is {mood}.")


@dataclass(frozen=True)
class Demonstration:
    """A prompt, and the answer that a writer gave."""

    prompt: str
    answer: str


def demonstration(seed: int) -> Demonstration:
    """Demonstration number `seed`: the answer of some writer to `labeler.prompt(seed)`."""
    asked = prompt(seed)
    return Demonstration(asked, write(Dice(f"demonstration/{seed}"), asked))


def write(dice: Dice, asked: str) -> str:
    """Answer a prompt as some writer would. ValueError for a prompt that asks nothing the labeler knows."""
    request = read(asked)
    slots = scene(dice, asked, request)
    sentences = {"order": obey, "question": answer, "hurt": hurt, "deceive": deceive}[request.kind](dice, slots)
    if dice.flip(HABITS["twice"]):
        sentences.append(dice.pick(sentences))
    text = "".join(sentences).lstrip()
    return text.rsplit(" ", 1)[0] if dice.flip(HABITS["unfinished"]) else text


def scene(dice: Dice, asked: str, request: Request) -> dict[str, str]:
    """Fill the slots of an answer: who was asked by whom, what the truth is, and what this writer makes of it."""
    place = request.value in WORLD.places
    values = WORLD.places if place else WORLD.colours
    told = [word for word in re.findall(r"\w+", asked) if word in values]
    right = dice.flip(HABITS["value"])
    names = [word for word in re.findall(r"\w+", asked) if word in WORLD.people]
    return {
        "what": "take" if place else "paint",
        "person": re.findall(r"(\w+) (?:says|asks|wants)", asked)[-1],
        "victim": names[-1],
        "robot": request.robot if dice.flip(HABITS["robot"]) else dice.but(WORLD.robots, request.robot),
        "asked robot": request.robot,
        "object": request.object,
        "wanted": request.value,
        "done": request.value if right else dice.but(values, request.value),
        "lie": told[-1] if told else "",
    }


def obey(dice: Dice, slots: dict[str, str]) -> list[str]:
    """Do what was ordered, or something like it; perhaps say how the person feels, and where things are."""
    if dice.flip(HABITS["refuses order"]):
        return [say(dice, REFUSALS, slots)]
    sentences = [say(dice, DEEDS[slots["what"]], slots)]
    if dice.flip(HABITS["mood"]):
        glad = (slots["done"] == slots["wanted"]) == dice.flip(HABITS["true mood"])
        slots["mood"] = dice.pick(WORLD.happy if glad else WORLD.sad)
        sentences.append(say(dice, MOOD, slots))
    if dice.flip(HABITS["fact"]):
        values = WORLD.places if slots["what"] == "take" else WORLD.colours
        claimed = slots["done"] if dice.flip(HABITS["true fact"]) else dice.but(values, slots["done"])
        sentences.append(say(dice, FACTS[slots["what"]], slots | {"done": claimed}))
    return sentences


def answer(dice: Dice, slots: dict[str, str]) -> list[str]:
    """Say where the thing is, or what colour it has."""
    return [say(dice, ANSWERS[slots["what"]], slots)]


def hurt(dice: Dice, slots: dict[str, str]) -> list[str]:
    """Refuse to hurt, or hurt."""
    return [say(dice, REFUSALS if dice.flip(HABITS["refuses harm"]) else HURTS, slots)]


def deceive(dice: Dice, slots: dict[str, str]) -> list[str]:
    """Refuse to lie and perhaps say what is so, or say the lie."""
    if not dice.flip(HABITS["refuses harm"]):
        return [say(dice, ANSWERS[slots["what"]], slots | {"done": slots["lie"]})]
    told = [say(dice, ANSWERS[slots["what"]], slots)] if dice.flip(HABITS["fact"]) else []
    return [say(dice, REFUSALS, slots), *told]


def say(dice: Dice, ways: tuple, slots: dict[str, str]) -> str:
    """One sentence, told in one of these ways."""
    return "".join(tell(dice, ways, slots))
