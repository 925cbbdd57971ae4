"""Submissions of every kind that a class hands in, and of some that it should not, each with the mark that it deserves.

The sheet is sheets/small.py: softmax 4 points, mask 2, attention 4. Marks are for hidden checks alone: public ones
weigh 0.
"""

import copy
import json
import os
import pathlib
import tempfile
import uuid
from collections.abc import Callable
from dataclasses import dataclass, field

import nbformat
from nbformat.v4 import new_code_cell, new_markdown_cell, new_output

RIGHT = {
    "softmax": (
        "def softmax(x):\n    e = np.exp(x - x.max(axis=-1, keepdims=True))\n"
        "    return e / e.sum(axis=-1, keepdims=True)\n"
    ),
    "mask": "def causal_mask(n):\n    return np.tril(np.ones((n, n), dtype=bool))\n",
    "attention": (
        "def attention(q, k, v):\n    s = q @ k.T / np.sqrt(q.shape[-1])\n"
        "    s = np.where(np.tri(len(q), dtype=bool), s, -np.inf)\n    return by_hand.softmax(s) @ v\n"
    ),
}
WRONG = {
    "softmax": "def softmax(x):\n    return np.exp(x) / 2\n",
    "mask": "def causal_mask(n):\n    return np.ones((n, n), dtype=bool)\n",
    "attention": "def attention(q, k, v):\n    return v\n",
}
FULL = 10
S, M, A = RIGHT["softmax"], RIGHT["mask"], RIGHT["attention"]


@dataclass(frozen=True)
class Submission:
    """A file, the points that it deserves (None: it cannot be graded), and marks of its kind."""

    data: bytes
    deserves: float | None
    hostile: bool = False
    says: str = ""
    tags: frozenset[str] = field(default_factory=frozenset)


class Maker:
    """Make submissions out of a released notebook."""

    def __init__(self, released: nbformat.NotebookNode, public: dict[str, str]) -> None:
        self.released, self.public = released, public
        self.all: dict[str, Submission] = {}

    def notebook(self, answers: dict[str, str] = RIGHT, **over: str) -> nbformat.NotebookNode:
        nb = copy.deepcopy(self.released)
        for cell in nb.cells:
            course = cell.metadata.get("course", {})
            if course.get("role") == "answer":
                name = course["exercise"]
                cell.source = f"# answer: {name} (keep this line)\n" + over.get(name, answers[name])
        return nb

    def add(self, name: str, deserves: float | None, made: nbformat.NotebookNode | bytes | str, **how: object) -> None:
        data = made if isinstance(made, bytes) else (made if isinstance(made, str) else json.dumps(made)).encode()
        assert name not in self.all
        self.all[name] = Submission(data, deserves, **how)

    def changed(self, change: Callable, answers: dict[str, str] = RIGHT, **over: str) -> nbformat.NotebookNode:
        nb = self.notebook(answers, **over)
        change(nb)
        return nb


def cell(nb: nbformat.NotebookNode, id: str) -> nbformat.NotebookNode:
    return next(c for c in nb.cells if c.id == id)


def index(nb: nbformat.NotebookNode, id: str) -> int:
    return next(i for i, c in enumerate(nb.cells) if c.id == id)


def strip(nb: nbformat.NotebookNode) -> None:
    """What an editor leaves that knows nothing of cell metadata: new ids, foreign metadata."""
    for c in nb.cells:
        c.metadata = nbformat.from_dict({"id": uuid.uuid5(uuid.NAMESPACE_URL, c.id).hex[:12]})
        c.id = uuid.uuid5(uuid.NAMESPACE_DNS, c.id).hex[:8]
    nb.metadata = nbformat.from_dict(
        {"colab": {"provenance": []}, "kernelspec": {"name": "python3", "display_name": "Python 3"}}
    )


def as_vs_code(nb: nbformat.NotebookNode) -> None:
    """What VS Code adds: a language for each cell, the environment's version, counts and outputs."""
    spec = {"display_name": ".venv", "language": "python", "name": "python3"}
    nb.metadata = nbformat.from_dict({"kernelspec": spec, "language_info": {"name": "python"}})
    for i, c in enumerate(c for c in nb.cells if c.cell_type == "code"):
        c.metadata = nbformat.from_dict({**c.metadata, "vscode": {"languageId": "python"}})
        c.execution_count = i + 1
        c.outputs = [new_output("stream", text="said\n")]


def as_colab(nb: nbformat.NotebookNode) -> None:
    """What Colab leaves: its own ids in the metadata, none in the cells, format 4.0."""
    strip(nb)
    nb.nbformat_minor = 0
    for c in nb.cells:
        del c["id"]
        c.metadata["outputId"] = "1f"


def as_jupyterlab(nb: nbformat.NotebookNode) -> bytes:
    """What JupyterLab's server writes when one presses save: through the very code that it saves with."""
    from jupyter_server.services.contents.largefilemanager import LargeFileManager

    with tempfile.TemporaryDirectory() as folder:
        for i, c in enumerate(c for c in nb.cells if c.cell_type == "code"):
            c.metadata["trusted"] = True
            c.execution_count = i + 1
            c.outputs = [new_output("execute_result", {"text/plain": "3"}, execution_count=i + 1)]
        server = LargeFileManager(root_dir=folder)
        server.save({"type": "notebook", "format": "json", "content": nb}, "mine.ipynb")
        return (pathlib.Path(folder) / "mine.ipynb").read_bytes()


def careless(m: Maker) -> None:
    """What honest learners hand in."""
    m.add("blank", 0, copy.deepcopy(m.released), says="no answer yet")
    m.add("all right", FULL, m.notebook())
    m.add("all wrong", 0, m.notebook(WRONG))
    for mutant in ("checks edited", "checks deleted", "outputs forged"):

        def change(nb: nbformat.NotebookNode, how: str = mutant) -> None:
            for c in [c for c in nb.cells if "-check-" in c.id]:
                if how == "checks edited":
                    c.source = "print('all good')"
                elif how == "checks deleted":
                    nb.cells.remove(c)
                else:
                    c.outputs = [new_output("display_data", {"text/plain": "✓ as expected"})]
                    c.execution_count = 3

        m.add(mutant, 0, m.changed(change, WRONG))
        m.add(f"{mutant}, all right", FULL, m.changed(change))

    def twice(nb: nbformat.NotebookNode) -> None:
        i = index(nb, "softmax-answer")
        first = copy.deepcopy(nb.cells[i])
        first.source = "# answer: softmax (keep this line)\n" + WRONG["softmax"]
        nb.cells.insert(i, first)

    m.add("answered twice, wrong then right", FULL, m.changed(twice), says="the last one counts")

    def helper(nb: nbformat.NotebookNode) -> None:
        made = new_code_cell("def _stable(x):\n    return np.exp(x - x.max(-1, keepdims=True))")
        nb.cells.insert(index(nb, "softmax-answer"), made)

    uses = "def softmax(x):\n    e = _stable(x)\n    return e / e.sum(-1, keepdims=True)\n"
    m.add("helper in a cell of its own", FULL, m.changed(helper, softmax=uses))

    def imports(nb: nbformat.NotebookNode) -> None:
        cell(nb, "setup").source += "\nimport math"

    m.add("import added to the setup", FULL, m.changed(imports, attention=A.replace("np.sqrt", "math.sqrt")))
    m.add("metadata and ids stripped", FULL, m.changed(strip))
    m.add("saved by VS Code", FULL, m.changed(as_vs_code))
    m.add("saved by Colab", FULL, m.changed(as_colab))
    m.add("saved by JupyterLab", FULL, as_jupyterlab(m.notebook()))

    def unmarked(nb: nbformat.NotebookNode) -> None:
        strip(nb)
        for c in nb.cells:
            c.source = c.source.split("(keep this line)\n")[-1]

    m.add("stripped, and the marker removed", FULL, m.changed(unmarked))

    def as_text(nb: nbformat.NotebookNode) -> None:
        old = cell(nb, "softmax-answer")
        nb.cells[index(nb, "softmax-answer")] = new_markdown_cell(old.source, id=old.id)

    m.add("answer turned into text", 6, m.changed(as_text), says="turn that cell back")
    m.add("cells reordered", FULL, m.changed(lambda nb: nb.cells.append(nb.cells.pop(index(nb, "softmax-answer")))))
    m.add(
        "syntax error in one answer",
        6,
        m.notebook(attention="def attention(q, k, v)\n    return v\n"),
        says="SyntaxError",
    )
    m.add("endless loop in a call", 6, m.notebook(softmax="def softmax(x):\n    while True: pass\n"), says="more than")
    m.add("endless loop at top level", FULL, m.notebook(softmax=S + "while True: pass\n"))
    m.add("os._exit", 6, m.notebook(softmax="import os\nos._exit(0)\n"), says="kernel ended")
    m.add("a null character in an answer", 6, m.notebook(softmax=S + "x = '\0'\n"))
    m.add("sys.exit", FULL, m.notebook(softmax=S + "import sys; sys.exit(0)\n"))
    m.add("quit()", FULL, m.notebook(softmax=S + "quit()\n"))
    m.add("segfault in a call", 6, m.notebook(softmax="def softmax(x):\n    import ctypes; ctypes.string_at(0)\n"))
    m.add("input()", FULL, m.notebook(softmax=S + "input('continue?')\n"))

    def timed(nb: nbformat.NotebookNode) -> None:
        cell(nb, "softmax-answer").source = "%%time\n" + cell(nb, "softmax-answer").source

    m.add("%%time", FULL, m.changed(timed))
    m.add("!cmd and %matplotlib", FULL, m.notebook(softmax="%matplotlib inline\n!echo installed\n" + S))
    m.add("prints", FULL, m.notebook(softmax=S.replace("    e =", "    print('x is', x)\n    e =")))
    loud = "    import sys, warnings; np.log(np.zeros(1)); warnings.warn('hm'); print('err', file=sys.stderr)\n    e ="
    m.add("warnings", FULL, m.notebook(softmax=S.replace("    e =", loud)))
    clears = "    from IPython.display import clear_output, display; clear_output(); display('mine')\n    e ="
    m.add("clear_output and displays", FULL, m.notebook(softmax=S.replace("    e =", clears)))
    thread = (
        "import threading\ndef _t():\n    for i in range(3000): print('tick', i)\n"
        "threading.Thread(target=_t, daemon=True).start()\n"
    )
    m.add("a thread that prints", FULL, m.notebook(softmax=S + thread))
    state = "import os; os.chdir('/'); np.random.seed(0); np.set_printoptions(precision=2); np.seterr(all='raise')\n"
    m.add("chdir, seed, seterr", FULL, m.notebook(softmax=S + state))
    m.add("shadowed builtins", FULL, m.notebook(attention=A + "check = display = print = list = sum = by_hand_ = 3\n"))
    m.add("shadowed imports", FULL, m.notebook(attention=A + "np = check = None\n", softmax=S))
    m.add(
        "a list, not an array",
        6,
        m.notebook(softmax=S.replace("e / e.sum(axis=-1, keepdims=True)", "(e / e.sum(-1, keepdims=True)).tolist()")),
        says="a list came",
    )
    m.add("float32", FULL, m.notebook(softmax=S.replace("    e =", "    x = x.astype(np.float32)\n    e =")))
    m.add("noise of 2e-6", FULL, m.notebook(softmax=S.replace("return e", "return (1 + 2e-6) * e")))
    m.add("30 MB of prints", FULL, m.notebook(softmax=S + "for i in range(3000): print('y' * 10_000)\n"))
    m.add(
        "a result of 3 million elements", 6, m.notebook(softmax="def softmax(x):\n    return np.zeros((3000, 1000))\n")
    )

    def heavy(nb: nbformat.NotebookNode) -> None:
        cell(nb, "setup").outputs = [new_output("stream", text="x" * (60 << 20))]
        cell(nb, "setup").execution_count = 1

    m.add("60 MB of outputs", None, m.changed(heavy), says="clear the outputs")
    m.add(
        "mutant made by a learner",
        6,
        m.notebook(softmax=S.replace("e.sum(axis=-1", "e.sum(axis=0")),
        says="sums over the columns",
    )


def broken(m: Maker) -> None:
    """Files in strange forms, and files that are none."""
    text = nbformat.writes(m.notebook())
    m.add("byte order mark and CRLF", FULL, b"\xef\xbb\xbf" + text.replace("\n", "\r\n").encode())
    m.add("UTF-16", FULL, text.encode("utf-16"))
    cells = [
        {
            "cell_type": "code",
            "input": c.source,
            "language": "python",
            "outputs": [],
            "collapsed": False,
            "metadata": {},
        }
        for c in m.notebook().cells
        if c.cell_type == "code"
    ]
    m.add(
        "nbformat 3",
        FULL,
        json.dumps({"nbformat": 3, "nbformat_minor": 0, "metadata": {"name": ""}, "worksheets": [{"cells": cells}]}),
    )
    kernels = {
        "no kernelspec": (FULL, {}),
        "unknown kernelspec": (FULL, {"kernelspec": {"name": "my-env", "display_name": "x", "language": "python"}}),
        "R kernelspec": (None, {"kernelspec": {"name": "ir", "display_name": "R", "language": "R"}}),
    }
    for name, (mark, metadata) in kernels.items():
        m.add(name, mark, m.changed(lambda nb, metadata=metadata: nb.update(metadata=nbformat.from_dict(metadata))))
    m.add("empty", None, b"", says="empty")
    m.add("truncated", None, text.encode()[:900], says="cut off")
    m.add("merge conflict", None, "<<<<<<< HEAD\n" + text, says="merge conflict")
    m.add("zip", None, b"PK\x03\x04" + os.urandom(200), says="zip")
    m.add("JSON, no notebook", None, "[1, 2, 3]", says="no notebook")
    m.add("deep JSON", None, "[" * 100_000 + "]" * 100_000, says="nested")
    m.add(
        "another notebook",
        None,
        nbformat.writes(nbformat.v4.new_notebook(cells=[new_code_cell("1 + 1")])),
        says="no answer",
    )


FORGE = """
import IPython.display as D, numpy as np
np.allclose = np.array_equal = lambda *a, **k: True
from course_lib.grading import check_cell, values
_known = {known}
class Forged(check_cell.Check):
    def __call__(self, label, thunk):
        r = _known.get(label, dict(kind="number", value=0.0))
        D.display({{"text/plain": label, values.MIME: dict(label=label, value=r)}}, raw=True)
check_cell.Check = Forged
for _module in (check_cell, values): _module.difference = _module.same = lambda *a: None
"""
SPY = """
import glob, json
_found = {}
_places = ('*', '../*', '../*/*', '../../*/*', '/tmp/*/*', '/tmp/*/*/*', '/tmp/*/*/*/*', '/tmp/*/*/*/*/*')
for f in [f for place in _places for f in glob.glob(place + '.ipynb')]:
    try:
        for c in json.load(open(f))['cells']:
            for o in c.get('outputs', []):
                r = o['data']['application/vnd.inside-gpt.check+json']
                _found[r['label']] = r['value']
    except Exception:
        pass
"""
MEMORY = """
import os, re
_found = {}
try:
    for pid in (os.getppid(), *[int(p) for p in os.listdir('/proc') if p.isdigit()][-40:]):
        if pid == os.getpid(): continue
        with open(f'/proc/{pid}/mem', 'rb', 0) as mem:
            for l in open(f'/proc/{pid}/maps'):
                a, p = l.split()[:2]
                if 'rw' not in p: continue
                s, e = (int(x, 16) for x in a.split('-'))
                if e - s > 1 << 26: continue
                try: mem.seek(s); d = mem.read(e - s)
                except Exception: continue
                for hit in re.finditer(rb'"label": ?"(attention|softmax|mask)', d): _found[hit[0]] = pid
except Exception as error: print(error)
"""
FORKS = """
import os, time
_end = time.monotonic() + 1.5
try:
    for _ in range(600):
        if time.monotonic() > _end: break
        if os.fork() == 0: time.sleep(3); os._exit(0)
except OSError: pass
"""
HOG = "try:\n    _z = np.ones(50 << 27)\nexcept MemoryError: pass\n"
NETWORK = """
import socket
try: socket.create_connection(('127.0.0.1', {port}), 2).close()
except OSError: pass
"""
OUTSIDE = "import os\nfor p in {paths}:\n    try: open(p, 'w').write('x')\n    except OSError: pass\n"
STUBBORN = (
    "def softmax(x):\n    while True:\n        try:\n            while True: pass\n        except BaseException: pass\n"
)
EARLY_IDLE = """
_k = get_ipython().kernel
def _pre(*a):
    idle = {'execution_state': 'idle'}
    _k.session.send(_k.iopub_socket, 'status', idle, parent=_k.get_parent('shell'), ident=b'status')
get_ipython().events.register('pre_run_cell', _pre)
"""
MUTE = """
from IPython.core.displaypub import DisplayPublisher as P
P.publish = lambda self, *a, **k: None
import sys; sys.displayhook = lambda v: None
"""
KILL = "import os, signal\nos.kill(os.getppid(), 9)\n"


def hostile(m: Maker, port: int = 9, paths: tuple[str, ...] = ()) -> None:
    """What nobody should hand in: it gets the mark that its answers deserve, and its neighbours theirs."""
    bad = {"hostile": True}
    forge = FORGE.format(known=repr(m.public))
    m.add("swallows interrupts", 6, m.notebook(softmax=STUBBORN), **bad)
    m.add("forged checks", 0, m.notebook(WRONG, softmax=forge + WRONG["softmax"]), **bad)
    m.add("forged displays", 0, m.notebook(WRONG, softmax=WRONG["softmax"] + MUTE), **bad)
    m.add("early idle", 0, m.notebook(WRONG, softmax=WRONG["softmax"] + EARLY_IDLE), **bad)
    skip = "# NBVAL_SKIP\n# NBVAL_IGNORE_OUTPUT\n"
    m.add(
        "NBVAL_SKIP",
        0,
        m.notebook(WRONG, softmax=skip + WRONG["softmax"], mask="#NBVAL_RAISES_EXCEPTION\n" + WRONG["mask"]),
        **bad,
    )
    m.add("NBVAL_SKIP, all right", FULL, m.notebook(softmax=skip + S), **bad)
    m.add(
        "reads the reference from the disk",
        0,
        m.notebook(WRONG, softmax=SPY + FORGE.format(known="_found") + WRONG["softmax"]),
        **bad,
    )
    m.add(
        "reads the parent's memory",
        0,
        m.notebook(WRONG, softmax=MEMORY + WRONG["softmax"]),
        **bad,
        tags=frozenset({"memory"}),
    )
    m.add("kills its parent", 0, m.notebook(WRONG, softmax=KILL), **bad)
    m.add("kills its parent, all else right", 6, m.notebook(softmax=KILL), **bad)
    m.add("allocates 50 GB", FULL, m.notebook(softmax=S + HOG), **bad)
    m.add("forks 600 times", FULL, m.notebook(softmax=S + FORKS), **bad, tags=frozenset({"sandbox only"}))
    m.add(
        "calls the network", FULL, m.notebook(softmax=S + NETWORK.format(port=port)), **bad, tags=frozenset({"network"})
    )
    m.add(
        "writes outside",
        FULL,
        m.notebook(softmax=S + OUTSIDE.format(paths=list(paths))),
        **bad,
        tags=frozenset({"outside"}),
    )
    arrays = {label: record for label, record in m.public.items() if record["kind"] == "array"}
    table = (
        "{"
        + ", ".join(
            f"{tuple(r['shape'])}: np.array({r['data']}).reshape({r['shape']})"
            for r in arrays.values()
            if r["holds"] == "f"
        )
        + "}"
    )
    mask = "def causal_mask(n):\n    return np.array([[1, 0, 0], [1, 1, 0], [1, 1, 1]], dtype=bool)\n"
    look = f"_t = {table}\n"
    m.add(
        "public values hard-coded",
        0,
        m.notebook(
            softmax=look + "def softmax(x):\n    return _t.get(x.shape, x)\n",
            mask=mask,
            attention="def attention(q, k, v):\n    return _t.get(v.shape, v)\n",
        ),
        **bad,
        tags=frozenset({"hard-coded"}),
    )


def everything(
    released: nbformat.NotebookNode, public: dict[str, dict], port: int = 9, paths: tuple[str, ...] = ()
) -> dict[str, Submission]:
    """Return all submissions by name."""
    m = Maker(released, public)
    careless(m)
    broken(m)
    hostile(m, port, paths)
    return m.all
