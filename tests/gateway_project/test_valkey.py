"""The embedded Valkey server: found, private, and answering."""

import asyncio
import stat
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from channels_redis.pubsub import RedisPubSubChannelLayer
from django.core.exceptions import ImproperlyConfigured

from gateway_project import backends, valkey

pytestmark = pytest.mark.wire


@pytest.fixture
async def embedded(tmp_path: Path) -> AsyncIterator[Path]:
    """The socket of a running embedded server."""
    socket = backends.valkey_socket(tmp_path)
    process = await asyncio.create_subprocess_exec(*valkey.command(socket, tmp_path))
    try:
        async with asyncio.timeout(20):
            while not await valkey.answers(socket):
                assert process.returncode is None
                await asyncio.sleep(0.01)
        yield socket
    finally:
        process.terminate()
        await process.wait()


async def test_the_server_listens_on_a_socket_of_its_owner_only(embedded: Path) -> None:
    state = await asyncio.to_thread(embedded.stat)
    assert stat.S_IMODE(state.st_mode) == 0o600


async def test_the_server_carries_live_events(embedded: Path) -> None:
    layer = RedisPubSubChannelLayer(hosts=[backends.layer_url("", embedded.parent)])
    channel = await layer.new_channel()
    await layer.group_add("calls", channel)
    await layer.group_send("calls", {"type": "call", "id": 1})
    async with asyncio.timeout(10):
        assert await layer.receive(channel) == {"type": "call", "id": 1}
    await layer.flush()


async def test_a_server_that_is_not_there_does_not_answer(tmp_path: Path) -> None:
    assert not await valkey.answers(tmp_path / "valkey.sock")


def test_a_system_server_is_used_where_the_package_has_none(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr("platform.machine", lambda: "riscv64")
    program = tmp_path / "redis-server"
    program.touch(mode=0o755)
    monkeypatch.setenv("PATH", str(tmp_path))
    assert valkey.program() == str(program)
    program.unlink()
    with pytest.raises(ImproperlyConfigured, match="or set REDIS_URL"):
        valkey.program()


def test_a_socket_directory_that_is_not_a_directory_of_ours_is_refused(tmp_path: Path) -> None:
    (tmp_path / "real").mkdir()
    (tmp_path / "link").symlink_to(tmp_path / "real")
    with pytest.raises(ImproperlyConfigured, match="belongs to another user"):
        valkey.command(tmp_path / "link" / "valkey.sock", tmp_path)
