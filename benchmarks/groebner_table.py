"""Which networks Singular counts within a given processor time: ``python -m benchmarks.groebner_table``.

Every multiset of filter sizes k_i ≥ 2 with n = Σ (k_i − 1) ≤ 12 is an architecture (all strides 2 but the last), and is
either timed or larger, layer by layer, than one that did not finish: more unknowns in equations of the same degree
take no less. Each is solved modulo the first prime that the claim uses; what counts is the processor time of Singular
alone. Where all unknowns at once take too long, the last filter is solved for (theory.algebra.eliminated), if it has
entries enough. One line an architecture: n, the generic ED degree, the seconds, what was counted, and how.
"""

from __future__ import annotations

import argparse
import itertools
import resource
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

from theory.algebra import Architecture, architectures, eliminated, generic_ed_degree, groebner, programs

LARGEST, SECONDS = 12, 20


class Timed(NamedTuple):
    """Processor seconds, and the number of points; None where the time ran out."""

    sizes: tuple[int, ...]
    seconds: float
    points: int | None
    eliminated: bool = False


def contains(larger: tuple[int, ...], smaller: tuple[int, ...]) -> bool:
    """Whether each layer of the second fits into a layer of its own of the first.

    >>> contains((2, 3, 4), (3, 3)), contains((2, 2, 5), (3, 3))
    (True, False)
    """
    ordered = zip(sorted(larger, reverse=True), sorted(smaller, reverse=True), strict=False)
    return len(larger) >= len(smaller) and all(a >= b for a, b in ordered)


def timed(sizes: tuple[int, ...], seconds: int, seed: int = 0) -> Timed:
    """Count the critical points of generic data by Singular, stopped after so much processor time."""
    network, prime = Architecture(sizes, (2,) * (len(sizes) - 1)), groebner.PRIMES[0]
    spent, answers = _run(programs._for_singular(groebner.problem(network, prime, seed=seed)), seconds)
    if answers:
        return Timed(sizes, spent, answers[0])
    if sizes[-1] <= sum(size - 1 for size in sizes[:-1]):
        return Timed(sizes, spent, None)
    spent, answers = _run(eliminated.script(network, prime, seed=seed), seconds)
    settled = len(answers) == 3 and answers[1] == answers[2]
    return Timed(sizes, spent, answers[0] - answers[2] if settled else None, eliminated=True)


def _run(text: str, seconds: int) -> tuple[float, list[int]]:
    """Processor time of Singular, and the numbers that it prints; none where it was stopped."""

    def limited() -> None:
        resource.setrlimit(resource.RLIMIT_CPU, (seconds, seconds + 1))

    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    with tempfile.TemporaryDirectory(prefix="theory-") as folder:
        path = Path(folder) / "input"
        path.write_text(text, encoding="ascii")
        command = ["Singular", "-q", "-t", "--no-rc", str(path)]
        done = subprocess.run(
            command, check=False, stdin=subprocess.DEVNULL, capture_output=True, text=True, preexec_fn=limited
        )
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    spent = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    answers = [int(match[1]) for line in done.stdout.splitlines() if (match := programs._ANSWER.fullmatch(line))]
    return spent, answers if done.returncode == 0 else []


def table(largest: int, seconds: int) -> Iterator[tuple[tuple[int, ...], Timed | tuple[int, ...]]]:
    """Every architecture with its time, or with the one in it that did not finish; smaller ED degrees first."""
    every = itertools.chain.from_iterable(architectures(n) for n in range(1, largest + 1))
    unfinished: list[tuple[int, ...]] = []
    for sizes in sorted((one for one in every if len(one) > 1), key=generic_ed_degree):
        inside = next((small for small in unfinished if contains(sizes, small)), None)
        if inside is not None:
            yield sizes, inside
            continue
        found = timed(sizes, seconds)
        if found.points is None:
            unfinished.append(sizes)
        yield sizes, found


def main() -> None:
    """Print the table as it is made."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--largest", type=int, default=LARGEST, help="the largest n")
    parser.add_argument("--seconds", type=int, default=SECONDS, help="processor time for each")
    parser.add_argument("--all", action="store_true", help="also list those that are not tried")
    asked = parser.parse_args()
    if programs.available() != "Singular":
        sys.exit("Singular is not on PATH")
    finished = tried = skipped = 0
    for sizes, found in table(asked.largest, asked.seconds):
        label, degree = "×".join(map(str, sizes)), generic_ed_degree(sizes)
        if isinstance(found, Timed):
            tried, finished = tried + 1, finished + (found.points is not None)
            how = ", last filter solved for" if found.eliminated else ""
            said = f"{found.seconds:7.2f} s  {found.points if found.points is not None else 'stopped'}{how}"
        else:
            skipped += 1
            said = f"      —    larger than {'×'.join(map(str, found))}"
        if isinstance(found, Timed) or asked.all:
            sys.stdout.write(f"{label:24} n {sum(sizes) - len(sizes):2}  degree {degree:8}  {said}\n")
            sys.stdout.flush()
    sys.stdout.write(
        f"{finished} of {tried} finish within {asked.seconds} s; {skipped} are larger than one that did not\n"
    )


if __name__ == "__main__":
    main()
