"""Every pure file is covered, lines and branches, by its own test file.

Run after the tests: ``pytest --cov`` and then ``python tests/own_coverage.py``.
It reads the coverage data (of the file given as argument, else where coverage keeps it), counts for
each pure file only what its own tests and the bare import executed, and exits with code 1 and a
list when something is missing.

A pure file's own tests are found by name, anywhere in its room's folder of tests:

===================================  ======================================================
``calls/core/floor.py``              ``tests/calls/**/test_floor.py``
``calls/core/engine.py``             also ``test_engine_rules.py``: any ``test_engine_*.py``
``bots/protocols/ac_bot_api/x.py``   also ``test_ac_bot_api_x.py``, ``test_ac_bot_api_x_*.py``
``bots/core/params/sections/x.py``   also the package's own ``test_sections.py``
===================================  ======================================================

Files that only declare (messages, ports) are covered by their import and need no tests.
"""

import json
import re
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from coverage import Coverage
from coverage.exceptions import NoDataError

ROOT = Path(__file__).resolve().parent.parent
PURE = ("bots/core", "bots/protocols", "alarms/core", "calls/core")
AT_IMPORT = "^$"
"""The context of what runs outside of tests: module bodies, when the test files are collected."""


def pure_files() -> Iterator[Path]:
    """Every pure file, relative to the root."""
    for folder in PURE:
        yield from sorted(path.relative_to(ROOT) for path in (ROOT / folder).rglob("*.py"))


def own_tests(pure: Path) -> str:
    """A pattern for the contexts of the tests of ``pure``."""
    room, package, stem = pure.parts[0], re.escape(pure.parent.name), re.escape(pure.stem)
    of_package = f"test_{package}"
    if pure.stem == "__init__":
        return rf"^tests/{room}/(.*/)?{of_package}(_\w+)?\.py::"
    of_file = rf"test_({package}_)?{stem}(_\w+)?"
    return rf"^tests/{room}/(.*/)?({of_file}|{of_package})\.py::"


def missing(coverage: Coverage, pure: Path) -> list[str]:
    """What neither the import of ``pure`` nor its own tests executed, as ``12`` or ``12->15``."""
    with tempfile.NamedTemporaryFile(suffix=".json") as out:
        coverage.json_report(
            morfs=[str(ROOT / pure)], outfile=out.name, contexts=[AT_IMPORT, own_tests(pure)]
        )
        report: dict[str, Any] = json.loads(Path(out.name).read_text())
    found: list[str] = []
    for file in report["files"].values():
        lines = set(file["missing_lines"])
        found += [str(line) for line in sorted(lines)]
        branches = file.get("missing_branches", [])
        found += [f"{start}->{end}" for start, end in branches if start not in lines]
    return found


def main(data_file: str | None) -> int:
    """Print what is missing; 0 when nothing is, 1 when something is, 2 without usable data."""
    coverage = Coverage(data_file=data_file) if data_file else Coverage()
    coverage.load()
    contexts = coverage.get_data().measured_contexts()
    if not any("::" in context for context in contexts):
        print("the coverage data says nothing of tests; run pytest --cov")
        return 2
    failed = False
    for pure in pure_files():
        try:
            lines = missing(coverage, pure)
        except NoDataError:
            lines = ["never imported"]
        if lines:
            failed = True
            print(f"{pure}: {', '.join(lines)}")
    if failed:
        print("not covered by their own tests (rule: see tests/own_coverage.py)")
    return int(failed)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1] if len(sys.argv) > 1 else None))
