"""Formulas found in plain text: what is one, what is not, and what becomes of it."""

import re
import xml.etree.ElementTree as ET

import pytest

from theory.claims import registry
from theory.report.formulas import LONGEST_PIECE, mathml


def brief(text):
    """The markup with formulas in brackets and only scripts, roots and fractions told."""
    out = mathml(text)
    for old, new in [("<math>", "⟦"), ("</math>", "⟧")]:
        out = out.replace(old, new)
    return re.sub(r"</?(span|mrow|mi|mn|mo|mtext|mspace)\b[^>]*>", "", out)


class TestFinds:
    @pytest.mark.parametrize(
        ("text", "found"),
        [
            ("Let ‖w₀‖ < 1, then", "Let ⟦‖<msub>w0</msub>‖&lt;1⟧, then"),
            ("a start of a class A", "a start of a class A"),
            ("(1 − a) b, 0 ≤ a ≤ 1", "⟦(1−a)b⟧, ⟦0≤a≤1⟧"),
            ("form 'K = D': it is", "form ‘⟦K=D⟧’: it is"),
            ("γ' > 0, the teacher's γ'", "⟦<msup>γ′</msup>&gt;0⟧, the teacher's ⟦<msup>γ′</msup>⟧"),
            ("(i) on the event, (ii) with it", "(i) on the event, (ii) with it"),
            ("in 2018 (Theorem 3.1), 500 to 1,797 of 12", "in 2018 (Theorem 3.1), 500 to 1,797 of 12"),
            ("at most 1 % of it", "at most 1 % of it"),
            ("images of 12×12", "images of ⟦12×12⟧"),
            ("within 1e-6 of w*", "within ⟦<msup>10−6</msup>⟧ of ⟦<msup>w∗</msup>⟧"),
            ("0.8e8", "⟦0.8·<msup>108</msup>⟧"),
            ("Gröbner bases, as Poincaré's", "Gröbner bases, as Poincaré's"),
            ("see shahverdi2024.rank_loss, Figure 3b", "see shahverdi2024.rank_loss, Figure 3b"),
            ("the max of it, C ≥ rank W", "the max of it, ⟦C≥rankW⟧"),
            ("and/or → it", "and/or → it"),
            ("P(a start is near) ≥ ½", "⟦P⟧(a start is near) ⟦≥<mfrac>12</mfrac>⟧"),
            ("margin: 1 − q", "margin: ⟦1−q⟧"),
            ("s-decomposition of L-BFGS", "s-decomposition of L-BFGS"),
            ("E[d² | w]", "⟦E[<msup>d2</msup>|w]⟧"),
            ("a < b & c", "⟦a&lt;b⟧ &amp; ⟦c⟧"),
        ],
    )
    def test_formulas_and_nothing_else(self, text, found):
        assert brief(text) == found


class TestSets:
    @pytest.mark.parametrize(
        ("text", "markup"),
        [
            ("w_t", "<msub><mi>w</mi><mi>t</mi></msub>"),
            ("w_{t+1}", '<msub><mi>w</mi><mrow><mi>t</mi><mo form="infix">+</mo><mn>1</mn></mrow></msub>'),
            ("λ_min", "<msub><mi>λ</mi><mi>min</mi></msub>"),
            ("W_dr", "<msub><mi>W</mi><mrow><mi>d</mi><mi>r</mi></mrow></msub>"),
            ("γ'²", "<msup><mi>γ</mi><mrow><mo>′</mo><mn>2</mn></mrow></msup>"),
            ("d_t²", "<msubsup><mi>d</mi><mi>t</mi><mn>2</mn></msubsup>"),
            ("wᵀz", '<msup><mi>w</mi><mi mathvariant="normal">T</mi></msup><mi>z</mi>'),
            ("β̂", '<mover accent="true"><mi>β</mi><mo stretchy="false">^</mo></mover>'),
            ("v̇", '<mover accent="true"><mi>v</mi><mo stretchy="false">˙</mo></mover>'),
            ("√(2πp)", "<msqrt><mn>2</mn><mi>π</mi><mi>p</mi></msqrt>"),
            ("√D w", "<msqrt><mi>D</mi></msqrt><mi>w</mi>"),
            ("Σ_i x", "<msub><mo>∑</mo><mi>i</mi></msub><mi>x</mi>"),
            ("xΣ", "<mi>x</mi><mi>Σ</mi>"),
            ("a/b", '<mi>a</mi><mo lspace="0" rspace="0">/</mo><mi>b</mi>'),
            ("x ≤ −y", '<mi>x</mi><mo>≤</mo><mo form="prefix">−</mo><mi>y</mi>'),
            ("f_d* G", "<msubsup><mi>f</mi><mi>d</mi><mo>∗</mo></msubsup><mi>G</mi>"),
        ],
    )
    def test_as_mathml(self, text, markup):
        assert mathml(text) == f"<math>{markup}</math>"

    def test_scripts_belong_to_the_whole_bracket(self):
        bars = '<mo form="prefix" stretchy="false">‖</mo><mi>w</mi><mo form="postfix" stretchy="false">‖</mo>'
        assert mathml("‖w‖²") == f"<math><msup><mrow>{bars}</mrow><mn>2</mn></msup></math>"

    def test_bars_nest_within_brackets(self):
        assert brief("‖x (1 − ‖y‖)‖/‖z‖") == "⟦‖x(1−‖y‖)‖/‖z‖⟧"

    def test_functions_stand_apart_from_what_they_take(self):
        assert mathml("2 ln n").count("<mspace") == 2
        assert "<mspace" not in mathml("ln(n) + 1")

    def test_long_formulas_are_cut_where_a_line_may_break(self):
        text = "‖w_{t+1} − w*‖² ≤ (1 − η_t γ(φ_t)/2) ‖w_t − w*‖²"
        pieces = brief(text).split("⟧ ⟦")
        assert len(pieces) > 1
        assert pieces[1].startswith("≤")
        assert len(text) > LONGEST_PIECE
        assert "".join(pieces).count("<msup>") == brief(text).count("<msup>")

    def test_a_mark_stays_with_its_formula(self):
        assert mathml("for w, all") == 'for <span class="whole"><math><mi>w</mi></math>,</span> all'


def texts():
    for claim in registry().values():
        yield from ((claim.key, text) for text in (claim.title, claim.statement, claim.proof, *claim.hypotheses))
        yield from ((claim.key, text) for text in (*claim.controls, *claim.controls.values()))


CHILDREN = {"msub": 2, "msup": 2, "msubsup": 3, "mover": 2, "mfrac": 2}


@pytest.fixture(scope="module")
def set_texts():
    return [(key, text, mathml(text)) for key, text in texts()]


def test_every_text_of_every_claim_is_well_formed(set_texts):
    for key, text, markup in set_texts:
        tree = ET.fromstring(f"<p>{markup}</p>")
        for element in tree.iter():
            wanted = CHILDREN.get(element.tag)
            assert wanted in (None, len(element)), (key, text, ET.tostring(element))


def test_no_character_of_a_claim_is_lost(set_texts):
    """Signs may change their looks, and scripts their place; letters and digits must all be there."""
    for key, text, markup in set_texts:
        shown = "".join(ET.fromstring(f"<p>{markup}</p>").itertext())
        words = re.findall(r"[A-Za-z]{4,}", text)
        assert all(word in shown for word in words), (key, text)
        assert sum(map(str.isalpha, text)) <= sum(map(str.isalpha, shown)) + text.count("e") + len(
            re.findall("[\u0302\u0307ᵢᵀΣΠ]", text)
        ), (key, text)


def test_what_is_no_formula_has_no_greek_letter_left(set_texts):
    """A letter that stays outside of <math> would be set in another font than its neighbours."""
    for key, text, markup in set_texts:
        outside = re.sub(r"<math>.*?</math>", "", markup)
        assert not re.search(r"[α-ωϕℓ∂∇∠√⟨⟩]|[₀-₉ᵀ]", outside), (key, text, outside)
