"""Audio files by address: where they come from, how long they are kept, what is told of failure."""

import asyncio
import base64
import gc
import tracemalloc
from collections.abc import AsyncIterator
from contextlib import aclosing
from typing import Any
from urllib.parse import quote_from_bytes

import pytest
from aiohttp import web

from bots.core.errors import Fault
from bots.net import Outbound
from calls.media import files as files_module
from calls.media.files import MAX_UNHEARD, AudioFileError, AudioFiles
from tests.calls.media.sounds import dominant_hz, seconds_of, tone_file
from tests.fakes.web import FakeWeb, serving

pytestmark = pytest.mark.wire

HOUR_S = 3600.0


class Shop:
    """A web server, and its files as a call gets them; the clock is set by hand."""

    def __init__(self, server: FakeWeb, outbound: Outbound) -> None:
        self.server = server
        self.now = 0.0
        self.files = AudioFiles(outbound, clock=lambda: self.now)

    async def play(
        self, url: str, media_format: str = "wav/lpcm16", *, cache: bool = False
    ) -> bytes:
        pieces = self.files.pieces(url=url, media_format=media_format, cache=cache, rate_hz=16_000)
        return b"".join([piece async for piece in pieces])

    async def refusal(self, url: str, media_format: str = "wav/lpcm16") -> tuple[str, Fault]:
        with pytest.raises(AudioFileError) as refused:
            await self.play(url, media_format)
        assert refused.value.service == "audio file"
        return refused.value.reason, refused.value.fault

    @property
    def asked(self) -> int:
        return len(self.server.asked)


@pytest.fixture
async def shop() -> AsyncIterator[Shop]:
    async with serving() as server, Outbound(["127.0.0.1"]) as outbound:
        open_shop = Shop(server, outbound)
        yield open_shop
        await open_shop.files.close()


def is_tone(pcm: bytes, hz: float, seconds: float = 1.0) -> bool:
    return (
        abs(seconds_of(pcm, rate_hz=16_000) - seconds) < 0.05
        and abs(dominant_hz(pcm, rate_hz=16_000) - hz) < 2
    )


# --- where files come from ----------------------------------------------------------------------


async def test_a_file_is_fetched_and_decoded(shop: Shop) -> None:
    url = shop.server.page("/hello", tone_file(440, form="MP3", subtype="MPEG_LAYER_III"))
    assert is_tone(await shop.play(f"  {url} "), 440)


async def test_a_file_is_found_behind_redirects(shop: Shop) -> None:
    shop.server.page("/end", tone_file(440))
    shop.server.page("/2", status=302, Location="/end")
    shop.server.page("/1", status=302, Location="/2")
    url = shop.server.page("/0", status=302, Location="/1")
    assert is_tone(await shop.play(url), 440)


async def test_a_file_of_several_pieces_comes_piece_by_piece(shop: Shop) -> None:
    url = shop.server.page("/long", tone_file(440, seconds=5))
    pieces = shop.files.pieces(url=url, media_format="", cache=False, rate_hz=16_000)
    async with aclosing(pieces):
        first = await anext(pieces)
        assert 0 < seconds_of(first, rate_hz=16_000) < 1


@pytest.mark.parametrize(
    "url",
    [
        "data:audio/wav;base64," + base64.b64encode(tone_file(440)).decode(),
        "DATA:audio/wav;codecs=1;BASE64," + base64.encodebytes(tone_file(440)).decode(),
        "data:;base64," + base64.b64encode(tone_file(440)).decode().rstrip("="),
        "data:;base64," + quote_from_bytes(base64.b64encode(tone_file(440)), safe=""),
        "data:text/plain," + quote_from_bytes(tone_file(440)),
    ],
    ids=["base64", "lines", "no padding", "escaped base64", "escaped"],
)
async def test_a_file_may_be_in_the_address_itself(shop: Shop, url: str) -> None:
    assert is_tone(await shop.play(url), 440)


async def test_bare_samples_may_be_in_the_address_itself(shop: Shop) -> None:
    samples = bytes(range(256)) * 2
    url = "data:;base64," + base64.b64encode(samples).decode()
    assert await shop.play(url, "raw/lpcm16") == samples


@pytest.mark.parametrize("url", ["data:", "data:;base64", "data:;base64,A", "data:;base64,A*AA"])
async def test_a_malformed_data_url_is_refused(shop: Shop, url: str) -> None:
    assert await shop.refusal(url) == ("malformed data URL", Fault.INVALID_REQUEST)


async def test_a_data_url_is_held_to_the_size_of_a_file(
    shop: Shop, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(files_module, "MAX_FILE_BYTES", 3)
    assert await shop.play("data:;base64,AAAA", "raw/mulaw")
    refused = await shop.refusal("data:;base64,AAAAAA", "raw/mulaw")
    assert refused == ("larger than 3 bytes", Fault.PROTOCOL)


# --- failures -----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("status", "fault"),
    [
        (401, Fault.AUTHENTICATION),
        (404, Fault.NOT_FOUND),
        (503, Fault.SERVER),
        (204, Fault.INVALID_REQUEST),
        (304, Fault.INVALID_REQUEST),
    ],
)
async def test_a_status_is_told(shop: Shop, status: int, fault: Fault) -> None:
    url = shop.server.page("/page", b"", status=status)
    assert await shop.refusal(url) == (f"HTTP {status}", fault)


async def test_what_the_way_out_refuses_is_told_without_the_address(shop: Shop) -> None:
    refused = await shop.refusal("http://10.0.0.1/secret.wav?token=canary")
    assert refused == ("address not allowed", Fault.INVALID_REQUEST)


@pytest.mark.parametrize("kind", ["text/html; charset=utf-8", "application/json", "TEXT/plain"])
async def test_a_page_is_not_played_as_samples(shop: Shop, kind: str) -> None:
    url = shop.server.page("/page", b"<p>Not here, but with status 200</p>", Content_Type=kind)
    assert await shop.refusal(url, "raw/lpcm16") == ("not an audio file", Fault.INVALID_REQUEST)


async def test_a_file_with_the_wrong_content_type_is_still_a_file(shop: Shop) -> None:
    url = shop.server.page("/page", tone_file(440), Content_Type="text/plain")
    assert is_tone(await shop.play(url, "raw/lpcm16"), 440)


async def test_a_file_that_is_too_large_is_not_held(shop: Shop) -> None:
    async def endless(request: web.Request) -> web.StreamResponse:
        answer = web.StreamResponse()
        await answer.prepare(request)
        while True:
            await answer.write(bytes(1_000_000))

    tracemalloc.start()
    try:
        refused = await shop.refusal(shop.server.on("/endless", endless))
        most = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert refused == ("larger than 20000000 bytes", Fault.PROTOCOL)
    assert most < 60_000_000


# --- what is kept -------------------------------------------------------------------------------


async def test_a_file_is_fetched_anew_each_time_unless_it_may_be_kept(shop: Shop) -> None:
    url = shop.server.page("/hello", tone_file(440))
    for _ in range(2):
        await shop.play(url)
    assert shop.asked == 2
    await shop.play(url, cache=True)
    await shop.play(url)
    assert shop.asked == 4


async def test_a_kept_file_is_used_until_a_day_has_passed(shop: Shop) -> None:
    url = shop.server.page("/hello", tone_file(440))
    first = await shop.play(url, cache=True)
    shop.server.page("/hello", tone_file(1000))
    shop.now = 24 * HOUR_S - 1
    assert await shop.play(url, cache=True) == first
    assert shop.asked == 1
    shop.now += 1
    assert is_tone(await shop.play(url, cache=True), 1000)


@pytest.mark.parametrize(
    ("control", "used_again_after_s"),
    [
        ("max-age=60", 59.0),
        ('public, MAX-AGE="60"', 59.0),
        ("max-age=soon", HOUR_S),
        ("public", HOUR_S),
    ],
)
async def test_the_server_says_how_long_its_file_is_kept(
    shop: Shop, control: str, used_again_after_s: float
) -> None:
    url = shop.server.page("/hello", tone_file(440), Cache_Control=control)
    await shop.play(url, cache=True)
    shop.now = used_again_after_s
    await shop.play(url, cache=True)
    assert shop.asked == 1
    shop.now = used_again_after_s + 25 * HOUR_S
    await shop.play(url, cache=True)
    assert shop.asked == 2


@pytest.mark.parametrize("control", ["no-store", "max-age=60, No-Store", "no-cache", "max-age=0"])
async def test_a_file_that_the_server_wants_asked_for_is_asked_for(
    shop: Shop, control: str
) -> None:
    url = shop.server.page("/hello", tone_file(440), Cache_Control=control)
    for _ in range(2):
        assert is_tone(await shop.play(url, cache=True), 440)
    assert shop.asked == 2


async def test_a_stale_file_is_fetched_again_only_when_it_has_changed(shop: Shop) -> None:
    async def versioned(request: web.Request) -> web.StreamResponse:
        headers = {"ETag": '"v1"', "Cache-Control": "max-age=60"}
        if request.headers.get("If-None-Match") == '"v1"':
            return web.Response(status=304, headers=headers)
        return web.Response(body=tone_file(440), headers=headers)

    url = shop.server.on("/hello", versioned)
    first = await shop.play(url, cache=True)
    shop.now = 60
    assert await shop.play(url, cache=True) == first
    shop.now = 119
    assert await shop.play(url, cache=True) == first
    assert shop.asked == 2
    shop.server.page("/hello", tone_file(1000), ETag='"v2"')
    shop.now = 120
    assert is_tone(await shop.play(url, cache=True), 1000)
    assert [asked.headers.get("If-None-Match") for asked in shop.server.asked] == [
        None,
        '"v1"',
        '"v1"',
    ]


async def test_a_file_whose_server_takes_it_back_is_no_longer_kept(shop: Shop) -> None:
    url = shop.server.page("/hello", tone_file(440), Cache_Control="no-cache", ETag='"v1"')
    await shop.play(url, cache=True)
    shop.server.page("/hello", tone_file(440), Cache_Control="no-store", ETag='"v1"')
    for _ in range(2):
        await shop.play(url, cache=True)
    tags = [asked.headers.get("If-None-Match") for asked in shop.server.asked]
    assert tags == [None, '"v1"', None]


async def test_a_failed_download_is_not_kept(shop: Shop) -> None:
    url = shop.server.url + "/hello"
    with pytest.raises(AudioFileError, match="HTTP 404"):
        await shop.play(url, cache=True)
    shop.server.page("/hello", tone_file(440))
    assert is_tone(await shop.play(url, cache=True), 440)


async def test_the_files_used_last_are_kept_within_the_bound(
    shop: Shop, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = tone_file(440, seconds=0.1)
    monkeypatch.setattr(files_module, "CACHE_BYTES", 2 * len(file) + 2_500)
    one, two, three = (shop.server.page(f"/{number}", file) for number in (1, 2, 3))
    for url in (one, two, one, three, one, three, two):
        await shop.play(url, cache=True)
    assert [asked.path for asked in shop.server.asked] == ["/1", "/2", "/3", "/2"]


async def test_a_renewed_file_counts_once(shop: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
    file = tone_file(440, seconds=0.1)
    monkeypatch.setattr(files_module, "CACHE_BYTES", 2 * len(file) + 2_500)
    one = shop.server.page("/1", file)
    two = shop.server.page("/2", file, Cache_Control="max-age=1")
    await shop.play(one, cache=True)
    for hour in range(3):
        shop.now = hour * HOUR_S
        await shop.play(two, cache=True)
    await shop.play(one, cache=True)
    assert [asked.path for asked in shop.server.asked] == ["/1", "/2", "/2", "/2"]


# --- several callers at once --------------------------------------------------------------------


class Held:
    """A page that is answered when the test says so."""

    def __init__(self, body: bytes, status: int = 200) -> None:
        self.body = body
        self.status = status
        self.asked = asyncio.Event()
        self.go = asyncio.Event()

    async def __call__(self, request: web.Request) -> web.StreamResponse:
        self.asked.set()
        await self.go.wait()
        return web.Response(body=self.body, status=self.status)


async def leave(call: asyncio.Future[bytes]) -> None:
    call.cancel()
    await asyncio.gather(call, return_exceptions=True)


async def test_callers_who_ask_at_once_share_one_download(shop: Shop) -> None:
    page = Held(tone_file(440))
    url = shop.server.on("/hello", page)
    async with asyncio.TaskGroup() as tasks:
        calls = [tasks.create_task(shop.play(url, cache=True)) for _ in range(5)]
        await page.asked.wait()
        page.go.set()
    assert all(is_tone(call.result(), 440) for call in calls)
    assert shop.asked == 1


async def test_a_shared_download_outlives_the_caller_who_began_it(shop: Shop) -> None:
    page = Held(tone_file(440))
    url = shop.server.on("/hello", page)
    first = asyncio.ensure_future(shop.play(url, cache=True))
    await page.asked.wait()
    second = asyncio.ensure_future(shop.play(url, cache=True))
    await leave(first)
    page.go.set()
    assert is_tone(await second, 440)
    assert shop.asked == 1


async def test_the_failure_of_a_shared_download_is_told_to_all(shop: Shop) -> None:
    page = Held(b"", status=503)
    url = shop.server.on("/hello", page)
    calls = [asyncio.ensure_future(shop.play(url, cache=True)) for _ in range(3)]
    await page.asked.wait()
    page.go.set()
    failures = await asyncio.gather(*calls, return_exceptions=True)
    assert [str(failure) for failure in failures] == ["audio file: server: HTTP 503"] * 3
    assert shop.asked == 1


async def test_a_failure_that_nobody_waits_for_is_no_complaint(shop: Shop) -> None:
    complaints: list[dict[str, Any]] = []
    loop = asyncio.get_running_loop()
    loop.set_exception_handler(lambda _, complaint: complaints.append(complaint))
    page = Held(b"", status=503)
    call = asyncio.ensure_future(shop.play(shop.server.on("/hello", page), cache=True))
    await page.asked.wait()
    (download,) = (task for task in asyncio.all_tasks() if "_refresh" in repr(task.get_coro()))
    await leave(call)
    page.go.set()
    await asyncio.wait([download])
    del download
    gc.collect()
    assert complaints == []


async def test_closing_ends_the_downloads_that_nobody_waits_for(
    shop: Shop, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(files_module, "ANSWER_S", HOUR_S)
    monkeypatch.setattr(files_module, "DOWNLOAD_S", HOUR_S)
    page = Held(tone_file(440))
    call = asyncio.ensure_future(shop.play(shop.server.on("/hello", page), cache=True))
    await page.asked.wait()
    await leave(call)
    async with asyncio.timeout(20):
        await shop.files.close()
        await shop.files.close()


async def test_of_the_downloads_that_nobody_waits_for_only_the_latest_go_on(shop: Shop) -> None:
    pages = [Held(tone_file(440)) for _ in range(MAX_UNHEARD + 2)]
    urls = [shop.server.on(f"/{number}", page) for number, page in enumerate(pages)]
    for url, page in zip(urls, pages, strict=True):
        call = asyncio.ensure_future(shop.play(url, cache=True))
        await page.asked.wait()
        await leave(call)
    for page in pages:
        page.go.set()
    for url in reversed(urls):
        assert is_tone(await shop.play(url, cache=True), 440)
    assert shop.asked == len(pages) + 2


async def test_a_download_that_was_given_up_begins_anew_for_who_asks_at_once(
    shop: Shop, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(files_module, "MAX_UNHEARD", 1)
    page, other = Held(tone_file(440)), Held(tone_file(440))
    url = shop.server.on("/hello", page)
    for held, asked in ((page, url), (other, shop.server.on("/other", other))):
        call = asyncio.ensure_future(shop.play(asked, cache=True))
        await held.asked.wait()
        await leave(call)
    page.go.set()
    assert is_tone(await shop.play(url, cache=True), 440)


async def test_giving_a_file_up_while_it_is_decoded_is_harmless(shop: Shop) -> None:
    url = shop.server.page("/long", tone_file(440, seconds=60, form="FLAC"))
    for _ in range(20):
        pieces = shop.files.pieces(url=url, media_format="", cache=True, rate_hz=16_000)
        await anext(pieces)
        following = asyncio.ensure_future(anext(pieces))
        await asyncio.sleep(0)
        await leave(following)
        await pieces.aclose()
