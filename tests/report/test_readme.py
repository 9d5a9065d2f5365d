"""The tables of a README, and what stands beside a verdict in words."""

import full_store
import pytest

from theory.checks import BadInput
from theory.report import cards, readme, remarks
from theory.report.cards import Place

MARKED = f"before\n{readme.BEGIN}\nstale\n{readme.END}\nafter\n"


@pytest.fixture
def filled(fakes, tmp_path):
    return full_store.fill(tmp_path, [fakes.HOLDS, fakes.VIOLATED])


def remark(out, text):
    (out / remarks.NAME).write_text(text, encoding="utf-8")
    return out


class TestTables:
    def test_stand_between_the_marks_and_nothing_else_changes(self, filled, tmp_path):
        path = tmp_path / "README.md"
        path.write_text(MARKED)
        assert readme.fill(path, filled) == path
        text = path.read_text(encoding="utf-8")
        assert text.startswith(f"before\n{readme.BEGIN}\n")
        assert text.endswith(f"{readme.END}\nafter\n")
        assert "stale" not in text
        assert readme.filled(text, filled) == text

    def test_have_a_line_for_each_claim_and_store(self, filled, fakes):
        full_store.fill(filled / "mnist", [fakes.HOLDS])
        lines = readme.tables(filled).splitlines()
        assert lines[:5] == [
            "2 claims: 2 HOLDS; every control is refuted.",
            "",
            "**fake**",
            "",
            "| claim | relation | verdict | slack | control | what it says |",
        ]
        assert [line.split(" | ")[0] for line in lines[6:]] == [
            "| `fake.holds`",
            "| `fake.holds` (mnist)",
            "| `fake.violated`",
        ]
        assert lines[6].split(" | ")[1:5] == ["UPPER", "HOLDS", "0.5", "refuted"]
        assert lines[6].endswith(f" | {fakes.HOLDS.title} |")

    def test_say_what_fails(self, fakes, tmp_path):
        full_store.fill(tmp_path, [fakes.HOLDS], measured=10.0)
        full_store.fill(tmp_path, [fakes.UNREFUTED])
        text = readme.tables(tmp_path)
        assert "| `fake.holds` | UPPER | VIOLATED | 5 | refuted |" in text
        assert "1 VIOLATED" in text.splitlines()[0]

    def test_of_a_paper_have_its_title_with_a_link(self, tmp_path):
        from theory.claims import registry

        full_store.fill(tmp_path, [registry()["du2018.rate"]])
        assert "([arXiv:1709.06129](https://arxiv.org/abs/1709.06129))**" in readme.tables(tmp_path)

    def test_take_nothing_for_markdown(self):
        assert readme._plain("|w*| < v*") == r"\|w\*\| \< v\*"

    @pytest.mark.parametrize("text", ["", readme.BEGIN, f"{readme.END}{readme.BEGIN}", MARKED + MARKED])
    def test_need_a_place(self, filled, text):
        with pytest.raises(BadInput, match="readme has no place for its tables; it must have '<!-- claims"):
            readme.filled(text, filled)

    def test_need_a_file(self, filled):
        with pytest.raises(BadInput, match=r"readme is .*none.md \(.*\); it must be a text file that can be read"):
            readme.fill(filled / "none.md", filled)


class TestRemarks:
    def test_take_the_place_of_the_title(self, filled, fakes):
        remark(filled, '[HOLDS]\n"fake.holds" = "so it is"')
        lines = readme.tables(filled).splitlines()
        assert [line.split(" | ")[-1] for line in lines[6:]] == ["so it is |", f"{fakes.VIOLATED.title} |"]
        found = {card.stored.key: cards.details_of(card)["remark"] for card in cards.cards(Place(filled, "paper"))}
        assert found == {"fake.holds": "so it is", "fake.violated": ""}

    def test_about_another_verdict_are_left_out_and_that_is_said(self, filled):
        remark(filled, '[VIOLATED]\n"fake.holds" = "it does not"\n"fake.gone" = "it is not here"')
        said = []
        assert remarks.remarks(filled, "paper", warn=said.append) == {}
        assert said == [f"{filled / remarks.NAME} speaks of fake.holds as VIOLATED, and it is HOLDS; left out"]

    def test_are_no_must(self, filled):
        assert remarks.remarks(filled, "paper") == {}

    @pytest.mark.parametrize(
        ("text", "said"),
        [("[HOLD]", "has a table 'HOLD'; it must be one of HOLDS, VIOLATED"), ("=", "cannot be read .* must be TOML")],
    )
    def test_in_a_bad_file_are_refused(self, filled, text, said):
        with pytest.raises(BadInput, match=said):
            remarks.remarks(remark(filled, text), "paper")
