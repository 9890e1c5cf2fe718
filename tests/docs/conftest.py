"""The pages of the documentation and what is inside them."""

import re
from collections.abc import Iterator
from pathlib import Path

import msgspec
import pytest

ROOT = Path(__file__).parents[2]

_BLOCK = re.compile(
    r"(?:^<!-- file: (?P<file>\S+) -->\n)?^(?P<indent> *)```(?P<kind>\w*)\n(?P<text>.*?)^ *```$",
    re.MULTILINE | re.DOTALL,
)


class Block(msgspec.Struct, frozen=True):
    """A fenced block; ``file`` is where the page tells the reader to put it."""

    kind: str
    text: str
    file: str


class Page(msgspec.Struct, frozen=True):
    """One Markdown page; ``name`` is its path in the repository."""

    name: str
    text: str

    @property
    def path(self) -> Path:
        return ROOT / self.name

    def blocks(self, kind: str) -> Iterator[Block]:
        for found in _BLOCK.finditer(self.text):
            if found["kind"] == kind:
                indent = len(found["indent"])
                lines = (line[indent:] for line in found["text"].splitlines())
                yield Block(kind, "\n".join(lines) + "\n", found["file"] or "")


def all_pages() -> list[Page]:
    files = [ROOT / "README.md", ROOT / "CHANGELOG.md", *sorted((ROOT / "docs").rglob("*.md"))]
    names = [str(file.relative_to(ROOT)) for file in files]
    return [Page(name, (ROOT / name).read_text(encoding="utf-8")) for name in names]


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """A test that takes ``page`` runs once for each page."""
    if "page" in metafunc.fixturenames:
        pages = all_pages()
        metafunc.parametrize("page", pages, ids=[page.name for page in pages])


@pytest.fixture
def page_named() -> dict[str, Page]:
    return {page.name: page for page in all_pages()}
