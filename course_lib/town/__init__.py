"""Robot Town: a small grammar of orders and robots, whose every text has a known probability."""

from . import baselines, labeler
from .demonstrations import Demonstration, demonstration
from .documents import HELD_OUT, KINDS, MIXES, WORDS, Document, document, documents, entropy_floor
from .exact import END, entropy, fill_blank, next_words, probability, texts
from .labeler import Labeler
from .own_text import read_text
from .tasks import LABELS, TASKS, Example, task
from .world import WORLD, World

__all__ = [
    "END",
    "HELD_OUT",
    "KINDS",
    "LABELS",
    "MIXES",
    "TASKS",
    "WORDS",
    "WORLD",
    "Demonstration",
    "Document",
    "Example",
    "Labeler",
    "World",
    "baselines",
    "demonstration",
    "document",
    "documents",
    "entropy",
    "entropy_floor",
    "fill_blank",
    "labeler",
    "next_words",
    "probability",
    "read_text",
    "task",
    "texts",
]
