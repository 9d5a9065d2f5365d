"""How long a run will take, from runs whose seconds are known."""

import json

import numpy as np
import pytest

from theory.claims.claim import Cell
from theory.runs import engine, estimate, store
from theory.runs.cells import Outcome, Task
from theory.runs.estimate import Estimate, Pace
from theory.runs.streams import identity

ORIGIN = {"device": "A", "images": "digits"}


def tasks(key="a", n=4):
    return [Task(key, index, Cell({"n": index}), "paper", 0, "numpy") for index in range(n)]


def done(task, seconds):
    return Outcome(task, None, "", seconds)


def record(key="a", seconds=(1.0, 2.0, 3.0, 4.0), each=True, origin=ORIGIN):
    """Metadata of a run whose cell n took ``seconds[n]``; ``each``: cell by cell."""
    cells = {identity(key, Cell({"n": n})): taken for n, taken in enumerate(seconds)}
    instances = [{"parameters": {"n": n}, "control": "", "form": form} for n in range(len(seconds)) for form in "xy"]
    claim = {"key": key, "seconds": sum(seconds), "instances": instances}
    return {key: {"claim": claim, "provenance": origin} | ({"seconds": cells} if each else {})}


class TestLeft:
    def test_is_what_the_same_cells_took_over_the_processes(self):
        assert Estimate(record(), tasks(), 1).left == pytest.approx(10)
        assert Estimate(record(), tasks(), 2).left == pytest.approx(5)
        assert Estimate(record(), tasks()[:1], 8).left == pytest.approx(1)

    def test_falls_back_on_the_average_of_the_claim(self):
        """The instances of older results are two a cell here: it is the cells that count."""
        assert Estimate(record(each=False), tasks()[1:], 1).left == pytest.approx(7.5)
        unknown = Task("a", 9, Cell({"n": 9}), "paper", 0, "numpy")
        assert Estimate(record(), [unknown], 1).left == pytest.approx(2.5)

    def test_follows_the_pace_of_this_run(self):
        found, grid = Estimate(record(), tasks(), 1), tasks()
        found.add(done(grid[0], 3.0))
        assert found.left == pytest.approx((3 + 1) / (1 + 1) * 9)  # 1 is a tenth of the 10 seconds that it took before
        found.add(done(grid[3], 2.0))
        assert found.left == pytest.approx((3 + 2 + 1) / (1 + 4 + 1) * 5)

    def test_is_little_moved_by_one_small_cell(self):
        grid, found = tasks(), Estimate(record(seconds=(0.1, 33.3, 33.3, 33.3)), tasks(), 1)
        found.add(done(grid[0], 1.0))
        assert found.left == pytest.approx(100, rel=0.1)

    def test_is_nothing_when_all_is_done(self):
        found = Estimate(record(), tasks(), 2)
        for task in tasks():
            found.add(done(task, 1.0))
        assert found.left == 0

    def test_is_unknown_until_a_cell_is_measured(self):
        found = Estimate({}, tasks(), 1)
        assert found.left is None
        found.add(done(tasks()[0], 4.0))
        assert found.left == pytest.approx(3 * 4)

    def test_goes_by_the_cells_of_the_same_claim_before_others(self):
        found = Estimate({}, [*tasks("a", 2), *tasks("b", 2)], 1)
        found.add(done(tasks("a")[0], 4.0))
        assert found.left == pytest.approx(3 * 4)
        found.add(done(tasks("b")[0], 1.0))
        assert found.left == pytest.approx(4 + 1)

    def test_cells_that_took_no_time_say_nothing_of_the_pace(self):
        found = Estimate(record(seconds=(0.0, 0.0)), tasks(n=2), 1)
        found.add(done(tasks()[0], 1.0))
        assert found.left == 0


class TestSentence:
    def test_says_what_it_goes_by(self):
        assert Estimate(record(), tasks(), 1).sentence(ORIGIN) == "about 10 s on 1 process, going by the last run"
        assert Estimate(record(), tasks(), 2).sentence(ORIGIN) == "about 5 s on 2 processes, going by the last run"

    @pytest.mark.parametrize(
        ("origin", "words"),
        [
            ({"device": "B", "images": "digits"}, "on another machine"),
            ({"device": "A", "images": "a.idx (01234567)"}, "with other images"),
            ({"device": "B"}, "on another machine"),
            ({}, ""),
        ],
    )
    def test_says_where_that_run_was_different(self, origin, words):
        found = Estimate(record(origin=origin), tasks(), 1).sentence(ORIGIN)
        assert found == f"about 10 s on 1 process, going by the last run {words}".strip()

    def test_says_of_how_many_claims_nothing_is_known(self):
        found = Estimate(record(), [*tasks(), *tasks("b")], 1).sentence(ORIGIN)
        assert found.startswith("about 10 s on 1 process for 1 of 2 claims (nothing is known of the others), going by")

    def test_says_so_if_there_is_nothing(self):
        assert Estimate({}, tasks(), 2).sentence(ORIGIN) == "no earlier run of these claims to estimate the time by"


class TestEarlier:
    @pytest.fixture
    def stored(self, fakes, tmp_path):
        def run(folder, seconds):
            (result,) = engine.run([fakes.HOLDS], jobs=1)
            origin = {"commit": "abc", "backend": "numpy", "seed": 7, "images": "digits", "took": seconds}
            store.write(result, origin, store.prepare(tmp_path / folder, "quick"))

        return run

    def test_one_s_own_store_comes_before_the_published_one(self, stored, tmp_path, monkeypatch):
        monkeypatch.setattr(estimate, "PUBLISHED", tmp_path / "published")
        assert estimate.earlier(tmp_path / "own", "quick") == {}
        stored("published", 1)
        assert estimate.earlier(tmp_path / "own", "quick")["fake.holds"]["provenance"]["took"] == 1
        stored("own", 2)
        found = estimate.earlier(tmp_path / "own", "quick")["fake.holds"]
        assert found["provenance"]["took"] == 2
        assert len(found["seconds"]) == 4
        assert json.loads(json.dumps(found)) == found

    def test_the_published_results_are_known(self):
        found = estimate.earlier(estimate.PUBLISHED / "nothing", "paper")
        assert "du2018.rate" in found
        assert found["du2018.rate"]["claim"]["seconds"] > 0


class TestPace:
    """The time left of a sweep, whose cells come in a random order."""

    def pace(self, waiting):
        self.now = 0.0
        return Pace(waiting, clock=lambda: self.now)

    def done(self, pace, key, seconds, *, at):
        self.now = at
        pace.add(key, seconds)

    def test_of_equal_cells_is_what_they_take_by_the_clock(self):
        """One worker that takes 2 s a cell and 1 s more: 3 s for each that is left."""
        pace = self.pace({"a": 10})
        assert (pace.left, pace.words()) == (None, "")
        self.done(pace, "a", 2.0, at=100.0)
        assert pace.left is None
        for count in (1, 2, 3):
            self.done(pace, "a", 2.0, at=100.0 + 3 * count)
        assert pace.left == pytest.approx((18.0, 18.0, 18.0))
        assert pace.words() == "18 s left"

    def test_counts_each_claim_for_itself(self):
        """a takes 1 s, b takes 10 s: after four of a and one of b there are 6 + 90 s left, on one worker."""
        pace = self.pace({"a": 10, "b": 10})
        for at, (key, seconds) in enumerate([("a", 1.0)] * 4):
            self.done(pace, key, seconds, at=float(at))
        self.done(pace, "b", 10.0, at=13.0)
        assert pace.left[0] == pytest.approx(6 + 90)

    def test_a_claim_of_which_none_is_done_takes_as_long_as_the_average_cell(self):
        pace = self.pace({"a": 4, "b": 5})
        for at in range(4):
            self.done(pace, "a", 1.0 + at % 2, at=1.5 * at)
        assert pace.left[0] == pytest.approx(5 * 1.5 * 4.5 / 5)

    def test_is_a_range_while_little_is_known(self):
        pace = self.pace({"a": 1000})
        rng = np.random.default_rng(0)
        for count in range(500):
            self.done(pace, "a", float(rng.exponential(10.0)), at=10.0 * count)
            if count == 10:
                assert " to " in pace.words()
        assert " to " not in pace.words()

    def test_is_honest(self):
        """Of 300 sweeps with cells of very unequal length, the range holds the truth about as often as two σ do."""
        rng, inside = np.random.default_rng(1), 0
        for _ in range(300):
            pace = self.pace({"a": 400})
            seconds = rng.permutation(rng.gamma(0.5, 2.0, 400))
            at = np.concatenate([[0.0], np.cumsum(seconds)[:-1]]) + seconds
            for cell in range(100):
                self.done(pace, "a", float(seconds[cell]), at=float(at[cell]))
            _, low, high = pace.left
            inside += low <= at[-1] - at[99] <= high
        # 95 % of 300 is 285, with a standard deviation of 4; the skew of such cells costs a few more.
        assert inside > 285 - 5 * 4

    def test_costs_no_more_with_many_cells(self):
        pace = self.pace({"a": 10**6})
        for at in range(10_000):
            self.done(pace, "a", 1.0, at=float(at))
        assert len(pace._moments) == 1
