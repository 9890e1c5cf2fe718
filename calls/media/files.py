"""Audio files that bots and operators name by address: fetched, kept for later calls, decoded."""

import asyncio
import base64
import binascii
import time
from collections import OrderedDict
from collections.abc import AsyncGenerator, Callable, Mapping
from urllib.parse import unquote_to_bytes

import msgspec

from bots.core.errors import Fault
from bots.net import Answer, Outbound, OutboundError, fault_of_status
from calls.media.decoding import AudioFileError, Decoding
from calls.media.threads import in_thread

__all__ = ["AudioFileError", "AudioFiles"]

MAX_FILE_BYTES = 20_000_000
"""Largest file: ten minutes of 16-bit samples at 16 kHz, the longest that is played."""
ANSWER_S = 10.0
"""How long a server may take to begin its answer: the caller hears silence meanwhile."""
DOWNLOAD_S = 30.0
"""How long the whole download may take; a file of the largest size needs 5 Mbit/s for it."""
REDIRECTS = 3
MAX_UNHEARD = 4
"""Downloads that go on for the cache when all who asked have gone; the oldest are given up."""
CACHE_BYTES = 64_000_000
DEFAULT_LIFETIME_S = 24 * 3600.0
"""How long a file is kept when its server does not say; as long as synthesised prompts."""
_ENTRY_BYTES = 1_000
"""What an entry of the cache takes besides its file, roughly: empty files must count too."""


class _Kept(msgspec.Struct, frozen=True):
    """A file as it was fetched; ``etag`` is what its server calls this version."""

    content: bytes
    is_text: bool
    fresh_until: float
    etag: str


class _Download:
    """A download that any number of calls wait for."""

    def __init__(self, task: asyncio.Task[_Kept]) -> None:
        self.task = task
        self.waiting = 0


class AudioFiles:
    """Audio files of one event loop. What is kept is in memory, `CACHE_BYTES` at most."""

    def __init__(self, outbound: Outbound, *, clock: Callable[[], float] = time.monotonic) -> None:
        self._outbound = outbound
        self._clock = clock
        self._cache = _Cache()
        self._downloads: dict[str, _Download] = {}

    async def pieces(
        self, *, url: str, media_format: str, cache: bool, rate_hz: int
    ) -> AsyncGenerator[bytes, None]:
        """Samples of the file (``lpcm16``, mono, ``rate_hz``), as fast as they can be had.

        ``url`` is http, https or data (RFC 2397); ``media_format`` counts as in `Decoding`.
        ``cache``: the file may come from memory and be kept there, as long as its server says.
        Closing the generator gives the file up.

        Raises:
            AudioFileError: the file could not be had or played.
        """
        url = url.strip()
        content, is_text = await self._file(url, cache=cache)
        # A page that says "not found" is not played as samples.
        decoding = await in_thread(Decoding, content, "" if is_text else media_format, rate_hz)
        while piece := await in_thread(decoding.next_piece):
            yield piece

    async def close(self) -> None:
        """End the downloads that still go on for the cache; safe to call twice."""
        downloads = [download.task for download in self._downloads.values()]
        for download in downloads:
            download.cancel()
        await asyncio.gather(*downloads, return_exceptions=True)

    async def _file(self, url: str, *, cache: bool) -> tuple[bytes, bool]:
        if url[:5].lower() == "data:":
            return await in_thread(_inline, url), False
        if not cache:
            answer = await self._download(url)
            return answer.body, _is_text(answer.headers)
        kept = self._cache.get(url)
        if kept is None or kept.fresh_until <= self._clock():
            kept = await self._shared_refresh(url, kept)
        return kept.content, kept.is_text

    async def _shared_refresh(self, url: str, stale: _Kept | None) -> _Kept:
        """One download for all who ask; it may go on when those who asked have gone."""
        download = self._downloads.get(url) or self._begin(url, stale)
        download.waiting += 1
        try:
            return await asyncio.shield(download.task)
        finally:
            download.waiting -= 1
            self._give_up_unheard()

    def _begin(self, url: str, stale: _Kept | None) -> _Download:
        task = asyncio.get_running_loop().create_task(self._refresh(url, stale))
        download = self._downloads[url] = _Download(task)
        task.add_done_callback(lambda _: self._forget(url, download))
        return download

    def _forget(self, url: str, download: _Download) -> None:
        if self._downloads.get(url) is download:
            del self._downloads[url]

    def _give_up_unheard(self) -> None:
        unheard = [url for url, download in self._downloads.items() if not download.waiting]
        for url in unheard[:-MAX_UNHEARD]:
            self._downloads.pop(url).task.cancel()

    async def _refresh(self, url: str, stale: _Kept | None) -> _Kept:
        etag = stale.etag if stale else ""
        answer = await self._download(url, etag=etag)
        lifetime_s = _lifetime_s(answer.headers)
        fresh_until = self._clock() + (lifetime_s or 0.0)
        if stale is not None and answer.status == 304:
            kept = msgspec.structs.replace(stale, fresh_until=fresh_until)
        else:
            etag = answer.headers.get("ETag", "")
            kept = _Kept(answer.body, _is_text(answer.headers), fresh_until, etag)
        if lifetime_s is not None and (lifetime_s or kept.etag):
            self._cache.put(url, kept)
        else:
            self._cache.drop(url)
        return kept

    async def _download(self, url: str, *, etag: str = "") -> Answer:
        try:
            answer = await self._outbound.request(
                "GET",
                url,
                deadline_s=DOWNLOAD_S,
                answer_s=ANSWER_S,
                headers={"If-None-Match": etag} if etag else None,
                redirects=REDIRECTS,
                max_bytes=MAX_FILE_BYTES,
            )
        except OutboundError as error:
            raise AudioFileError(error.reason, error.fault) from None
        if answer.status == 200 or (etag and answer.status == 304):
            return answer
        raise AudioFileError(f"HTTP {answer.status}", fault_of_status(answer.status))


class _Cache:
    """The files used last, within `CACHE_BYTES`."""

    def __init__(self) -> None:
        self._kept: OrderedDict[str, _Kept] = OrderedDict()
        self._bytes = 0

    def get(self, url: str) -> _Kept | None:
        kept = self._kept.get(url)
        if kept is not None:
            self._kept.move_to_end(url)
        return kept

    def put(self, url: str, kept: _Kept) -> None:
        self.drop(url)
        self._kept[url] = kept
        self._bytes += _size(url, kept)
        while self._bytes > CACHE_BYTES:
            self.drop(next(iter(self._kept)))

    def drop(self, url: str) -> None:
        kept = self._kept.pop(url, None)
        if kept is not None:
            self._bytes -= _size(url, kept)


def _size(url: str, kept: _Kept) -> int:
    return len(kept.content) + len(url) + _ENTRY_BYTES


def _is_text(headers: Mapping[str, str]) -> bool:
    media_type = headers.get("Content-Type", "").partition(";")[0].strip().lower()
    return media_type.startswith("text/") or media_type in ("application/json", "application/xml")


def _lifetime_s(headers: Mapping[str, str]) -> float | None:
    """How long an answer may be used without asking again; None: it is not to be kept at all.

    Source: RFC 9111, section 5.2.2.
    """
    directives = {
        name.strip().lower(): value.strip().strip('"')
        for name, _, value in (
            directive.partition("=") for directive in headers.get("Cache-Control", "").split(",")
        )
    }
    if "no-store" in directives:
        return None
    if "no-cache" in directives:
        return 0.0
    age = directives.get("max-age", "")
    return float(age) if age.isascii() and age.isdigit() else DEFAULT_LIFETIME_S


def _inline(url: str) -> bytes:
    """What a data URL holds (RFC 2397); its media type is not believed.

    Raises:
        AudioFileError: it is malformed or too large.
    """
    head, comma, data = url.partition(",")
    content = unquote_to_bytes(data)
    if head.lower().endswith(";base64"):
        try:
            # Line breaks and missing padding are as harmless here as they are to browsers.
            packed = b"".join(content.split())
            content = base64.b64decode(packed + b"=" * (-len(packed) % 4), validate=True)
        except binascii.Error:
            comma = ""
    if not comma:
        raise AudioFileError("malformed data URL")
    if len(content) > MAX_FILE_BYTES:
        raise AudioFileError(f"larger than {MAX_FILE_BYTES} bytes", Fault.PROTOCOL)
    return content
