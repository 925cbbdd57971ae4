"""Exercises that grade themselves: masters are released, answers are judged by nbval, marks come with reasons.

    master ─release→ notebook, reference, key
    submission ─read, merge→ cells ─judge (nbval)→ outcomes ─mark→ result

A sheet (sheet.py) comes from a master (master.py); every answer whose worth is known is run (trial.py) before it is
written as notebooks (notebooks.py) and pages (pages.py) by release.py.

A submission goes through these files, one after the other:

    classroom.py       finds it, or its kept result (store.py)
    reading.py         reads it, with no trust at all
    answers.py         tells which sheet it answers, and where its answers are
    merging.py         puts them into the pristine sheet
    judges.py          hands that to a judge's process that is free
    server.py          which forks a process for this one notebook
    plugin.py          in which nbval runs it, cell by cell
    judged_kernel.py   in a kernel that nbval's cells talk to
    kernel.py          which was started
    launch.py          under limits, in bubblewrap where there is one
    marks.py           turns what became of the cells into points and reasons
    report.py, terminal.py   tell them

`check` (check_cell.py, values.py) is all that an exercise notebook itself needs; it imports NumPy alone.
"""

from .check_cell import Check, check

__all__ = ["Check", "check"]
