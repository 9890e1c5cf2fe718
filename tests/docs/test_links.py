"""Links inside the repository lead somewhere."""

import re
from collections import Counter
from pathlib import Path
from typing import Protocol

import pytest

pytestmark = pytest.mark.pure

_LINK = re.compile(r"!?\[[^\]]*\]\(([^)\s]+)\)")
_FENCE = re.compile(r"^ *```.*?^ *```$", re.MULTILINE | re.DOTALL)


class Page(Protocol):
    name: str
    text: str

    @property
    def path(self) -> Path: ...


def anchors(text: str) -> set[str]:
    """The anchors that the hosting site makes of the headings."""
    found: set[str] = set()
    seen: Counter[str] = Counter()
    for heading in re.findall(r"^#+ (.+)$", _FENCE.sub("", text), re.MULTILINE):
        plain = re.sub(r"\[([^\]]*)\]\([^)]*\)", r"\1", heading)
        slug = re.sub(r"[^\w\- ]", "", plain.lower()).replace(" ", "-")
        found.add(f"{slug}-{seen[slug]}" if seen[slug] else slug)
        seen[slug] += 1
    return found


def test_every_link_inside_the_repository_leads_to_a_file_and_a_heading(page: Page) -> None:
    targets = _LINK.findall(_FENCE.sub("", page.text))
    assert [target for target in targets if "://" not in target and not leads(page, target)] == []


def leads(page: Page, target: str) -> bool:
    name, _, anchor = target.partition("#")
    file = page.path.parent / name if name else page.path
    if not anchor:
        return file.exists()
    return file.is_file() and anchor in anchors(file.read_text(encoding="utf-8"))


def test_a_page_has_one_title(page: Page) -> None:
    assert len(re.findall(r"^# ", _FENCE.sub("", page.text), re.MULTILINE)) == 1
