"""The verbs `release`, `check`, `grade` and `doctor`.

Exit codes: 0 all full marks, 1 some points lost, 2 some submission could not be graded, 3 wrong use, 4 the grader or a
reference is broken (then no grades are written).
"""

import importlib.metadata
import platform
import re
import shutil
import sys
from pathlib import Path
from typing import Any

import click
from rich.console import Console
from rich.progress import Progress

from . import classroom, report, sheet
from .classroom import Classroom, GraderBroken, Options
from .judges import Lost
from .kernel import Kernel, KernelFailed, Limits, sandbox_works
from .marks import exit_code, summary
from .master import Refused, read_master
from .reading import Unreadable
from .release import release as build
from .store import Store, write
from .terminal import tell_instructor, tell_learner

REFERENCES = Path("_build/exercises")
USAGE, BROKEN = 3, 4
FALLBACK = (
    "NO SANDBOX: bubblewrap is missing or may not work here. Submissions run with your rights: they can read and write "
    "your files and use your network. Install bubblewrap (apt install bubblewrap), or grade in a container that you "
    "can throw away."
)


class Verb(click.Command):
    """A command whose wrong use exits with 3, since 2 says that a submission could not be graded."""

    def make_context(self, *args: Any, **kwargs: Any) -> click.Context:
        """Parse the command line."""
        try:
            return super().make_context(*args, **kwargs)
        except click.UsageError as error:
            error.exit_code = USAGE
            raise


def fail(message: str, code: int) -> click.ClickException:
    """Make an error that ends the command with this code."""
    error = click.ClickException(message)
    error.exit_code = code
    return error


class Memory(click.ParamType):
    """Bytes, written as 4G or 512M."""

    name = "size"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> int:
        """Turn 4G into 4294967296."""
        if isinstance(value, int):
            return value
        found = re.fullmatch(r"(\d+(?:\.\d+)?)([KMGT]?)i?B?", str(value).strip(), re.I)
        if not found:
            self.fail(f"{value!r} is no size: write 4G or 512M", param, ctx)
        return int(float(found[1]) * 1024 ** " KMGT".index(found[2].upper() or " "))


FILE = click.Path(path_type=Path, exists=True)
ANY = click.Path(path_type=Path)


@click.command("release", cls=Verb)
@click.argument("masters", nargs=-1, required=True, type=click.Path(path_type=Path, exists=True, dir_okay=False))
@click.option(
    "-o", "--output", type=ANY, default=Path("book/exercises"), show_default=True, help="Notebooks for learners."
)
@click.option("--reference", type=ANY, default=REFERENCES, show_default=True, help="References: never hand these out.")
@click.option("--keys", type=ANY, default=sheet.KEYS, show_default="in the library", help="What `check` compares with.")
@click.option("--pages", type=ANY, default=Path("book/sheets"), show_default=True, help="Pages of the site.")
def release(masters: tuple[Path, ...], output: Path, reference: Path, keys: Path, pages: Path) -> None:
    """Build exercise sheets from their MASTERS; refuse one that is faulty.

    Every solution, mutant and alternative is run. Each mutant must fail, each alternative pass.
    """
    console = Console(stderr=True)
    for path in masters:
        try:
            with console.status(f"{path}: running every answer whose worth is known"):
                made = build(read_master(path), output, reference, keys, pages)
        except Refused as refused:
            lines = "\n".join(f"  · {fault}" for fault in refused.faults)
            raise fail(f"{path} is refused:\n{lines}", BROKEN) from None
        except (KernelFailed, TimeoutError) as error:
            raise fail(f"{path}: {error}", BROKEN) from None
        n = sum(len(e.mutants) for e in made.sheet.exercises)
        click.echo(
            f"{made.notebook}: {len(made.sheet.exercises)} exercises, {made.sheet.points:g} points, {n} mutants caught"
        )


@click.command("check", cls=Verb)
@click.argument("notebook", type=FILE)
@click.option(
    "--hints", type=click.IntRange(0), default=0, show_default=True, help="Hints for each exercise not solved."
)
@click.option("--timeout", type=click.FloatRange(1), default=20.0, show_default=True, help="Seconds for one cell.")
@click.option("--keys", type=ANY, default=sheet.KEYS, show_default="in the library", help="What to compare with.")
@click.option("--json", "as_json", is_flag=True, help="Print the result as JSON.")
@click.option("--html", "page", type=ANY, help="Write a page as well.")
def check(notebook: Path, hints: int, timeout: float, keys: Path, as_json: bool, page: Path | None) -> None:
    """Check your own NOTEBOOK with the public checks. The file is only read, never written."""
    sheets = sheet.all_keys(keys)
    if not sheets:
        raise fail(f"{keys} holds no key of an exercise sheet", BROKEN)
    limits = Limits(timeout=timeout, sandbox=sandbox_works())
    try:
        with Console(stderr=True).status("running your answers"):
            result = classroom.check_one(notebook, sheets, limits)
    except Unreadable as error:
        raise fail(f"{notebook}: {error}", 2) from None
    except Lost as error:
        raise fail(f"no verdict: {error}. `python -m course_lib doctor` says more.", BROKEN) from None
    if page:
        write(page, report.learner_page(result))
    if as_json:
        click.echo(report.as_json([result]), nl=False)
    else:
        tell_learner(result, next(s for s in sheets if s.name == result["sheet"]), hints, Console())
    sys.exit(exit_code([result]))


@click.command("grade", cls=Verb)
@click.argument("submissions", type=FILE)
@click.option(
    "--reference", type=ANY, default=REFERENCES, show_default=True, help="The references' folder, or one of them."
)
@click.option("--jobs", type=click.IntRange(1), default=2, show_default=True, help="How many submissions at once.")
@click.option("--timeout", type=click.FloatRange(1), default=20.0, show_default=True, help="Seconds for one cell.")
@click.option("--total", type=click.FloatRange(1), default=300.0, show_default=True, help="Seconds for a submission.")
@click.option("--memory", type=Memory(), default="4G", show_default=True, help="Address space of a kernel.")
@click.option("--sandbox", type=click.Choice(["auto", "require", "off"]), default="auto", show_default=True)
@click.option("--public-weight", type=click.FloatRange(0), default=0.0, show_default=True, help="They can be forged.")
@click.option("--json", "json_path", type=ANY, help="Write the results as JSON.")
@click.option("--csv", "csv_path", type=ANY, help="Write a table of points.")
@click.option("--junit", "junit_path", type=ANY, help="Write JUnit's XML.")
@click.option("--html", "html_path", type=ANY, help="Write pages for you and for each learner into this folder.")
@click.option("--state", type=ANY, help="Where results are kept between runs. [SUBMISSIONS.grading]")
@click.option("--fresh", is_flag=True, help="Forget what is kept and grade anew, with new hidden inputs.")
def grade(
    submissions: Path,
    reference: Path,
    jobs: int,
    timeout: float,
    total: float,
    memory: int,
    sandbox: str,
    public_weight: float,
    state: Path | None,
    fresh: bool,
    **outputs: Path | None,
) -> None:
    """Grade all SUBMISSIONS, a folder or one file. Stopped on the way, the same command goes on where it was."""
    console = Console(stderr=True)
    limits = Limits(timeout, total, memory, _sandbox(sandbox, console))
    store = Store(state or submissions.resolve().with_name(submissions.resolve().name + ".grading"), fresh)
    try:
        room = Classroom(classroom.open_references(reference), Options(limits, jobs, public_weight), store)
        with Progress(console=console, transient=True) as progress:
            bar = progress.add_task("grading", total=None)

            def told(path: Path, done: int, of: int) -> None:
                progress.update(bar, completed=done, total=of, description=path.name[:40])

            results = room.grade(submissions, told)
    except GraderBroken as error:
        raise fail(f"{error}\nNo grades were written.", BROKEN) from None
    except KeyboardInterrupt:
        raise fail("stopped. What is graded is kept: the same command goes on from here.", 130) from None
    if not results:
        raise fail(f"{submissions} holds no notebook", USAGE)
    _write(results, **outputs)
    tell_instructor(results, summary(results), Console())
    sys.exit(exit_code(results))


def _sandbox(wish: str, console: Console) -> bool:
    """Tell whether to use bubblewrap; say loudly where it is wanted and does not work."""
    if wish == "off":
        return False
    works = sandbox_works()
    if not works and wish == "require":
        raise fail("--sandbox require: bubblewrap is missing or may not make namespaces here", BROKEN)
    if not works:
        console.print(f"[bold red]{FALLBACK}[/]")
    return works


def _write(
    results: list[dict[str, Any]],
    json_path: Path | None,
    csv_path: Path | None,
    junit_path: Path | None,
    html_path: Path | None,
) -> None:
    for path, make in ((json_path, report.as_json), (csv_path, report.as_csv), (junit_path, report.as_junit)):
        if path:
            write(path, make(results))
    if html_path:
        click.echo(f"open {report.write_html(results, html_path)}")


@click.command("doctor", cls=Verb)
def doctor() -> None:
    """Say what works here: the sandbox, a kernel, and the versions."""
    from .plugin import NBVAL_VERSION

    click.echo(f"Python {platform.python_version()} on {platform.system()}, course_lib in {Path(__file__).parents[1]}")
    for package in ("nbval", "pytest", "ipykernel", "jupyter_client", "nbformat", "numpy"):
        click.echo(f"{package} {importlib.metadata.version(package)}")
    good = importlib.metadata.version("nbval").startswith(NBVAL_VERSION)
    click.echo(
        f"nbval is {'the one that we know' if good else f'not {NBVAL_VERSION}: install nbval=={NBVAL_VERSION}.*'}"
    )
    where = (
        "works" if sandbox_works() else "is here but may not make namespaces" if shutil.which("bwrap") else "is missing"
    )
    click.echo(f"bubblewrap {where}")
    keys = ", ".join(s.name for s in sheet.all_keys()) or "none"
    click.echo(f"exercise sheets of the library: {keys}")
    for boxed in (False, True) if sandbox_works() else (False,):
        try:
            with Kernel(Limits(sandbox=boxed)) as kernel:
                said = kernel.run("print(6 * 7)", timeout=30)[0]["text"].strip()
            good = good and said == "42"
            click.echo(f"a kernel {'in the sandbox' if boxed else 'without the sandbox'} runs")
        except (KernelFailed, TimeoutError, IndexError, KeyError) as error:
            good = False
            click.echo(f"a kernel {'in the sandbox' if boxed else 'without the sandbox'} does not run: {error}")
    sys.exit(0 if good else BROKEN)
