"""The instructor's page keeps its word: its exercise can be released, and its options exist."""

import pathlib
import re

from course_lib.grading import command
from course_lib.grading.master import read_master
from course_lib.grading.release import release

PAGE = (pathlib.Path(__file__).resolve().parents[2] / "book" / "instructors.md").read_text("utf8")


def test_the_exercise_that_takes_ten_minutes_is_released(tmp_path):
    (example,) = re.findall(r"```python\n(# %% exercise.*?)```", PAGE, re.S)
    head = '# %% sheet mine "Mine"\n\n# %% setup\nimport numpy as np\n\nfrom course_lib.grading import check\n\n'
    (tmp_path / "mine.py").write_text(head + example, "utf8")
    made = release(read_master(tmp_path / "mine.py"), *(tmp_path / name for name in "nrks"))
    assert [m.name for m in made.sheet.exercises[0].mutants] == ["square", "in-place", "half"]


def test_every_option_of_the_page_exists_and_every_option_of_grade_is_on_the_page():
    options = {name for p in command.grade.params for name in p.opts if name.startswith("--")}
    named = set(re.findall(r"(--[a-z][a-z-]+)", PAGE))
    assert named - {"--hints"} == options
