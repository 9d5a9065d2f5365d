"""The store: tidy rows, all that figures need beside them, whole files only, and nothing lost."""

import json

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from theory.checks import BadInput
from theory.claims.claim import Cell, Evidence, Finding
from theory.claims.verdict import conclude
from theory.runs import engine, store
from theory.runs.cells import Outcome, Task
from theory.runs.document import claim_document
from theory.runs.streams import identity

ORIGIN = {"commit": "abc", "backend": "numpy", "seed": 7, "images": "digits"}


@pytest.fixture
def written(fakes, tmp_path):
    """Run a claim, store it, and give its result and the file's path."""

    def run(claim=fakes.HOLDS, **other):
        (result,) = engine.run([claim], jobs=1, seed=7)
        return result, store.write(result, ORIGIN, store.prepare(tmp_path, "quick"), **other)

    return run


def names(folder):
    return sorted(path.name for path in folder.iterdir())


def only(out):
    (stored,) = store.read(out, "quick")
    return stored


class TestRows:
    def test_one_per_point_with_what_it_belongs_to(self, written, tmp_path):
        result, _ = written()
        frame = only(tmp_path).frame
        fixed = [
            "claim",
            "version",
            "control",
            "cell",
            "n",
            "law",
            "seed",
            "commit",
            "backend",
            "image_source",
            "dtype",
        ]
        assert list(frame) == [*fixed, "step", "value"]
        assert frame["cell"].tolist() == [0] * 3 + [1] * 3 + [2] * 3 + [3] * 3
        assert frame["n"].tolist() == [1] * 3 + [2] * 3 + [3] * 6
        assert frame["control"].tolist() == [""] * 9 + ["halved"] * 3
        values = np.concatenate([outcome.evidence.points["value"] for outcome in result.outcomes])
        assert frame["value"].tolist() == values.tolist()
        assert frame.iloc[0][
            ["claim", "version", "law", "seed", "commit", "backend", "image_source", "dtype"]
        ].tolist() == [
            "fake.holds",
            1,
            "uniform",
            7,
            "abc",
            "numpy",
            "digits",
            "float64",
        ]

    def test_cells_without_points_have_none(self, written, tmp_path, fakes):
        written(fakes.VIOLATED)
        stored = only(tmp_path)
        assert stored.frame.empty
        assert stored.claim["verdict"] == "VIOLATED"

    def test_a_claim_without_cells_is_stored_with_its_error(self, written, tmp_path, fakes):
        written(fakes.NO_GRID)
        assert "no grid today" in only(tmp_path).claim["errors"][0]

    def test_cells_may_differ_in_parameters_and_points(self, written, tmp_path, fakes):
        written(fakes.SPREAD)
        frame = only(tmp_path).frame
        assert frame["spread"].tolist() == [np.inf, 0.5, 1.0]
        assert frame["angle"].tolist() == [1.0, 0.5, 1.0]
        assert frame["n"].isna().tolist() == [True, False, True]
        assert frame["bound"].tolist()[1] == np.inf
        assert frame["bound"].isna().tolist() == [True, False, True]


def frame_of(*cells):
    """The rows of cells given as (parameters, points)."""
    outcomes = tuple(
        Outcome(Task("k", index, Cell(parameters), "quick", 7, "numpy"), Evidence([], points), "", 0.0)
        for index, (parameters, points) in enumerate(cells)
    )
    claim = type("Claim", (), {"key": "k", "version": 1})()
    return store.rows(engine.ClaimResult(claim, outcomes, None), ORIGIN).to_pandas()


class TestColumns:
    def test_of_several_kinds_become_words(self):
        frame = frame_of(({"a": 1, "b": "x"}, {"c": np.array([1])}), ({"a": "y", "b": True}, {"c": np.array(["z"])}))
        assert frame["a"].tolist() == ["1", "y"]
        assert frame["b"].tolist() == ["x", "True"]
        assert frame["c"].tolist() == ["1", "z"]

    def test_whole_and_real_numbers_become_real(self):
        frame = frame_of(({"a": 1}, {"c": np.array([2])}), ({"a": 0.5}, {"c": np.array([2.5])}))
        assert frame["a"].tolist() == [1.0, 0.5]
        assert frame["c"].tolist() == [2.0, 2.5]

    def test_a_point_that_repeats_a_parameter_comes_first(self):
        frame = frame_of(({"dim": 1}, {"dim": np.array([8, 9])}), ({"dim": 3}, {"x": np.array([0])}))
        assert frame["dim"].tolist() == [8, 9, 3]

    def test_the_dtype_is_that_of_the_cell(self):
        frame = frame_of(({"dtype": "float32"}, {"x": np.array([1])}), ({}, {"x": np.array([1])}))
        assert frame["dtype"].tolist() == ["float32", "float64"]

    def test_nan_is_a_number_and_no_gap(self, tmp_path):
        frame = frame_of(({}, {"x": np.array([np.nan, 1.0])}))
        assert np.isnan(frame["x"].to_numpy()[0])


class TestMetadata:
    def test_holds_provenance_and_document(self, written, tmp_path):
        result, path = written()
        content = json.loads(pq.read_metadata(path).metadata[b"theory"])
        seconds = content.pop("seconds")
        assert content == {"provenance": ORIGIN, "claim": claim_document(result)}
        assert seconds == {
            identity("fake.holds", outcome.task.cell): pytest.approx(outcome.seconds, abs=1e-3)
            for outcome in result.outcomes
        }
        assert (only(tmp_path).claim, only(tmp_path).provenance) == (content["claim"], ORIGIN)

    def test_is_there_once(self, written):
        _, path = written()
        footer = sum(map(len, pq.read_metadata(path).metadata.values()))
        assert footer < 1.5 * len(pq.read_metadata(path).metadata[b"theory"])


class TestPacking:
    def test_keeps_every_bit_of_a_number(self, tmp_path):
        bits = np.random.default_rng(0).integers(0, 2**64, size=5000, dtype=np.uint64)
        bits[:3] = np.array([0.0, -0.0, np.nan]).view(np.uint64)
        words = pa.array([None, "a"] * 2500)
        table = pa.table({"x.y": bits.view(np.float64), "z": bits.astype(np.uint32).view(np.float32), "word": words})
        with (tmp_path / "a").open("wb") as file, store.packing(file, table.schema, {}) as out:
            out.write_table(table)
        again = pq.read_table(tmp_path / "a")
        assert again.schema.equals(table.schema)
        assert again["x.y"].to_numpy().view(np.uint64).tolist() == bits.tolist()
        assert again["z"].to_numpy().tobytes() == table["z"].to_numpy().tobytes()
        assert again["word"].equals(table["word"])

    def test_of_nothing(self, tmp_path):
        table = pa.table({"x": pa.array([], pa.float64()), "y": pa.array([], pa.null())})
        with (tmp_path / "a").open("wb") as file, store.packing(file, table.schema, {}) as out:
            out.write_table(table)
        assert pq.read_table(tmp_path / "a").num_rows == 0


class TestWriting:
    def test_leaves_nothing_but_the_file(self, written):
        _, path = written()
        assert names(path.parent) == ["fake.holds.parquet"]

    def test_again_replaces_the_file(self, written, tmp_path):
        written()
        written()
        assert len(list(store.read(tmp_path, "quick"))) == 1

    def test_that_fails_half_way_leaves_the_old_file(self, written, monkeypatch):
        _, path = written()
        before = path.read_bytes()

        def fail(file, schema, content):
            file.write(b"half")
            raise OSError(28, "No space left on device")

        monkeypatch.setattr(store, "packing", fail)
        with pytest.raises(BadInput, match=r"out is .*quick \(No space left on device\)"):
            written()
        assert path.read_bytes() == before
        assert names(path.parent) == ["fake.holds.parquet"]

    def test_over_a_damaged_file_keeps_it(self, written, tmp_path):
        _, path = written()
        for number in range(3):
            path.write_bytes(path.read_bytes()[:100] + bytes([number]))
            said = []
            written(warn=said.append)
            assert str(path) in said[0]
        kept = ["fake.holds.parquet.damaged", "fake.holds.parquet.damaged2", "fake.holds.parquet.damaged3"]
        assert names(path.parent) == ["fake.holds.parquet", *kept]
        assert [path.with_name(name).read_bytes()[-1] for name in kept] == [0, 1, 2]
        assert only(tmp_path).key == "fake.holds"


class TestReading:
    def test_gives_claims_in_the_order_of_their_keys(self, written, tmp_path, fakes):
        written(fakes.VIOLATED)
        written(fakes.HOLDS)
        assert [stored.key for stored in store.read(tmp_path, "quick")] == ["fake.holds", "fake.violated"]

    @pytest.mark.parametrize("damage", [lambda content: content[:-30], lambda content: b"", lambda content: b"words"])
    def test_names_a_damaged_file_keeps_it_and_goes_on(self, written, tmp_path, fakes, damage):
        _, path = written()
        written(fakes.VIOLATED)
        path.write_bytes(damage(path.read_bytes()))
        with pytest.warns(store.DamagedFile, match=r"fake\.holds\.parquet cannot be read") as warned:
            assert [stored.key for stored in store.read(tmp_path, "quick")] == ["fake.violated"]
        assert "\n" not in str(warned[0].message)
        assert path.exists()

    def test_notices_damage_in_the_middle(self, written, tmp_path):
        _, path = written()
        content = bytearray(path.read_bytes())
        content[4:40] = bytes(36)
        path.write_bytes(content)
        said = []
        assert list(store.read(tmp_path, "quick", warn=said.append)) == []
        assert len(said) == 1

    def test_names_somebody_elses_file(self, tmp_path):
        folder = store.prepare(tmp_path, "quick")
        pd.DataFrame({"a": [1]}).to_parquet(folder / "other.parquet")
        said = []
        assert list(store.read(tmp_path, "quick", warn=said.append)) == []
        assert "was not written by this command" in said[0]

    def test_of_the_metadata_alone(self, written, tmp_path, fakes):
        result, path = written()
        (path.parent / "broken.parquet").write_bytes(b"half")
        (record,) = store.records(tmp_path, "quick")
        assert (record["claim"], record["provenance"]) == (claim_document(result), ORIGIN)

    def test_an_empty_or_missing_store_is_empty(self, tmp_path):
        assert list(store.read(tmp_path / "nothing", "quick")) == []

    def test_folders_named_like_columns_add_none(self, fakes, tmp_path):
        (result,) = engine.run([fakes.HOLDS], jobs=1)
        store.write(result, ORIGIN, store.prepare(tmp_path / "run=3", "quick"))
        assert "run" not in only(tmp_path / "run=3").frame


class TestPrepare:
    def test_makes_the_folder(self, tmp_path):
        assert store.prepare(tmp_path / "a" / "b", "paper") == tmp_path / "a" / "b" / "paper"
        assert names(tmp_path / "a" / "b" / "paper") == []

    def test_refuses_a_folder_under_a_file(self, tmp_path):
        (tmp_path / "file").write_text("")
        with pytest.raises(BadInput, match=r"out is .*file/out \(Not a directory\); it must be a folder that can be"):
            store.prepare(tmp_path / "file" / "out", "quick")


def test_stored_findings_conclude_as_the_fresh_ones_did(written, tmp_path, fakes):
    """The document is enough to judge again: nothing that the verdict rests on is lost."""
    result, _ = written()
    instances = only(tmp_path).claim["instances"]
    entries = ("predicted", "measured", "low", "high", "margins", "control", "form")
    findings = [Finding(**{name: instance[name] for name in entries}) for instance in instances]
    assert conclude(fakes.HOLDS, findings) == result.verdict
