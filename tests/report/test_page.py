"""The page, its cards and its downloads, read as text; in a browser it is opened by test_browser.py."""

import csv
import gzip
import html.parser
import math
import re
from pathlib import Path

import full_store
import pandas as pd
import pytest

from theory.checks import BadInput
from theory.claims import registry
from theory.report import cards, downloads, page
from theory.report.cards import Place
from theory.runs import engine, store
from theory.runs.document import claim_document


@pytest.fixture
def filled(fakes, tmp_path):
    return full_store.fill(tmp_path, [fakes.HOLDS, fakes.VIOLATED])


def text_of(out):
    return (out / "index.html").read_text(encoding="utf-8")


class Ids(html.parser.HTMLParser):
    """The ids of a page, and where its links, images and files lie."""

    def __init__(self, text):
        super().__init__()
        self.ids, self.links = [], []
        self.feed(text)

    def handle_starttag(self, tag, attrs):
        attributes = dict(attrs)
        self.ids += [attributes["id"]] if "id" in attributes else []
        self.links += [attributes[name] for name in ("href", "src") if name in attributes]


class TestPlaces:
    def test_the_paper_profile_comes_first(self, filled, fakes):
        full_store.fill(filled, [fakes.HOLDS], profile="quick")
        assert cards.places(filled, None) == [Place(filled, "paper")]
        assert cards.places(filled, "quick") == [Place(filled, "quick")]

    def test_quick_where_there_is_no_other(self, fakes, tmp_path):
        full_store.fill(tmp_path, [fakes.HOLDS], profile="quick")
        assert cards.places(tmp_path, None) == [Place(tmp_path, "quick")]

    def test_stores_in_folders_are_found(self, filled, fakes):
        full_store.fill(filled / "mnist", [fakes.HOLDS])
        (filled / "asv" / "paper").mkdir(parents=True)
        assert cards.places(filled, None) == [Place(filled, "paper"), Place(filled / "mnist", "paper", "mnist")]

    def test_an_empty_store_is_refused(self, tmp_path):
        with pytest.raises(BadInput, match=r"out is .*; it must be a store with claims in it \(run `theory verify`"):
            page.write(tmp_path)

    def test_an_unknown_profile_is_refused(self, filled):
        with pytest.raises(BadInput, match="profile is 'slow'; it must be quick or paper"):
            page.write(filled, "slow")


class TestPage:
    def test_has_a_card_for_each_claim_and_store(self, filled, fakes):
        full_store.fill(filled / "mnist", [fakes.HOLDS], origin={"images": "t10k.gz (f966a3e8)"})
        page.write(filled)
        found = Ids(text_of(filled))
        assert {"fake.holds", "fake.violated", "mnist-fake.holds"} <= set(found.ids)
        assert len(found.ids) == len(set(found.ids))

    def test_a_claim_that_was_measured_once_more_is_counted_once(self, filled, fakes):
        page.write(filled)
        counts = re.compile(r"<strong class=.*?</strong>|\d+ claims in the profile “paper”")
        before = counts.findall(text_of(filled))
        full_store.fill(filled / "mnist", [fakes.HOLDS], measured=2.0)  # violated there
        page.write(filled)
        assert counts.findall(text_of(filled)) == before
        assert "in the profile “paper”, and 1 measured once more" in text_of(filled)

    def test_says_what_the_claim_and_the_store_say(self, filled, fakes):
        page.write(filled)
        text = text_of(filled)
        for word in (
            "A second paragraph",
            "the numbers are uniform",
            "the bound is",
            "Each of them is",
            "Nobody, 1900",
        ):
            assert word in text
        for word in ("0123456789abcdef", "a CPU", "2026-01-02T03:04:05", "python 3.11", "<span>fake.holds</span>"):
            assert word in text
        assert text.count('data-verdict="HOLDS"') == 4  # two cards and their lines in the table

    def test_is_the_same_again_byte_for_byte(self, filled):
        page.write(filled)
        first = {path: path.read_bytes() for path in filled.rglob("*") if path.is_file()}
        page.write(filled)
        assert {path: path.read_bytes() for path in filled.rglob("*") if path.is_file()} == first

    def test_every_link_leads_somewhere_on_disk(self, filled):
        page.write(filled)
        found = Ids(text_of(filled))
        for link in found.links:
            assert link[1:] in found.ids if link.startswith("#") else link == "data:," or (filled / link).exists(), link

    def test_asks_no_network_for_anything(self, filled):
        page.write(filled)
        assert not re.search(r"(?:src|href|action)=\"(?:https?:)?//|@import|url\(", text_of(filled))

    def test_markup_in_a_store_is_text_on_the_page(self, filled, fakes):
        documents = full_store.result(fakes.HOLDS)
        evil = {**full_store.ORIGIN, "device": "<script>alert(1)</script>"}
        store.write(documents, evil, filled / "paper")
        page.write(filled)
        assert "<script>alert" not in text_of(filled)
        assert "&lt;script&gt;alert" in text_of(filled)

    def test_a_claim_that_is_not_installed_still_has_its_results(self, filled):
        registry.cache_clear()
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(cards, "registry", dict)
            page.write(filled)
        assert "This claim is not installed here" in text_of(filled)
        assert "A second paragraph" not in text_of(filled)

    def test_an_older_version_is_said(self, filled, fakes):
        found = cards.Card(next(store.read(filled, "paper")), Place(filled, "paper"), fakes.HOLDS)
        assert cards.details_of(found)["outdated"] is None
        found.stored.claim["version"] = 0
        assert cards.details_of(found)["outdated"] == 1

    def test_an_unrefuted_control_is_said(self, filled, fakes):
        (unrefuted,) = engine.run([fakes.UNREFUTED], profile="paper", jobs=1)
        store.write(unrefuted, full_store.ORIGIN, filled / "paper")
        page.write(filled)
        assert "of 1 a control is not refuted" in text_of(filled)
        assert "NOT REFUTED" in text_of(filled)

    def test_a_damaged_file_is_named_and_the_rest_is_shown(self, filled):
        (filled / "paper" / "fake.holds.parquet").write_bytes(b"half")
        said = []
        page.write(filled, warn=said.append)
        assert "fake.holds.parquet cannot be read" in said[0]
        assert "fake.violated" in text_of(filled)

    def test_a_figure_that_cannot_be_drawn_is_no_reason_to_stop(self, filled):
        full_store.fill(filled, [registry()["du2018.rate"]])
        said = []
        page.write(filled, warn=said.append)
        assert "du2018.rate is stored with no column" in said[0]
        assert "<img" not in text_of(filled)

    def test_a_folder_that_cannot_be_written_is_said(self, filled):
        (filled / "index.html").mkdir()
        with pytest.raises(BadInput, match=r"it must be a folder that can be written"):
            page.write(filled)


def test_a_page_of_every_claim_is_small(tmp_path):
    full_store.fill(tmp_path)
    page.write(tmp_path, warn=lambda message: None)
    assert (tmp_path / "index.html").stat().st_size < 5e6
    assert all(f'id="{key}"' in text_of(tmp_path) for key in registry())


class TestCards:
    def details(self, fakes, name, **other):
        (result,) = engine.run([getattr(fakes, name)], profile="quick", jobs=1)
        document = claim_document(result)
        stored = store.Stored(document["key"], pd.DataFrame(), document, {**full_store.ORIGIN, **other})
        return cards.details_of(cards.Card(stored, Place(Path("results"), "quick"), result.claim))

    def test_the_instance_nearest_to_failure(self, fakes):
        (form,) = self.details(fakes, "VIOLATED")["forms"]
        assert (form["slack"], form["measured"], form["where"]) == ("5", "5", "n=3 law=uniform")
        assert form["counts"] == [("✗", "VIOLATED", 3)]

    def test_margins(self, fakes):
        assert self.details(fakes, "HOLDS")["margins"][0] | {"name": ""} == {
            "name": "",
            "least": "1",
            "met": 3,
            "of": 3,
        }
        (unmet,) = self.details(fakes, "UNMET")["margins"]
        assert (unmet["least"], unmet["met"], unmet["of"]) == ("–", 0, 3)

    def test_a_measurement_that_is_none_is_a_dash(self, fakes):
        (form,) = self.details(fakes, "UNDECIDED")["forms"]
        assert ("?", "INCONCLUSIVE", 1) in form["counts"]

    @pytest.mark.parametrize(
        ("origin", "words"),
        [
            ({}, "theory verify fake.holds --profile quick --seed 7"),
            ({"backend": "cupy"}, "theory verify fake.holds --profile quick --seed 7 --backend cupy"),
            ({"images": "t10k.gz (f966a3e8)"}, "theory verify fake.holds --profile quick --seed 7 --images t10k.gz"),
        ],
    )
    def test_the_command(self, fakes, origin, words):
        assert self.details(fakes, "HOLDS", **origin)["command"] == words

    def test_each_form_of_a_statement_has_a_paragraph(self):
        text = "Let it be so. Form 'a': yes. Measured: it. Forms 'b' and 'c': no.\n\nOf form 'd' nothing."
        assert cards._paragraphs(text) == [
            "Let it be so.",
            "Form 'a': yes. Measured: it.",
            "Forms 'b' and 'c': no.",
            "Of form 'd' nothing.",
        ]

    def test_the_title_of_a_paper(self, fakes):
        assert cards.paper_title([registry()["du2018.rate"]], "du2018").startswith("Du, Lee & Tian")
        assert cards.paper_title([fakes.HOLDS, None], "fake") == "fake"


class TestDownloads:
    def stored(self, fakes, tmp_path, rows=3):
        full_store.fill(tmp_path, [fakes.HOLDS], rows=rows)
        return next(store.read(tmp_path, "paper"))

    def test_rows_without_what_the_provenance_says(self, fakes, tmp_path):
        path = downloads.rows(self.stored(fakes, tmp_path), tmp_path)
        frame = pd.read_csv(path)
        assert path.name == "fake.holds.csv"
        assert list(frame.columns) == ["control", "cell", "dim", "law", "value"]
        assert frame["value"].tolist() == pytest.approx([0, 1 / 3, 2 / 3] * 4, rel=10.0**-downloads.DIGITS)

    def test_many_rows_are_compressed_and_the_same_file_again(self, fakes, tmp_path):
        stored = self.stored(fakes, tmp_path, rows=20_000)
        (tmp_path / "fake.holds.csv").write_text("of an earlier run")
        path = downloads.rows(stored, tmp_path)
        first = path.read_bytes()
        assert path.name == "fake.holds.csv.gz"
        assert not (tmp_path / "fake.holds.csv").exists()
        assert gzip.decompress(first).count(b"\n") == 80_001
        assert downloads.rows(stored, tmp_path).read_bytes() == first

    def test_findings_are_exact_and_one_line_each(self, fakes, tmp_path):
        stored = self.stored(fakes, tmp_path)
        path = downloads.findings(stored, tmp_path)
        with path.open(encoding="utf-8", newline="") as file:
            lines = list(csv.DictReader(file))
        assert [float(line["measured"]) for line in lines] == [i["measured"] for i in stored.claim["instances"]]
        assert [line["control"] for line in lines] == ["", "", "", "halved"]
        assert float(lines[0]["margin: n ≥ 1"]) == 0.25

    def test_a_parameter_named_like_a_part_of_the_finding_keeps_its_name(self):
        flat = downloads._flat({"parameters": {"relation": "x"}, "relation": "UPPER", "margins": {}})
        assert flat == {"relation": "x", "relation (finding)": "UPPER"}

    def test_all_verdicts(self, filled):
        page.write(filled)
        with (filled / "verdicts.csv").open(encoding="utf-8", newline="") as file:
            lines = list(csv.DictReader(file))
        assert [(line["claim"], line["verdict"]) for line in lines] == [
            ("fake.holds", "HOLDS"),
            ("fake.violated", "HOLDS"),
        ]

    def test_sizes(self, tmp_path):
        (tmp_path / "a").write_bytes(b"x")
        (tmp_path / "b").write_bytes(b"x" * 2_340_000)
        assert [downloads.size(tmp_path / name) for name in "ab"] == ["1 kB", "2.3 MB"]


def test_nan_is_known_to_be_nothing():
    assert math.isnan(cards._known(None))
