"""Both themes keep text readable: WCAG 2.2, 1.4.3, at least 4.5 : 1."""

import re
from itertools import product
from pathlib import Path

import pytest

pytestmark = pytest.mark.pure

TEXTS = (
    "ink", "ink-soft", "accent", "caller", "bot",
    "critical", "major", "minor", "warning", "indeterminate", "clear",
)  # fmt: skip
GROUNDS = ("surface", "raised", "sunken")
ON_TINT = (
    ("accent", "accent-wash"), ("ink", "caller-wash"), ("ink", "bot-wash"),
    ("ink-soft", "caller-wash"), ("ink-soft", "bot-wash"), ("caller", "caller-wash"),
    ("bot", "bot-wash"), ("major", "bot-wash"), ("accent-ink", "accent"),
)  # fmt: skip


@pytest.mark.parametrize("theme", ["light", "dark"])
@pytest.mark.parametrize(("text", "ground"), [*product(TEXTS, GROUNDS), *ON_TINT])
def test_text_stands_out_from_its_ground(
    theme: str, text: str, ground: str, repository: Path
) -> None:
    css = (repository / "static" / "console" / "tokens.css").read_text()
    block = css.split(f'[data-bs-theme="{theme}"]', 1)[1].split("}", 1)[0]
    tokens = dict(re.findall(r"--([a-z-]+): (#[0-9a-f]{6});", block))
    lighter, darker = sorted((luminance(tokens[text]), luminance(tokens[ground])), reverse=True)
    assert (lighter + 0.05) / (darker + 0.05) >= 4.5


def luminance(colour: str) -> float:
    """Relative luminance of ``#rrggbb`` as WCAG defines it."""
    shares = [int(colour[index : index + 2], 16) / 255 for index in (1, 3, 5)]
    red, green, blue = (
        share / 12.92 if share <= 0.04045 else ((share + 0.055) / 1.055) ** 2.4 for share in shares
    )
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue
