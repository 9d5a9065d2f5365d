"""The page of history, from results of ASV that are made up; and the script that makes real ones."""

import json
import subprocess

import matplotlib as mpl
import pytest

from benchmarks import history as script
from theory.report import history, style

NAMES = {"speed.time_run": "time", "speed.peakmem_run": "peakmemory", "exact.track_error": "track"}
UNITS = {"time": "seconds", "peakmemory": "bytes", "track": "relative error"}
COMMITS = ("aaaaaaaa1111", "bbbbbbbb2222", "cccccccc3333")


def result(values):
    return [values, [["'numpy'", "'cupy'"]], "1"]


def put(out, factors=(1.0, 2.0, 1.0)):
    """Three commits of a machine; the second is slower. The file names are not in the order of the dates."""
    machine = out / "asv" / "box"
    machine.mkdir(parents=True)
    (machine / "machine.json").write_text(json.dumps({"machine": "box", "cpu": "a CPU", "version": 1}))
    about = {name: {"name": name, "type": kind, "unit": UNITS[kind], "version": "1"} for name, kind in NAMES.items()}
    (out / "asv" / "benchmarks.json").write_text(json.dumps({**about, "version": 2}))
    for index, (commit, factor) in enumerate(zip(COMMITS, factors, strict=True)):
        results = {
            "speed.time_run": result([0.25 * factor, float("nan")]),
            "speed.peakmem_run": result([5e7 * factor, None]),
            "exact.track_error": result([1e-15, 0.0]),
            "gone.time_run": result([1.0, 1.0]),
        }
        content = {"commit_hash": commit, "date": 1_700_000_000_000 + 86_400_000 * index, "results": results}
        (machine / f"{9 - index}-env.json").write_text(json.dumps(content))
    return out


@pytest.fixture
def machine(tmp_path):
    (found,) = history.machines(put(tmp_path) / "asv")
    return found


class TestReading:
    def test_commits_are_in_the_order_of_their_dates(self, machine):
        assert machine.commits == {"aaaaaaaa": "2023-11-14", "bbbbbbbb": "2023-11-15", "cccccccc": "2023-11-16"}
        assert machine.about == "a CPU"

    def test_each_combination_is_a_series_unless_it_never_ran(self, machine):
        found = {(series.benchmark, series.parameters): list(series.values.values()) for series in machine.series}
        assert found == {
            ("exact.track_error", "cupy"): [0.0] * 3,
            ("exact.track_error", "numpy"): [1e-15] * 3,
            ("speed.peakmem_run", "numpy"): [5e7, 1e8, 5e7],
            ("speed.time_run", "numpy"): [0.25, 0.5, 0.25],
        }

    def test_figures_of_another_version_of_the_benchmark_are_left_out(self, tmp_path):
        put(tmp_path)
        path = tmp_path / "asv" / "box" / "8-env.json"
        content = json.loads(path.read_text())
        content["results"]["speed.time_run"][2] = "0"
        path.write_text(json.dumps(content))
        (found,) = history.machines(tmp_path / "asv")
        (times,) = [series.values for series in found.series if series.kind == "time"]
        assert times == {"aaaaaaaa": 0.25, "cccccccc": 0.25}
        (memory,) = [series.values for series in found.series if series.kind == "peakmemory"]
        assert len(memory) == 3

    def test_a_value_for_all_combinations(self):
        assert list(history._values([2.5, [], "1"])) == [("", 2.5)]
        assert list(history._values([None, [["1", "2"]], "1"])) == [("1", None), ("2", None)]

    def test_a_damaged_file_is_named_and_left_out(self, tmp_path):
        put(tmp_path)
        (tmp_path / "asv" / "box" / "9-env.json").write_text("{half")
        said = []
        (found,) = history.machines(tmp_path / "asv", warn=said.append)
        assert list(found.commits) == ["bbbbbbbb", "cccccccc"]
        assert "9-env.json cannot be read" in said[0]

    def test_no_results_are_no_history(self, tmp_path):
        assert history.machines(tmp_path / "asv") == []
        assert history.write(tmp_path) == []


class TestDrawing:
    @pytest.mark.parametrize(("kind", "line"), [("time", [1, 2, 1]), ("track", [1e-15] * 3)])
    def test_time_is_relative_and_accuracy_is_not(self, machine, kind, line):
        with style.style():
            (drawn,) = history.draw(machine, kind).axes[0].lines
        assert drawn.get_ydata() == pytest.approx(line)

    def test_leaves_matplotlib_as_it_was(self, tmp_path):
        before = dict(mpl.rcParams)
        history.write(put(tmp_path))
        assert dict(mpl.rcParams) == before


class TestPage:
    def test_has_figures_and_tables(self, tmp_path):
        (path,) = history.write(put(tmp_path))
        text = path.read_text()
        assert path == tmp_path / "history.html"
        for word in ("speed.time_run", "0.25", "+100 %", "-50 %", "megabytes", "bbbbbbbb", "1e-15", "a CPU"):
            assert (word in text) is (word != "+100 %")  # the last change alone
        for kind in UNITS:
            assert (tmp_path / "history" / f"box.{kind}.svg").exists()
            assert f"history/box.{kind}.svg" in text

    def test_links_asvs_own_pages_where_there_are_any(self, tmp_path):
        (path,) = history.write(put(tmp_path))
        assert history.PAGES not in path.read_text()
        (tmp_path / history.PAGES).parent.mkdir(parents=True)
        (tmp_path / history.PAGES).touch()
        history.write(tmp_path)
        assert f'href="{history.PAGES}"' in path.read_text()

    def test_shows_the_last_commits_only(self, tmp_path, monkeypatch):
        monkeypatch.setattr(history, "SHOWN", 2)
        (path,) = history.write(put(tmp_path))
        assert "3 commits, of which the tables show the last 2" in path.read_text()
        assert "aaaaaaaa" not in path.read_text()

    def test_a_single_commit_has_no_figure(self, tmp_path):
        put(tmp_path)
        for name in ("8-env.json", "9-env.json"):
            (tmp_path / "asv" / "box" / name).unlink()
        (path,) = history.write(tmp_path)
        assert "<img" not in path.read_text()
        assert "1 commit." in path.read_text()

    def test_a_first_commit_has_no_change(self):
        assert history._change([None, 2.0]) == history._change([0.0, 2.0]) == "–"
        assert history._change([2.0, None, 3.0]) == "+50 %"


class TestScript:
    def test_takes_the_last_commits_the_oldest_first(self):
        two, one = script.last(2), script.last(1)
        head = subprocess.run(["git", "rev-parse", "HEAD"], cwd=script.ROOT, capture_output=True, text=True)
        assert one == [head.stdout.strip()]
        assert two[1:] == one

    def test_every_third_commit_goes_three_times_as_far_back(self):
        assert script.last(3, every=3) == script.last(7)[::3]

    def test_some_benchmarks_under_the_name_of_a_machine(self):
        machine, run, *_ = (" ".join(command[2:]) for command in script.commands(["abc"], bench="^a", machine="box"))
        assert machine == "asv machine --yes --machine box"
        assert run == "asv run --skip-existing-successful --machine box --bench ^a abc^!"

    def test_runs_each_commit_then_publishes_and_reports(self):
        runs = script.commands(["abc", "def"], quick=True, out="there")
        words = [" ".join(command[2:]) for command in runs]
        assert words == [
            "asv machine --yes",
            "asv run --skip-existing-successful --quick abc^!",
            "asv run --skip-existing-successful --quick def^!",
            "asv publish",
            "theory report --out there",
        ]

    def test_one_failure_does_not_stop_the_rest_and_is_told(self, monkeypatch):
        ran = []

        def run(command, **other):
            ran.append(command)
            return subprocess.CompletedProcess(command, 2 if len(ran) == 2 else 0)

        monkeypatch.setattr(script, "last", lambda commits, every: ["abc"] * commits)
        monkeypatch.setattr(script.subprocess, "run", run)
        assert script.main(["2"]) == 1
        assert len(ran) == 5

    @pytest.mark.parametrize(("arguments", "name"), [(["0"], "commits"), (["2", "--every", "0"], "every")])
    def test_no_commits_are_refused(self, capsys, arguments, name):
        with pytest.raises(SystemExit):
            script.main(arguments)
        assert f"{name} is 0; it must be at least 1" in capsys.readouterr().err

    def test_asv_publishes_where_the_page_looks(self):
        text = (script.ROOT / "asv.conf.json").read_text()
        assert f'"html_dir": "results/{history.PAGES.removesuffix("/index.html")}"' in text
