"""Exercises that grade themselves: masters are released, answers are judged by nbval, marks come with reasons.

    master ─release→ notebook, reference, key
    submission ─read, merge→ cells ─judge (nbval)→ outcomes ─mark→ result

Read sheet.py, master.py and release.py for the one half, submission.py, judge.py (with plugin.py, kernel.py and
launch.py), marks.py and classroom.py for the other. `check` is all that an exercise notebook itself needs; it imports
NumPy alone.
"""

from .values import Check, check

__all__ = ["Check", "check"]
