"""Values as records: a value travels as a small JSON record beside its text.

`same` compares two records, `difference` puts into words how they differ. Nothing here needs more than NumPy, and
nothing that a learner's object does can stop it.
"""

import math
import numbers
from typing import Any

import numpy as np

MIME = "application/vnd.inside-gpt.check+json"
LARGEST = 20_000  # numbers in one value; a check that needs more is no check
TOLERANCE = {"relative": 1e-4, "absolute": 1e-5}  # float32 against float64, a sum in another order
KINDS = {"f": "floats", "i": "integers", "u": "integers", "b": "booleans", "c": "complex numbers"}

Record = dict[str, Any]


def describe(value: Any, depth: int = 0) -> Record:
    """Turn a value into a record of plain JSON: its kind and what it holds. Torch tensors count as arrays."""
    if hasattr(value, "detach"):
        value = value.detach().cpu().numpy()
    if isinstance(value, np.ndarray | np.generic):
        return _array(np.asarray(value)) if np.ndim(value) else describe(value.item(), depth)
    if value is None or isinstance(value, bool):
        return {"kind": "constant", "value": repr(value)}
    if isinstance(value, str | bytes):
        return {"kind": "text", "value": str(value)[:LARGEST]}
    if isinstance(value, numbers.Real):
        return {"kind": "number", "value": _json_number(value)}
    if isinstance(value, dict) and depth < 8:
        items = sorted(value.items(), key=lambda item: repr(item[0]))[:LARGEST]
        return {"kind": "dict", "items": [[repr(k)[:200], describe(v, depth + 1)] for k, v in items]}
    if isinstance(value, list | tuple) and depth < 8:
        if len(value) > LARGEST:
            return {"kind": "too large", "value": f"a list of {len(value)} items"}
        return {"kind": "list", "items": [describe(item, depth + 1) for item in value]}
    return {"kind": "object", "value": type(value).__name__}


def _array(array: np.ndarray) -> Record:
    shape = [int(n) for n in array.shape]
    if array.dtype.kind not in KINDS or array.dtype.kind == "c":
        return {"kind": "object", "value": f"array of dtype {array.dtype}"}
    if array.size > LARGEST:
        return {"kind": "too large", "value": f"an array of shape {_times(shape)}"}
    kind = array.dtype.kind.replace("u", "i")
    return {"kind": "array", "holds": kind, "shape": shape, "data": [_json_number(x) for x in array.ravel().tolist()]}


def _json_number(x: Any) -> int | float | str | bool:
    if isinstance(x, bool):
        return x
    if isinstance(x, numbers.Integral):
        return int(x) if abs(int(x)) < 2**63 else str(int(x))
    return float(x) if math.isfinite(x) else str(float(x))  # JSON has no nan and no infinity


def same(a: Record, b: Record) -> bool:
    """Tell whether two records hold the same value, floats up to rounding."""
    return difference(a, b) is None


def difference(expected: Record, came: Record) -> str | None:
    """Say in words how a value differs from what was expected; None where it does not."""
    kind, other = expected.get("kind"), came.get("kind")
    if kind != other:
        return f"{name(came)} came, {name(expected)} was expected"
    if kind == "array":
        return _arrays_differ(expected, came)
    if kind == "number":
        return None if _near(expected["value"], came.get("value")) else "another number"
    if kind in ("list", "dict"):
        return _items_differ(expected["items"], came.get("items", []))
    if kind == "error":
        return None if expected["type"] == came.get("type") else f"{name(came)} came, {name(expected)} was expected"
    return None if expected == came else f"{name(came)} came, {name(expected)} was expected"


def _arrays_differ(expected: Record, came: Record) -> str | None:
    if expected["shape"] != came.get("shape"):
        return f"the shape is {_times(came.get('shape', []))}, expected was {_times(expected['shape'])}"
    if expected["holds"] != came.get("holds"):
        return f"it holds {KINDS.get(came.get('holds', ''), '?')}, expected were {KINDS[expected['holds']]}"
    pairs = list(zip(expected["data"], came.get("data", [])))
    wrong = [(a, b) for a, b in pairs if not _near(a, b)]
    if len(pairs) == len(expected["data"]) and not wrong:
        return None
    gaps = [abs(a - b) for a, b in wrong if isinstance(a, int | float) and isinstance(b, int | float)]
    by = f", by up to {max(gaps):.3g}" if gaps and expected["holds"] != "b" else ""
    return f"{len(wrong)} of {len(pairs)} entries differ{by}"


def _items_differ(expected: list[Any], came: list[Any]) -> str | None:
    if len(expected) != len(came):
        return f"{len(came)} items came, {len(expected)} were expected"
    for i, (a, b) in enumerate(zip(expected, came)):
        if isinstance(a, list):  # an item of a dict: its key and its value
            if a[0] != b[0]:
                return f"the key {b[0]} came, {a[0]} was expected"
            a, b = a[1], b[1]
        found = difference(a, b)
        if found:
            return f"item {i}: {found}"
    return None


def _near(a: Any, b: Any) -> bool:
    if isinstance(a, str) or isinstance(b, str) or isinstance(a, bool) or isinstance(b, bool):
        return type(a) is type(b) and a == b
    if not (isinstance(a, int | float) and isinstance(b, int | float)):
        return False
    return abs(a - b) <= TOLERANCE["absolute"] + TOLERANCE["relative"] * abs(a)


def name(record: Record) -> str:
    """Name the kind of thing that a record holds, with its article."""
    kind = record.get("kind")
    if kind == "array":
        return f"an array of {KINDS.get(record.get('holds', ''), '?')}"
    if kind == "error":
        return "no answer yet" if record.get("type") == "NotImplementedError" else f"a {record.get('type')}"
    if kind in ("constant", "too large"):
        return str(record.get("value"))
    if kind == "object":
        return f"an object of type {record.get('value')}"
    return {"number": "a number", "list": "a list", "dict": "a dict", "text": "a text"}.get(str(kind), "nothing")


def show(record: Record, digits: int = 4, longest: int = 1200) -> str:
    """Write a record for a person to read."""
    text = _show(record, digits)
    return text if len(text) <= longest else text[:longest] + " …"


def _show(record: Record, digits: int) -> str:
    kind = record.get("kind")
    if kind == "array":
        data = [float(x) if isinstance(x, str) else x for x in record["data"]]
        array = np.array(data).reshape(record["shape"]) if data else np.zeros(record["shape"])
        body = np.array2string(array, precision=digits, suppress_small=True, threshold=200, max_line_width=100)
        return f"array of {KINDS[record['holds']]}, {_times(record['shape'])}\n{body}"
    if kind == "number":
        value = record["value"]
        return f"{value:.{digits}f}" if isinstance(value, float) else str(value)
    if kind == "list":
        return "[" + ", ".join(_show(item, digits) for item in record["items"][:100]) + "]"
    if kind == "dict":
        return "{" + ", ".join(f"{k}: {_show(v, digits)}" for k, v in record["items"][:100]) + "}"
    if kind == "text":
        return repr(record["value"])
    if kind == "error" and record.get("type") != "NotImplementedError":
        return f"{record.get('type')}: {record.get('message')}"
    return name(record)


def _times(shape: list[int]) -> str:
    return " × ".join(map(str, shape)) if shape else "()"
