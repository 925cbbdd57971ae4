"""What the judge leans on in nbval, which documents none of it. An upgrade that moves it must fail here, loudly."""

import importlib.metadata
import inspect
import re

import nbval.plugin
import pytest

from course_lib.grading import plugin
from course_lib.grading.judged_kernel import JudgedKernel

RUN = inspect.getsource(nbval.plugin.IPyNbCell.runtest)


def test_the_version_is_the_one_that_we_know():
    assert importlib.metadata.version("nbval").startswith(plugin.NBVAL_VERSION + ".")


def test_a_cell_is_made_as_we_make_it():
    parameters = list(inspect.signature(nbval.plugin.IPyNbCell.__init__).parameters)
    assert parameters == ["self", "name", "parent", "cell_num", "cell", "options"]
    made = inspect.getsource(nbval.plugin.IPyNbFile.collect)
    assert "name=name, cell_num=cell_num, cell=cell, options=options" in made


@pytest.mark.parametrize(
    ("ours", "theirs", "pytests"),
    [
        (plugin.JudgedFile.setup, nbval.plugin.IPyNbFile.setup, pytest.File.setup),
        (plugin.JudgedFile.collect, nbval.plugin.IPyNbFile.collect, pytest.File.collect),
        (plugin.JudgedCell.setup, nbval.plugin.IPyNbCell.setup, pytest.Item.setup),
    ],
)
def test_what_we_write_anew_is_called_by_pytest(ours, theirs, pytests):
    assert [*inspect.signature(ours).parameters] == [*inspect.signature(theirs).parameters] == ["self"]
    assert [*inspect.signature(pytests).parameters] == ["self"]


def test_a_kernel_is_asked_for_nothing_that_ours_lacks():
    file = nbval.plugin.IPyNbFile
    sources = [RUN, *map(inspect.getsource, (file.teardown, file.get_kernel_message))]
    asked = {name for source in sources for name in re.findall(r"kernel\.(\w+)\(", source)}
    ours = {name for name, _ in inspect.getmembers(JudgedKernel, inspect.isfunction) if not name.startswith("_")}
    assert asked == ours


@pytest.mark.parametrize(
    "line",
    [
        "kernel = self.parent.kernel",
        "timeout = self.config.option.nbval_cell_timeout",
        "self.parent.timed_out = True",
        "self.test_outputs = outs",
        "if self.options['skip']:",
        "if not self.options['check_exception']:",
        "if self.options['check'] and not unrun:",
        "self.compare_outputs(outs, coalesce_streams(self.cell.outputs))",
        "'\\n'.join(self.comparison_traceback)",
        '"Cell outputs differ"',
    ],
)
def test_a_cell_is_run_as_we_expect(line):
    assert line in RUN
