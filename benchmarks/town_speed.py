"""How fast is the town? Prints documents per second of processor time, for the full mix and for each kind."""

import time

from course_lib.town import KINDS, documents


def speed(mix: str, n: int) -> float:
    start = time.process_time()
    for _ in documents(n, mix=mix):
        pass
    return n / (time.process_time() - start)


if __name__ == "__main__":
    full = speed("full", 60_000)
    print(f"full mix: {full:,.0f} documents per second; 60,000 take {60_000 / full:.1f} s")
    for kind in KINDS:
        print(f"{kind:15} {speed(kind, 5_000):8,.0f}")
