"""Critical points counted: by Singular and by sympy, and what is said when a program is missing, killed or slow."""

import os
import shutil
import signal
import stat
import sys
import time
from pathlib import Path

import pytest

from theory.algebra import Architecture, Problem, available, count, fully_connected, generic_ed_degree, programs, solve
from theory.checks import BadInput

needs_singular = pytest.mark.skipif(not shutil.which("Singular"), reason="Singular is not on PATH")
CIRCLE_AND_LINE = Problem(32003, ("x", "y"), ("x*x+y*y-1", "x-y"), (("x", "2"), ("1", "y")))
"""Two points; the determinant xy − 2 vanishes at none of them."""


@pytest.fixture
def fake(tmp_path, monkeypatch):
    """A program called Singular that is this shell script."""

    def install(text):
        path = tmp_path / "Singular"
        path.write_text(f"#!/bin/sh\n{text}\n")
        path.chmod(path.stat().st_mode | stat.S_IXUSR)
        monkeypatch.setenv("PATH", str(tmp_path), prepend=os.pathsep)

    return install


@pytest.mark.parametrize("program", ["sympy", pytest.param("Singular", marks=needs_singular)])
class TestPrograms:
    def test_counts_common_zeros(self, program):
        assert solve(CIRCLE_AND_LINE, program=program).dimensions == (2, 0)

    def test_two_by_two(self, program):
        assert count(Architecture((2, 2), (1,)), ranks=True, program=program, limit=60).points == 6
        assert count(Architecture((2, 2), (1,)), ranks=True, program=program, limit=60).without_rank == 4

    def test_infinitely_many_points_are_no_number(self, program):
        assert solve(Problem(32003, ("x", "y"), ("x*y",)), program=program).dimensions == (-1,)


@needs_singular
@pytest.mark.parametrize(
    ("network", "options", "points"),
    [
        (Architecture((2, 3), (2,)), {}, 10),
        (Architecture((3, 3), (2,)), {}, 39),
        (Architecture((2, 2, 2), (2, 2)), {}, 34),
        (Architecture((2, 2, 2), (2, 2)), {"covariance": "white"}, 6),
        (fully_connected(7), {"covariance": "shared"}, 3),
        (fully_connected(7), {}, generic_ed_degree((3, 4))),
    ],
    ids=str,
)
def test_counts(network, options, points):
    found = count(network, seed=1, **options)
    assert (found.points, found.reason) == (points, "")
    assert len(set(found.primes)) == 2


class TestFailures:
    def test_nothing_installed(self, monkeypatch):
        monkeypatch.setattr(programs, "find_spec", lambda name: None)
        monkeypatch.setenv("PATH", "")
        found = count(Architecture((2, 2), (2,)))
        assert found.points is None
        assert found.reason == "no program for Gröbner bases: neither Singular (on PATH) nor sympy is installed"

    def test_without_singular_sympy_counts_only_small_ones(self, monkeypatch):
        monkeypatch.setenv("PATH", "")
        assert available() == "sympy"
        assert "Singular is not on PATH" in count(Architecture((3, 3), (2,))).reason
        assert solve(CIRCLE_AND_LINE, program="Singular").reason == "Singular is not on PATH"

    def test_killed(self, fake):
        fake("kill -KILL $$")
        assert count(Architecture((2, 2), (2,))).reason == "Singular was killed by SIGKILL"

    def test_killed_by_a_signal_without_a_name(self, fake):
        fake("kill -40 $$")
        assert solve(CIRCLE_AND_LINE).reason == "Singular was killed by signal 40"

    @pytest.mark.parametrize(
        "printed", ["dimension abc", "dimension 6.5", "dimension ", "dimension -7", "dimension 1 2"]
    )
    def test_an_answer_that_is_no_number(self, fake, printed):
        fake(f"echo '{printed}'")
        found = count(Architecture((2, 2), (2,)))
        assert (found.points, found.reason) == (None, f"Singular failed: {printed.strip()}")

    def test_a_number_without_end(self, fake):
        fake("printf 'dimension '; head -c 9999 /dev/zero | tr '\\0' 9")
        assert solve(CIRCLE_AND_LINE).reason == "Singular failed: dimension " + 110 * "9"

    def test_too_slow_and_its_children_end_with_it(self, fake, tmp_path):
        fake(f"sleep 60 & echo $! > {tmp_path}/child; wait")
        assert solve(CIRCLE_AND_LINE, limit=0.5).reason == "Singular was stopped after 0.5 s"
        child = int((tmp_path / "child").read_text())
        for _ in range(100):
            try:
                state = Path(f"/proc/{child}/stat").read_text().split()[2]
            except OSError:
                break
            if state == "Z":  # killed, and waiting for whoever adopted it
                break
            time.sleep(0.01)
        else:
            os.kill(child, signal.SIGKILL)
            pytest.fail("the child went on")

    def test_an_error_is_one_line(self, fake):
        fake("echo one; echo '? out of memory'; exit 14")
        assert solve(CIRCLE_AND_LINE).reason == "Singular failed: ? out of memory"

    def test_no_answer(self, fake):
        fake("echo nonsense")
        assert solve(CIRCLE_AND_LINE).reason == "Singular failed: nonsense"

    def test_cannot_be_started(self, fake, tmp_path, monkeypatch):
        fake("")
        (tmp_path / "Singular").write_text("#!/nowhere\n")
        monkeypatch.setenv("PATH", str(tmp_path))
        assert "cannot be started" in solve(CIRCLE_AND_LINE).reason

    def test_primes_that_disagree(self, monkeypatch):
        answers = iter([(5,), (6,), (7,)])
        monkeypatch.setattr(
            "theory.algebra.groebner.solve", lambda *_, **__: programs.Answer("Singular", next(answers))
        )
        assert "the primes disagree" in count(Architecture((2, 2), (2,)), program="Singular").reason

    def test_an_unlucky_prime_is_outvoted(self, monkeypatch):
        answers = iter([(5,), (6,), (6,)])
        monkeypatch.setattr(
            "theory.algebra.groebner.solve", lambda *_, **__: programs.Answer("Singular", next(answers))
        )
        found = count(Architecture((2, 2), (2,)), program="Singular")
        assert (found.points, found.primes) == (6, (31991, 31981))

    @pytest.mark.parametrize(
        ("call", "message"),
        [
            (lambda: solve(CIRCLE_AND_LINE, program="magma"), "program is 'magma'"),
            (lambda: solve(CIRCLE_AND_LINE, limit=0), "limit is 0"),
            (lambda: count(Architecture((2, 2), (2,)), covariance="pink", program="sympy"), "covariance is 'pink'"),
            (lambda: count(Architecture((2, 2), (1,)), covariance="shared", program="sympy"), "covariance is 'shared'"),
            (lambda: fully_connected(3), "parameters is 3"),
        ],
    )
    def test_bad_input(self, call, message):
        with pytest.raises(BadInput, match=message):
            call()


def test_the_script_says_what_it_found(tmp_path):
    assert sys.executable
    assert solve(Problem(7, ("x",), ("x*x-1",)), program="sympy").dimensions == (2,)
