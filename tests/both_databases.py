"""Every function of the product that asks the database has asked SQLite and PostgreSQL.

Tests marked ``once`` run on SQLite only; this says when that leaves something out. While the tests
run, `listen` notes which functions asked, and each process writes them into the directory that
``ASKED`` names. ``python tests/both_databases.py DIRECTORY`` compares afterwards, and exits with
code 1 and a list when a function has asked SQLite alone.
"""

import os
import sys
from collections.abc import Callable
from functools import cache
from pathlib import Path
from types import FrameType
from typing import Any

ROOT = Path(__file__).resolve().parent.parent
PRODUCT = tuple(f"{ROOT}/{room}/" for room in ("bots", "calls", "alarms", "gateway_project"))
VENDORS = ("sqlite", "postgresql")
TRANSACTION = ("BEGIN", "SAVEPOINT", "RELEASE", "ROLLBACK", "COMMIT")

asked: set[str] = set()
"""Functions of this process that asked, as ``calls/leases.py renew_lease``."""


def listen(connection: Any, **_: Any) -> None:
    """Note from now on who asks by ``connection``; a receiver of ``connection_created``."""
    if _note not in connection.execute_wrappers:
        connection.execute_wrappers.append(_note)


def _note(execute: Callable[..., Any], sql: str, *arguments: Any) -> Any:
    if not sql.startswith(TRANSACTION):
        frame: FrameType | None = sys._getframe(1)
        while frame is not None and not (file := _file(frame.f_code.co_filename)):
            frame = frame.f_back
        if frame is not None:
            asked.add(f"{file} {frame.f_code.co_qualname}")
    return execute(sql, *arguments)


# By its name: to find a code object in a cache takes as long as to read through it.
@cache
def _file(name: str) -> str:
    """How the file ``name`` is called here; empty unless it is of the product."""
    if not name.startswith(PRODUCT) or "/migrations/" in name:
        return ""
    return name.removeprefix(f"{ROOT}/")


def write(vendor: str) -> None:
    """Write what this process asked of ``vendor`` into the directory of ``ASKED``, if it is set."""
    if directory := os.environ.get("ASKED"):
        Path(directory).mkdir(exist_ok=True)
        file = Path(directory) / f"{vendor}-{os.getpid()}.txt"
        file.write_text("\n".join(sorted(asked)))


def compare(directory: Path) -> int:
    """Print who asked SQLite alone; 0 when nobody did, or when only one database was there.

    The other way round nothing is wrong: some functions have a better way on PostgreSQL.
    """
    sqlite, postgresql = (_read(directory, vendor) for vendor in VENDORS)
    if not sqlite or not postgresql:
        print("Only one database was asked: nothing to compare.")
        return 0
    for function in sorted(sqlite - postgresql):
        print(f"{function} asks the database, but no test has it ask PostgreSQL")
    return int(not sqlite <= postgresql)


def _read(directory: Path, vendor: str) -> set[str]:
    files = directory.glob(f"{vendor}-*.txt")
    return {line for file in files for line in file.read_text().splitlines()}


if __name__ == "__main__":
    sys.exit(compare(Path(sys.argv[1])))
