"""Formulas in plain text, found and set as MathML, so that a claim reads well in a terminal and on a page.

A statement is Unicode text in which words and formulas mix. A *formula* is the longest run of signs, numbers, single
letters with their indices, names such as ``cos`` and ``rank``, and brackets around nothing but these; it must have a
letter, or a sign beside a number. All else is text, and stays as it is. MathML needs no script and no font of its own.
"""

from __future__ import annotations

import functools
import html
import re
import unicodedata
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

LONGEST_PIECE = 24
"""Characters after which a formula is cut before its next sign: browsers break no line within one."""

FUNCTIONS = frozenset("sin cos tan log ln exp max min sup inf arg det dim deg diag rank tr conj mod gED".split())

_SHORT_WORDS = frozenset("an as at be by do go he if in is it me my no of off on or so to up us we vs ED ii iv".split())
_RELATIONS = "=≠<>≤≥≈∈⊂→←↦∝⪰≻⊥"
_SIGNS = _RELATIONS + "+−-±·×/⊙⊗∧:…!"
_LARGE = {"Σ": "∑", "Π": "∏", "∫": "∫"}
_FRACTIONS = {"½": (1, 2), "¼": (1, 4), "¾": (3, 4)}
_ACCENTS = {"\u0302": "^", "\u0307": "˙"}
_CLOSING = {"(": ")", "[": "]", "{": "}", "⟨": "⟩", "‖": "‖", "|": "|"}

_LETTER = "A-Za-z\u0300\u0301\u0308"  # with the accents of names, as in Gröbner
_SCRIPTS = re.compile(
    r"_\{(?P<sub>(?:[^{}]|\{[^{}]*\})*)\}|_(?P<bracket>\([^()]*\))|_(?P<index>[A-Za-z0-9]+|[α-ωΑ-Ω*⊥∞])"
    r"|\^\{(?P<sup>(?:[^{}]|\{[^{}]*\})*)\}|\^(?P<power>[A-Za-z0-9]+)|(?P<low>[₀-₉ᵢⱼ₊₋]+)|(?P<high>[⁰¹²³⁴-⁹⁺⁻ᵀⁿ]+)"
    r"|(?P<star>\*(?![A-Za-z0-9(]))|(?P<prime>['′]+)"
)
_TOKEN = re.compile(
    rf"""(?P<space>\s+)
    |(?P<key>e\.g\.|i\.e\.|[a-z]+\d{{4}}\.\w+|(?<=Figure\ )\d+[a-z])
    |(?P<word>[{_LETTER}]{{2,}}(?:[-'][{_LETTER}]+)*(?![_\u0302\u0307])|[A-Za-z]-[{_LETTER}]{{2,}})
    |(?P<number>\d+(?:,\d{{3}})+|\d+(?:\.\d+)?(?:e-?\d+)?)
    |(?P<name>[A-Za-z]{{3,}}(?=_)|[A-Za-zα-ωΑ-Ωℓ∂∇∞ℂℝϕ∠√½¼¾∫][\u0302\u0307]?)
    |(?P<sign>[{re.escape(_SIGNS)}])
    |(?P<open>[(\[{{⟨‖|])
    |(?P<quote>'(?=\S))
    |(?P<point>.)""",
    re.VERBOSE | re.DOTALL,
)
_GAP = '<mspace width="0.17em"></mspace>'
_CLOSING_QUOTE = re.compile(r"'(?=[\s.,;:)]|$)")


@dataclass(frozen=True)
class Node:
    """A piece of a text: what stands there, as HTML for text and as MathML for formulas, and of which kind it is.

    A bracket has ``parts``: its ends, and the pieces between them.
    """

    kind: str
    source: str
    markup: str
    parts: tuple[Node, ...] = ()


def mathml(text: str) -> str:
    """The text as HTML, its formulas as MathML.

    Examples
    --------
    >>> mathml("let w₀ be any start")
    'let <math><msub><mi>w</mi><mn>0</mn></msub></math> be any start'
    >>> mathml("no formula & no markup (1990)")
    'no formula &amp; no markup (1990)'
    """
    apart = "".join(unicodedata.normalize("NFD", sign) if sign.isalpha() else sign for sign in text)
    return unicodedata.normalize("NFC", _set(_nodes(apart)))


# ---------------------------------------------------------------------------------------------------------- reading


def _nodes(text: str) -> list[Node]:
    found: list[Node] = []
    place = 0
    while place < len(text):
        node = _next(text, place, found)
        found.append(node)
        place += len(node.source)
    return _letters_or_words(found)


def _next(text: str, place: int, before: Sequence[Node]) -> Node:
    match = _TOKEN.match(text, place)
    assert match is not None  # the last alternative takes any character
    kind, source = str(match.lastgroup), match.group()
    if kind == "open" and (inner := _inside(text, place)) is not None:
        numeral = inner in ("i", "v") and (not before or before[-1].kind == "space")  # of a list: (i), (ii), …
        return _with_scripts(_bracket(source, inner, numeral), text, place)
    if kind == "quote" and (end := _end_of_quote(text, place, before)):
        inner = text[place + 1 : end]
        return Node("prose", f"'{inner}'", f"‘{_set(_nodes(inner))}’")
    if kind in ("name", "number"):
        touching = bool(before) and before[-1].kind in ("name", "number")
        return _with_scripts(_atom(kind, source, text[place + len(source) :], touching), text, place)
    if kind == "word":
        return _with_scripts(_word(source), text, place)
    if source == "|" or (kind == "sign" and (source != ":" or not before or before[-1].kind == "space")):
        return Node("sign", source, _operator(source))
    if kind == "point" and source == ",":
        return Node("comma", source, "<mo>,</mo>")
    return Node("space" if kind == "space" else "prose" if kind == "key" else "point", source, html.escape(source))


def _end_of_quote(text: str, place: int, before: Sequence[Node]) -> int:
    """Where the quotation closes that this mark opens; 0 if it opens none."""
    closing = _CLOSING_QUOTE.search(text, place + 1)
    return closing.start() if closing and (not before or before[-1].kind in ("space", "point")) else 0


def _word(source: str) -> Node:
    if source in FUNCTIONS:
        return Node("function", source, f"<mi>{source}</mi>")
    short = len(source) == 2 and source.isascii() and source.isalpha()
    if short and source not in _SHORT_WORDS and (source.isupper() or source.islower()):
        return Node("name", source, "".join(f"<mi>{letter}</mi>" for letter in source))
    return Node("prose", source, html.escape(source, quote=False))


def _operator(sign: str) -> str:
    if sign == "/":  # browsers set it apart, as if it were a plus
        return '<mo lspace="0" rspace="0">/</mo>'
    sign = {"-": "−"}.get(sign, sign)
    return f'<mo form="infix">{html.escape(sign)}</mo>' if sign in "+−" else f"<mo>{html.escape(sign)}</mo>"


def _atom(kind: str, source: str, after: str, touching: bool) -> Node:
    """A letter with its accent, a number, or a root, without scripts."""
    if kind == "number":
        digits, e, power = source.partition("e")
        if not e:
            return Node("number", source, f"<mn>{source}</mn>")
        tens = f"<msup><mn>10</mn>{_grouped([_formula(power)])}</msup>"
        return Node("name", source, tens if digits == "1" else f"<mn>{digits}</mn><mo>·</mo>{tens}")
    if source in _LARGE and not touching and re.match(r"_|\s?(?:[^\W_](?![A-Za-z])|[(‖|⟨])", after):
        return Node("sign", source, f"<mo>{_LARGE[source]}</mo>")
    if source in _FRACTIONS:
        over, under = _FRACTIONS[source]
        return Node("number", source, f"<mfrac><mn>{over}</mn><mn>{under}</mn></mfrac>")
    if source == "√":
        return _root(after)
    letter, accent = source[0], source[1:]
    name = f"<mi>{source if len(source) > 1 and not _ACCENTS.get(accent) else letter}</mi>"
    if accent in _ACCENTS:
        name = f'<mover accent="true">{name}<mo stretchy="false">{_ACCENTS[accent]}</mo></mover>'
    return Node("name", source, name)


def _root(after: str) -> Node:
    if after.startswith("(") and (inner := _inside(after, 0)) is not None:
        return Node("name", f"√({inner})", f"<msqrt>{_formula(inner)}</msqrt>")
    under = re.match(r"\d+(?:\.\d+)?|\w[\u0302\u0307]?", after)
    return Node(
        "name", "√" + (under.group() if under else ""), f"<msqrt>{_formula(under.group()) if under else ''}</msqrt>"
    )


def _inside(text: str, place: int) -> str | None:
    """What stands between the bracket at this place and the one that closes it; None where none does."""
    opening = text[place]
    closing = _CLOSING[opening]
    if opening == closing:
        return _between_bars(text, place)
    depth = 0
    for end in range(place, len(text)):
        depth += (text[end] == opening) - (text[end] == closing)
        if depth == 0:
            return text[place + 1 : end]
    return None


def _between_bars(text: str, place: int) -> str | None:
    """A bar opens before what it touches, and is closed by the first behind what it touches, outside of brackets."""
    end = place
    while (end := text.find(text[place], end + 1)) >= 0:
        inner = text[place + 1 : end]
        balanced = all(inner.count(opening) == inner.count(closing) for opening, closing in ("()", "[]", "{}"))
        if inner and inner == inner.strip() and balanced:
            return inner
    return None


def _bracket(opening: str, inner: str, numeral: bool) -> Node:
    """Brackets are part of a formula if all between them is."""
    closing, nodes = _CLOSING[opening], _nodes(inner)
    source = f"{opening}{inner}{closing}"
    if numeral or not nodes or any(node.kind in ("prose", "point") for node in nodes):
        inner = inner if numeral else _set(nodes)
        return Node("prose", source, f"{html.escape(opening)}{inner}{html.escape(closing)}")
    first, last = (
        Node("open", sign, f'<mo form="{form}" stretchy="false">{sign}</mo>')
        for form, sign in (("prefix", opening), ("postfix", closing))
    )
    strong = "name" if opening not in "([" or _is_formula(nodes) else "number"
    parts = (first, *nodes, replace(last, kind="close"))
    return Node(strong, source, f"<mrow>{_row(parts)}</mrow>", parts)


def _with_scripts(node: Node, text: str, place: int) -> Node:
    """The node with the indices, powers, stars and primes that touch it."""
    end = place + len(node.source)
    low: list[str] = []
    high: list[str] = []
    while node.kind != "prose" and (match := _SCRIPTS.match(text, end)):
        kind, content = str(match.lastgroup), str(match.group(str(match.lastgroup)))
        (low if kind in ("sub", "bracket", "index", "low") else high).append(_script(kind, content))
        end = match.end()
    if not low and not high:
        return node
    scripts = "".join(_grouped(part) for part in (low, high) if part)
    tag = "msubsup" if low and high else "msub" if low else "msup"
    whole = node.markup.count("<m") == 1 or node.markup.startswith("<mrow")
    base = node.markup if whole else f"<mrow>{node.markup}</mrow>"
    *before, last = node.parts or (node,)
    scripted = replace(last, markup=f"<{tag}>{last.markup}{scripts}</{tag}>")
    kind = node.kind if node.kind in ("sign", "function") else "name"
    parts = (*before, scripted) if node.parts else ()
    return Node(kind, text[place:end], f"<{tag}>{base}{scripts}</{tag}>", parts)


def _script(kind: str, content: str) -> str:
    if kind == "star":
        return "<mo>∗</mo>"
    if kind == "prime":
        return "<mo>′</mo>" * len(content)
    if kind in ("low", "high"):
        content = unicodedata.normalize("NFKC", content)
        return '<mi mathvariant="normal">T</mi>' if content == "T" else _formula(content)
    if re.fullmatch(r"[A-Za-z]{3,}|op", content):
        return f"<mi>{content}</mi>"
    return _formula(content) if content != "*" else "<mo>∗</mo>"


def _grouped(parts: Sequence[str]) -> str:
    joined = "".join(parts)
    return joined if re.fullmatch(r"<(m[a-z]+)[^<>]*>[^<>]*</\1>", joined) else f"<mrow>{joined}</mrow>"


@functools.lru_cache(maxsize=4096)
def _formula(text: str) -> str:
    """Text that is known to be a formula, whatever is in it."""
    letters = re.fullmatch(r"[A-Za-z]{2}", text)
    return "".join(f"<mi>{letter}</mi>" for letter in text) if letters else _row(_nodes(text))


def _row(nodes: Sequence[Node], *, begins: bool = True) -> str:
    """Nodes side by side, prose among them as it is; ``begins``: what stands first has nothing on its left."""
    words = {"prose": "mtext", "point": "mo"}
    out: list[str] = []
    visible = [node for node in nodes if node.kind != "space"]
    for index, node in enumerate(visible):
        before = visible[index - 1] if index else None
        if node.kind in words:
            out.append(f"<{words[node.kind]}>{node.markup}</{words[node.kind]}>")
        elif node.kind == "function":
            out += [_GAP if before and before.kind in ("name", "number") else "", node.markup]
            out.append(_GAP if index + 1 < len(visible) and not visible[index + 1].source.startswith("(") else "")
        elif node.kind == "sign" and (before.kind in ("sign", "comma", "open") if before else begins):
            out.append(node.markup.replace('form="infix"', 'form="prefix"'))
        else:
            out.append(node.markup)
    return "".join(out)


def _letters_or_words(nodes: list[Node]) -> list[Node]:
    """Take "a", "A" and "I" for words, unless a sign stands beside them or they are alone."""
    visible = [index for index, node in enumerate(nodes) if node.kind != "space"]
    for rank, index in enumerate(visible):
        if nodes[index].source in ("a", "A", "I") and len(visible) > 1:
            around = [nodes[visible[r]] for r in (rank - 1, rank + 1) if 0 <= r < len(visible)]
            signs = any(node.kind == "sign" and node.source != ":" for node in around)
            touching = index + 1 < len(nodes) and nodes[index + 1].kind in ("name", "number", "comma")
            if not signs and not touching:
                nodes[index] = replace(nodes[index], kind="prose", markup=nodes[index].source)
    return nodes


# ---------------------------------------------------------------------------------------------------------- setting


def _set(nodes: Sequence[Node]) -> str:
    """HTML of a text: runs of formula nodes become ``<math>``, with the punctuation that must not leave them."""
    out, place = [], 0
    while place < len(nodes):
        end = _end_of_run(nodes, place)
        if end > place and _is_formula(nodes[place:end]):
            mark = nodes[end] if end < len(nodes) and nodes[end].kind in ("point", "comma") else None
            out.append(_math(nodes[place:end], mark.source if mark else ""))
            place = end + bool(mark)
        else:
            end = max(end, place + 1)
            out += [_plain(node) for node in nodes[place:end]]
            place = end
    return "".join(out)


def _plain(node: Node) -> str:
    return node.markup if node.kind in ("prose", "point", "space") else html.escape(node.source, quote=False)


def _end_of_run(nodes: Sequence[Node], place: int) -> int:
    """Behind the last node of the run that begins here; a run ends neither in a space, a comma nor a function."""
    end = last = place
    while end < len(nodes) and nodes[end].kind not in ("prose", "point"):
        comma = nodes[end].kind == "comma"
        if comma and (end == place or end + 1 == len(nodes) or nodes[end + 1].kind == "space"):
            break
        end += 1
        if nodes[end - 1].kind in ("name", "number", "sign"):
            last = end
    return place if nodes[place].kind == "space" or nodes[place].source == ":" else last


def _is_formula(nodes: Sequence[Node]) -> bool:
    kinds = {node.kind for node in nodes}
    return "name" in kinds or {"number", "sign"} <= kinds


def _math(nodes: Sequence[Node], mark: str) -> str:
    """One ``<math>`` for each piece of a run; a closing mark stays with the last."""
    rows = [_row(piece, begins=index == 0) for index, piece in enumerate(_pieces(nodes))]
    rows[1:] = [re.sub("^<mo", '<mo lspace="0"', row) for row in rows[1:]]  # the space between pieces is enough
    pieces = [f"<math>{row}</math>" for row in rows]
    if mark:
        pieces[-1] = f'<span class="whole">{pieces[-1]}{html.escape(mark)}</span>'
    return " ".join(pieces)


def _pieces(nodes: Sequence[Node]) -> Iterator[list[Node]]:
    """Cut a long run where TeX would: before a relation, or else before a sign or a factor."""
    if _length(nodes) <= LONGEST_PIECE:
        yield list(nodes)
        return
    piece: list[Node] = []
    for part in _parts(list(_flat(nodes))):
        relation = any(node.source in _RELATIONS for node in part[:2])
        room = LONGEST_PIECE / 3 if relation else LONGEST_PIECE - _length(part)
        if piece and _length(piece) > room:
            yield piece
            piece = []
        piece += part
    yield piece


def _length(nodes: Sequence[Node]) -> int:
    return sum(len(node.source) for node in nodes)


def _parts(nodes: Sequence[Node]) -> Iterator[list[Node]]:
    """What must stay together: a new part begins at each space that does not follow a sign."""
    part: list[Node] = []
    for node in nodes:
        if node.kind == "space" and part and part[-1].kind != "sign":
            yield part
            part = []
        part.append(node)
    yield part


def _flat(nodes: Sequence[Node]) -> Iterator[Node]:
    """Long brackets taken apart, so that they can be cut too."""
    for node in nodes:
        if node.parts and len(node.source) > LONGEST_PIECE / 2:
            yield from _flat(node.parts)
        else:
            yield node
