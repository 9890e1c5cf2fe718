"""Every function of the product that asks the database has asked SQLite and PostgreSQL.

Tests of pages, access and whole gateways run on one database only; this says when that leaves
something out. While the tests run, `listen` notes which functions asked, and each process writes
them into the directory that ``ASKED`` names. ``python tests/both_databases.py DIRECTORY`` compares
afterwards, and exits with code 1 and a list when a function asked only one of the two.
"""

import os
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent
PRODUCT = tuple(f"{ROOT}/{room}/" for room in ("bots", "calls", "alarms", "gateway_project"))
VENDORS = ("sqlite", "postgresql")

asked: set[str] = set()
"""Functions of this process that asked, as ``calls/leases.py renew_lease``."""


def listen(connection: Any, **_: Any) -> None:
    """Note from now on who asks by ``connection``; a receiver of ``connection_created``."""
    if _note not in connection.execute_wrappers:
        connection.execute_wrappers.append(_note)


def _note(execute: Callable[..., Any], *arguments: Any) -> Any:
    frame = sys._getframe(1)
    while frame is not None and not frame.f_code.co_filename.startswith(PRODUCT):
        frame = frame.f_back  # type: ignore[assignment]  # None at the end
    if frame is not None:
        file = frame.f_code.co_filename.removeprefix(f"{ROOT}/")
        asked.add(f"{file} {frame.f_code.co_qualname}")
    return execute(*arguments)


def write(vendor: str) -> None:
    """Write what this process asked of ``vendor`` into the directory of ``ASKED``, if it is set."""
    if directory := os.environ.get("ASKED"):
        Path(directory).mkdir(exist_ok=True)
        file = Path(directory) / f"{vendor}-{os.getpid()}.txt"
        file.write_text("\n".join(sorted(asked)))


def compare(directory: Path) -> int:
    """Print who asked only one of the two; 0 when nobody, or when only one database was there."""
    found: dict[str, set[str]] = {
        vendor: {line for file in directory.glob(f"{vendor}-*") for line in _lines(file)}
        for vendor in VENDORS
    }
    if not all(found.values()):
        print("one database only: nothing to compare")
        return 0
    sqlite, postgresql = found.values()
    for title, functions in (("SQLite", sqlite - postgresql), ("PostgreSQL", postgresql - sqlite)):
        for function in sorted(functions):
            print(f"{function}: asked only {title}")
    return int(sqlite != postgresql)


def _lines(file: Path) -> list[str]:
    return [line for line in file.read_text().splitlines() if "/migrations/" not in line]


if __name__ == "__main__":
    sys.exit(compare(Path(sys.argv[1])))
