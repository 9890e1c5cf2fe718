"""Synthesised prompts in files that all processes of an installation share.

One prompt is one file, ``of-<provider>/<key>``: a header with its time and a checksum, then its
samples. There is no index. A prompt counts from the moment its synthesis began; one that began
before the last clearing of everything, of its provider, or of the bot that asks does not count.
That moment is the time of a file ``cleared-...``, so a clearing reaches every process at once.

All methods read or write files: never call them on an event loop.
"""

import os
import secrets
import struct
import time
import zlib
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path
from urllib.parse import quote, unquote

import msgspec
import structlog

_MAGIC = b"ttspcm1\n"
_STAMP = struct.Struct("<8sqQ")
"""What the file is, when the synthesis began (nanoseconds since 1970), length of the samples."""
_CHECKSUM = struct.Struct("<I")
"""CRC-32 of the stamp and the samples."""
_HEADER_BYTES = _STAMP.size + _CHECKSUM.size
_FOLDER = "of-"

log = structlog.get_logger(__name__)


class Entry(msgspec.Struct, frozen=True):
    """A complete prompt; ``made_ns`` is when its synthesis began, in nanoseconds since 1970."""

    made_ns: int
    audio: bytes


class Holding(msgspec.Struct, frozen=True):
    """What is kept of one provider; ``oldest_ns`` as in `Entry`."""

    provider: str
    entries: int
    size_bytes: int
    oldest_ns: int


class TtsStore:
    """The files below ``directory``, which is made when it is needed.

    Prompts live ``life_s`` seconds and take ``max_bytes`` in all. ``clock`` gives nanoseconds since
    1970.
    """

    def __init__(
        self,
        directory: Path,
        *,
        life_s: float,
        max_bytes: int,
        clock: Callable[[], int] = time.time_ns,
    ) -> None:
        self.clock = clock
        self._directory = directory
        self._life_ns = int(life_s * 1e9)
        self._max_bytes = max_bytes
        self._unswept_bytes = max_bytes
        """Written since the last `sweep`; at first unknown, hence the bound."""

    def valid_since(self, *, bot: str, provider: str) -> int:
        """Prompts of ``provider`` whose synthesis began later may be played to callers of ``bot``.

        Nanoseconds since 1970. When that cannot be read, it is this moment: nothing counts.
        """
        since = self.clock() - self._life_ns
        for marker in (_marker(), _marker(provider=provider), _marker(bot=bot)):
            try:
                since = max(since, (self._directory / marker).stat().st_mtime_ns)
            except FileNotFoundError:
                continue
            except OSError as error:
                log.warning("ttscache.not_read", reason=error.strerror)
                return self.clock()
        return since

    def read(self, provider: str, key: str) -> Entry | None:
        """The prompt ``key``, or None: not there, not readable, or not what was once written."""
        try:
            data = (self._folder(provider) / key).read_bytes()
        except FileNotFoundError:
            return None
        except OSError as error:
            log.warning("ttscache.not_read", reason=error.strerror)
            return None
        entry = _decoded(data)
        if entry is None:
            log.warning("ttscache.damaged", provider=provider, entry=key)
        return entry

    def write(self, provider: str, key: str, entry: Entry) -> None:
        """Keep ``entry``; readers see all of it or none. A failure is logged and loses only it."""
        folder = self._folder(provider)
        draft = folder / f".{key}.{secrets.token_hex(8)}"
        try:
            self._directory.mkdir(mode=0o700, parents=True, exist_ok=True)
            folder.mkdir(mode=0o700, exist_ok=True)
            draft.touch(mode=0o600)
            draft.write_bytes(_encoded(entry))
            os.utime(draft, ns=(entry.made_ns, entry.made_ns))
            draft.replace(folder / key)
            self._unswept_bytes += len(entry.audio)
            if self._unswept_bytes > self._max_bytes // 20:
                self.sweep()
        except OSError as error:
            log.warning("ttscache.not_written", reason=error.strerror)
            with suppress(OSError):
                draft.unlink()

    def clear(self, *, bot: str | None = None, provider: str | None = None) -> None:
        """From here on, nothing synthesised before counts: for ``bot``, of ``provider``, or at all.

        What no bot may use any more is deleted. Safe while calls are going on.

        Raises:
            OSError: the directory cannot be written to.
        """
        self._directory.mkdir(mode=0o700, parents=True, exist_ok=True)
        marker = self._directory / _marker(bot=bot, provider=provider)
        marker.touch(mode=0o600)
        # NB the kernel stamps with a clock that lags by some milliseconds.
        now = self.clock()
        os.utime(marker, ns=(now, now))
        if bot is None:
            for folder in self._folders():
                if provider is None or folder == self._folder(provider):
                    for file in folder.iterdir():
                        file.unlink(missing_ok=True)

    def sweep(self) -> None:
        """Delete what has outlived its time, then the oldest until the rest fits the bound.

        Safe in several processes at once.

        Raises:
            OSError: the directory cannot be read or written to.
        """
        self._unswept_bytes = 0
        expired = self.clock() - self._life_ns
        kept: list[tuple[int, int, Path]] = []
        for file, stat in self._files():
            if stat.st_mtime_ns <= expired:
                file.unlink(missing_ok=True)
            else:
                kept.append((stat.st_mtime_ns, stat.st_size, file))
        excess_bytes = sum(size for _, size, _ in kept) - self._max_bytes
        for _, size, file in sorted(kept):
            if excess_bytes <= 0:
                break
            file.unlink(missing_ok=True)
            excess_bytes -= size

    def holdings(self) -> list[Holding]:
        """What is kept, by provider; also what no longer counts but was not deleted yet.

        Raises:
            OSError: the directory cannot be read.
        """
        stats: dict[str, list[os.stat_result]] = {}
        for file, stat in self._files():
            provider = unquote(file.parent.name.removeprefix(_FOLDER))
            stats.setdefault(provider, []).append(stat)
        return [
            Holding(
                provider,
                len(found),
                sum(stat.st_size for stat in found),
                min(stat.st_mtime_ns for stat in found),
            )
            for provider, found in sorted(stats.items())
        ]

    def _folder(self, provider: str) -> Path:
        return self._directory / f"{_FOLDER}{quote(provider, safe='')}"

    def _folders(self) -> list[Path]:
        return list(self._directory.glob(f"{_FOLDER}*"))

    def _files(self) -> Iterator[tuple[Path, os.stat_result]]:
        for folder in self._folders():
            for file in folder.iterdir():
                with suppress(FileNotFoundError):  # deleted by another process
                    yield file, file.stat()


def _marker(*, bot: str | None = None, provider: str | None = None) -> str:
    """Name of the file whose time is that of the last clearing of this scope."""
    if bot is not None:
        return f"cleared-bot-{quote(bot, safe='')}"
    if provider is not None:
        return f"cleared-provider-{quote(provider, safe='')}"
    return "cleared-all"


def _encoded(entry: Entry) -> bytes:
    stamp = _STAMP.pack(_MAGIC, entry.made_ns, len(entry.audio))
    checksum = zlib.crc32(entry.audio, zlib.crc32(stamp))
    return stamp + _CHECKSUM.pack(checksum) + entry.audio


def _decoded(data: bytes) -> Entry | None:
    if len(data) < _HEADER_BYTES:
        return None
    _, made_ns, _ = _STAMP.unpack_from(data)
    entry = Entry(made_ns, data[_HEADER_BYTES:])
    return entry if _encoded(entry) == data else None
