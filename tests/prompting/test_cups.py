"""The shell game: where the ball is, rows of one length, a loss on solutions alone."""

import itertools

import numpy as np
import pytest
import torch

from course_lib.models import GPT, GPTConfig
from course_lib.prompting.cups import (
    CUPS,
    IDS,
    MOST,
    SWAPS,
    TOKENS,
    Game,
    found_balls,
    game,
    game_rows,
    games_batches,
    solution_loss,
)
from course_lib.town import HELD_OUT

GAMES = [game(i) for i in range(300)]


def test_the_ball_is_where_a_table_of_cups_says():
    """Play with the cups themselves: a row of five, of which one holds the ball, and two change places."""
    for one in GAMES:
        table = [cup == one.start for cup in CUPS]
        for swap, place in zip(one.swaps, one.places, strict=True):
            i, j = map(CUPS.index, swap)
            table[i], table[j] = table[j], table[i]
            assert CUPS[table.index(True)] == place


def test_exchanges_do_not_commute():
    orders = {Game("A", order).places[-1] for order in itertools.permutations(("AB", "BC", "CD"))}
    assert len(orders) > 1


def test_games_are_drawn_evenly_and_from_their_number():
    assert game(5) == game(5) != game(6)
    lengths = np.bincount([len(one.swaps) for one in GAMES], minlength=MOST + 1)
    assert lengths[0] == 0
    assert lengths[1:].min() >= 10
    assert {one.start for one in GAMES} == set(CUPS)
    assert {swap for one in GAMES for swap in one.swaps} == set(SWAPS)
    assert len(game(7, n_swaps=3).swaps) == 3


def test_all_rows_have_one_length_and_end():
    for scratchpad, length in ((False, MOST + 5), (True, 2 * MOST + 5)):
        rows = game_rows(GAMES[:20], scratchpad)
        assert rows.shape == (20, length)
        assert (rows[:, -1] == IDS["<end>"]).all()
        assert (rows[:, -3] == IDS["Answer:"]).all()
    assert [TOKENS[i] for i in game_rows([Game("A", ("AB", "BC"))], True)[0, -6:]] == [
        "A",
        "B",
        "C",
        "Answer:",
        "C",
        "<end>",
    ]


def test_the_loss_looks_at_the_solution_alone():
    rows = game_rows(GAMES[:3], True)

    class Fixed(torch.nn.Module):
        def forward(self, ids):
            return logits

    logits = torch.zeros(3, rows.shape[1] - 1, len(TOKENS))
    assert solution_loss(Fixed(), rows).item() == pytest.approx(np.log(len(TOKENS)), abs=1e-6)
    logits[:, : MOST + 1] = torch.randn(3, MOST + 1, len(TOKENS)) * 9  # what is said about the game itself
    assert solution_loss(Fixed(), rows).item() == pytest.approx(np.log(len(TOKENS)), abs=1e-6)
    logits[:, MOST + 1, 0] += 1.0  # at the question mark the solution begins
    assert solution_loss(Fixed(), rows).item() != pytest.approx(np.log(len(TOKENS)), abs=1e-6)


def test_training_never_sees_a_game_of_the_examination():
    """Longer games: short ones are so few that all of them come up."""
    rows = {tuple(row[: MOST + 2].tolist()) for i in range(40) for row in games_batches(False, 64, 0)(i)}
    for n_swaps in (8, MOST):
        games = [game(HELD_OUT + 1000 * n_swaps + i, n_swaps) for i in range(200)]
        assert not {tuple(row.tolist()) for row in game_rows(games, False)[:, : MOST + 2]} & rows


class Player(GPT):
    """Writes the right solution, or the start as its answer."""

    honest, scratchpad = True, True

    def hidden(self, ids, cache=None):
        self.read = ids if cache.length == 0 else torch.cat([self.read, ids], 1)
        cache.length += ids.shape[1]
        return torch.zeros(*ids.shape, self.config.n_embd)

    def unembed(self, x):
        answers = []
        for row in self.read.tolist():
            asked = [TOKENS[i] for i in row[: MOST + 2]]
            one = Game(asked[0], tuple(t for t in asked if t in SWAPS))
            text = one.completion(self.scratchpad)
            text = text if self.honest else [*text[:-2], one.start, "<end>"]
            answers.append(IDS[text[min(len(row) - MOST - 2, len(text) - 1)]])
        return 50.0 * torch.nn.functional.one_hot(torch.tensor(answers), len(TOKENS)).float()


@pytest.mark.parametrize("scratchpad", [True, False])
def test_who_finds_the_ball(scratchpad):
    player = Player(GPTConfig(len(TOKENS), 2 * MOST + 6, 8, 1, 1))
    player.scratchpad = scratchpad
    assert found_balls(player, GAMES[:30], scratchpad) == [True] * 30
    player.honest = False
    assert found_balls(player, GAMES[:30], scratchpad) == [one.places[-1] == one.start for one in GAMES[:30]]


@pytest.mark.parametrize(("start", "swaps", "message"), [
    ("F", ("AB",), "start is 'F'"),
    ("", ("AB",), "start is ''"),
    ("A", ("BA",), "'BA' is no exchange"),
    ("A", (), "0 exchanges"),
    ("A", ("AB",) * (MOST + 1), "13 exchanges"),
])  # fmt: skip
def test_games_that_cannot_be(start, swaps, message):
    with pytest.raises(ValueError, match=message):
        Game(start, swaps)
