"""nbval's private names that the judge leans on. An upgrade that moves one must fail here, and loudly."""

import importlib.metadata
import inspect

import nbval.kernel
import nbval.plugin
import pytest

from course_lib.grading import plugin


def test_the_version_is_the_one_that_we_know():
    assert importlib.metadata.version("nbval").startswith(plugin.NBVAL_VERSION + ".")


@pytest.mark.parametrize(
    ("where", "name"), [(where, name) for where, names in plugin.NBVAL_NAMES.items() for name in names]
)
def test_a_name_that_we_lean_on_is_there(where, name):
    assert hasattr(where, name) or name in inspect.getsource(where.__init__)


@pytest.mark.parametrize("word", ["options", "cell", "test_outputs", "output_timeout"])
def test_cells_keep_what_we_set_and_read(word):
    assert f"self.{word} = " in inspect.getsource(nbval.plugin.IPyNbCell.__init__)


def test_the_kernel_is_made_and_the_comparison_called_as_we_expect():
    setup = inspect.getsource(nbval.plugin.IPyNbFile.setup)
    assert "self.kernel = RunningKernel(" in setup  # a global name of nbval.plugin, which install() replaces
    run = inspect.getsource(nbval.plugin.IPyNbCell.runtest)
    assert "self.compare_outputs(outs, coalesce_streams(self.cell.outputs))" in run
    assert "self.test_outputs = outs" in run
    assert "self.parent.timed_out = True" in run
    assert "if self.options['check'] and not unrun:" in run
    assert "if not self.options['check_exception']:" in run
    assert list(inspect.signature(nbval.kernel.RunningKernel.__init__).parameters) == [
        *("self", "kernel_name", "cwd", "startup_timeout")
    ]
