"""What mkdocs does not do by itself: files beside docs/ that pages link to, and docstrings as we write them."""

from __future__ import annotations

import logging
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from markdown import Extension, Markdown
from markdown.preprocessors import Preprocessor
from mkdocs.structure.files import File

ROOT = Path(__file__).resolve().parent.parent
README, START = ROOT / "README.md", "start.md"
BESIDE = re.compile(r"\]\(\.\./([\w./-]+)")
LINK = re.compile(r"\[([^\[\]]*)\]\((?!https?:|#)([^()]+)\)")
ROLE = re.compile(r":(?:class|func|meth|mod):<code>~?([\w.]+)</code>")
LOG = logging.getLogger("mkdocs.hooks")  # a warning here fails a strict build, as every other does


class Doctests(Preprocessor):
    """An example without a heading of its own, from ``>>>`` to the next empty line, is code and no quotation."""

    def run(self, lines: list[str]) -> list[str]:
        return list(self._fenced(lines))

    def _fenced(self, lines: list[str]) -> Iterator[str]:
        within = False
        for line in [*lines, ""]:
            if line.startswith(">>> ") and not within:
                within = True
                yield "```pycon"
            elif within and not line.strip():
                within = False
                yield "```"
            yield line


class OurDocstrings(Extension):
    """The extension that holds it."""

    def extendMarkdown(self, md: Markdown) -> None:
        md.preprocessors.register(Doctests(md), "doctests", 40)  # before the fences, which are at 25


def on_config(config: Any) -> Any:
    """Read docstrings as they are written."""
    config.markdown_extensions.append(OurDocstrings())
    return config


def on_files(files: Any, config: Any) -> Any:
    """Take along what the pages link to beside docs/: on disk and in the repository those links work as they are.

    The README is the page "start": mkdocs would take one of its own name for the index.
    """
    pages = [Path(page.abs_src_path) for page in files.documentation_pages()]
    named = [name for page in pages for name in BESIDE.findall(page.read_text(encoding="utf-8"))]
    images = [name for _, name in LINK.findall(README.read_text(encoding="utf-8")) if name.endswith(".png")]
    for name in sorted({*named, *images} - {README.name}):
        if (ROOT / name).is_file():
            files.append(File.generated(config, name, abs_src_path=str(ROOT / name)))
    files.append(File.generated(config, START, abs_src_path=str(README)))
    return files


def on_page_markdown(markdown: str, page: Any, config: Any, **_: Any) -> str:
    """Point those links to the copies; a folder is named only; one to nothing stays as it is, and is reported."""
    if page.file.src_uri == START:
        return LINK.sub(_from_readme, markdown)
    markdown = LINK.sub(lambda link: link[1] if (Path(config.docs_dir) / link[2]).is_dir() else link[0], markdown)
    return BESIDE.sub(lambda link: f"]({_place(link[1])}" if (ROOT / link[1]).is_file() else link[0], markdown)


def _place(name: str) -> str:
    return START if name == README.name else name


def _from_readme(link: re.Match[str]) -> str:
    """A link of the README as the site has it; what the site does not have, such as a folder, is named only."""
    text, name = link.groups()
    if name.startswith("docs/") or name.endswith(".png"):
        return f"[{text}]({name.removeprefix('docs/')})"
    if not (ROOT / name).exists():
        LOG.warning("README.md links to %s, which there is not", name)
    return text


def on_page_content(html: str, **_: Any) -> str:
    """Make links of roles such as :class:`theory.claims.claim.Claim`, where the reference has what they name."""
    return ROLE.sub(_role, html)


def _role(found: re.Match[str]) -> str:
    name, code = found[1], f"<code>{found[1]}</code>"
    if not name.startswith("theory."):
        return code
    if not _exists(name):
        LOG.warning("a docstring names %s, which there is not", name)
    return f'<autoref identifier="{name}" optional>{code}</autoref>'


def _exists(name: str) -> bool:
    """Whether a dotted name is one of our modules, or stands in one."""
    parts = name.split(".")
    for count in range(len(parts), 0, -1):
        place, rest = ROOT.joinpath(*parts[:count]), parts[count:]
        for file in (place.with_suffix(".py"), place / "__init__.py"):
            if file.is_file():
                source = file.read_text(encoding="utf-8")
                return all(re.search(rf"\b{re.escape(part)}\b", source) for part in rest)
    return False
