"""Where the gateway stores what it keeps: how much there is, and how much room is left."""

import shutil
from pathlib import Path

import msgspec
from django.conf import settings
from django.db import connection

from calls.session.plugins import tts_store


class Disk(msgspec.Struct, frozen=True, kw_only=True):
    """The file system that holds ``path``, in bytes."""

    path: str
    total_bytes: int
    free_bytes: int

    @property
    def used_percent(self) -> int:
        """How full it is, from 0 to 100."""
        used = self.total_bytes - self.free_bytes
        return round(100 * used / self.total_bytes) if self.total_bytes else 100


class Storage(msgspec.Struct, frozen=True, kw_only=True):
    """What is stored; figures of prompts are None where they cannot be had.

    Disks and prompts are those of the machine whose process answers.
    """

    database_bytes: int
    prompts: int | None
    prompts_bytes: int | None
    prompts_most_bytes: int
    disks: list[Disk]


def storage() -> Storage:
    """How much is stored. Looks at every stored prompt: not for a page that asks all the time."""
    prompts = prompts_bytes = None
    try:
        holdings = tts_store().holdings()
        prompts = sum(each.entries for each in holdings)
        prompts_bytes = sum(each.size_bytes for each in holdings)
    except OSError:
        pass
    return Storage(
        database_bytes=database_bytes(),
        prompts=prompts,
        prompts_bytes=prompts_bytes,
        prompts_most_bytes=settings.TTS_CACHE_MB * 1_000_000,
        disks=disks(),
    )


def database_bytes() -> int:
    """The size of the database."""
    queries = {
        "postgresql": "SELECT pg_database_size(current_database())",
        "sqlite": "SELECT page_count * page_size FROM pragma_page_count(), pragma_page_size()",
    }
    with connection.cursor() as cursor:
        cursor.execute(queries[connection.vendor])
        return int(cursor.fetchone()[0])


def disks() -> list[Disk]:
    """The file systems below the gateway's directories, each once."""
    found: dict[int, Disk] = {}
    for directory in (settings.VAR_DIR, settings.TTS_CACHE_DIR):
        there = _existing(Path(directory))
        total, _used, free = shutil.disk_usage(there)
        disk = Disk(path=str(directory), total_bytes=total, free_bytes=free)
        found.setdefault(there.stat().st_dev, disk)
    return list(found.values())


def _existing(directory: Path) -> Path:
    """``directory``, or what is above it where it would be made."""
    return next(path for path in (directory, *directory.parents) if path.exists())
