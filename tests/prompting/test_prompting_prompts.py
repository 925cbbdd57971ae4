"""Prompts as text: where everything stands, what the town writes itself, and shots that are never tested."""

import pytest

from course_lib import prompting, town
from course_lib.prompting import Form, Shot, draw_shots, few_shot, one_shot, zero_shot
from course_lib.town import HELD_OUT

FRENCH = Form("Translate English to French:\n", "", " =>", "\n")  # the layout of Brown et al. 2020, figure 2.1
SHOTS = [Shot("sea otter", "loutre de mer"), Shot("peppermint", "menthe poivrée")]


def test_zero_one_and_a_few():
    assert zero_shot(FRENCH, "cheese") == "Translate English to French:\ncheese =>"
    assert one_shot(FRENCH, SHOTS[0], "cheese") == (
        "Translate English to French:\nsea otter => loutre de mer\ncheese =>"
    )
    assert few_shot(FRENCH, SHOTS, "cheese") == (
        "Translate English to French:\nsea otter => loutre de mer\npeppermint => menthe poivrée\ncheese =>"
    )


def test_an_answer_brings_its_space_and_its_end():
    assert FRENCH.answer("fromage") == " fromage\n"
    assert FRENCH.answer("fromage", end=False) == " fromage"
    assert one_shot(FRENCH, SHOTS[0], "x") == zero_shot(FRENCH, "sea otter") + FRENCH.answer("loutre de mer") + "x =>"


@pytest.mark.parametrize("kind", prompting.FORMS)
def test_a_prompt_is_the_beginning_of_the_towns_document_and_the_answer_goes_on(kind):
    for number in range(HELD_OUT, HELD_OUT + 20):
        text = town.document(number, kind).text
        for n_shots in range(9):
            q = prompting.ask(kind, n_shots, number)
            assert len(q.shots) == n_shots
            assert text.startswith(q.prompt + q.form.answer(q.answers[q.right]))
            assert len(set(q.answers)) == len(q.answers)


def test_answers_have_ends_where_one_begins_another():
    game, book = prompting.ask("game", 1, HELD_OUT), prompting.ask("code book", 1, HELD_OUT)
    assert any(a != b and b.startswith(a) for a in game.answers for b in game.answers)
    assert all(text.endswith(";") for text in game.continuations)
    assert book.continuations == [f" {name}" for name in town.WORLD.names]


def test_more_shots_are_more_of_the_same_documents():
    few, more = (prompting.questions("hidden rule", n, 10) for n in (2, 5))
    for a, b in zip(few, more):
        assert b.shots[:2] == a.shots
        assert b.shots[2].question == a.question


def test_shots_are_drawn_from_the_pool_each_once_and_the_same_for_a_seed():
    pool = [Shot(f"q{i}", f"a{i}") for i in range(30)]
    drawn = draw_shots(pool, 8, ["other"], seed=3)
    assert len(set(drawn)) == 8
    assert set(drawn) <= set(pool)
    assert drawn == draw_shots(pool, 8, ["other"], seed=3) != draw_shots(pool, 8, ["other"], seed=4)
    assert draw_shots(pool, 0, []) == []


def test_a_pool_that_holds_what_is_tested_is_refused():
    pool = [Shot("kite", "Hugo"), Shot("drum", "Anna"), Shot("hat", "Ben")]
    with pytest.raises(ValueError, match="2 of the pool's questions are tested as well, such as 'drum'"):
        draw_shots(pool, 1, ["kite", " drum ", "cup"])


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: zero_shot(Form(), "cheese"), "form.task is empty"),
        (lambda: few_shot(FRENCH, SHOTS[:1], "cheese"), "1 shots are not a few"),
        (lambda: Form(between="= "), r"between='= ' must end with a sign"),
        (lambda: Form(between=""), "between=''"),
        (lambda: Form(after=""), "after=''"),
        (lambda: FRENCH.answer(" x"), "the answer ' x'"),
        (lambda: FRENCH.answer(""), "the answer ''"),
        (lambda: draw_shots(SHOTS, 3, []), "3 shots from a pool of 2: draw between 0 and 2"),
        (lambda: draw_shots(SHOTS, -1, []), "-1 shots"),
        (lambda: prompting.ask("story", 0, 0), "no questions of the kind 'story': choose one of code book, game"),
        (lambda: prompting.ask("game", 10, 0), "10 shots: a game has 10 lines, so 0 to 9"),
        (lambda: prompting.ask("game", -1, 0), "-1 shots"),
    ],
)
def test_what_cannot_be_asked_is_an_error_with_its_values(call, message):
    with pytest.raises(ValueError, match=message):
        call()
