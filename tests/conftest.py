"""Fixtures of every test: a database in a file, plain static files, nothing beyond this machine.

The database and the Redis server follow ``DATABASE_URL`` and ``REDIS_URL``; without them the tests
use SQLite and the in-memory channel layer. Tests that need a real server of their own ask for
``postgres_url`` or ``redis_url``.
"""

import asyncio.constants
import copy
import functools
import gc
import ipaddress
import os
import re
import shutil
import signal
import socket
import sys
from collections.abc import AsyncIterator, Generator, Iterator
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
import structlog
from channels.layers import channel_layers
from coverage import Coverage
from django.conf import settings
from django.db import connections
from django.db.backends.signals import connection_created
from django.test import override_settings
from django.utils import translation
from hypothesis import settings as hypothesis_settings

from bots import net
from bots.net import Outbound
from tests import both_databases, databases, own_coverage, planted, servers
from tests.distribution import END_TO_END, Together

REQUIRE_PEERS = os.environ.get("GATEWAY_REQUIRE_PEERS") == "1"
"""Whether a test that lacks a program of the system fails; otherwise it is skipped."""

# In CI the same examples every time: whether a line is covered must not be a matter of luck.
hypothesis_settings.register_profile(
    "gateway", deadline=None, database=None, derandomize=REQUIRE_PEERS
)
hypothesis_settings.load_profile("gateway")

LONGEST_SECONDS = 300
"""How long one test may take on a busy machine."""

FILE = pytest.StashKey[str]()
"""The file whose tests run."""

WHOLE_CALLS = Path(__file__).parent / "calls" / "channels"

NOT_PURE = ("not pure", "(db or layer or served) and not (speech or once)")
"""How the test command asks for what is not pure."""
ALL_PURE = re.compile(r"^pytestmark = .*\bmark\.pure\b", re.MULTILINE)

DATABASE_FIXTURES = {"db", "transactional_db", "django_db_setup"}

if TYPE_CHECKING:
    from tests.worlds import World


def pytest_configure(config: pytest.Config) -> None:
    """Run event loops in debug mode and refuse connections that leave this machine."""
    config.option.asyncio_debug = True
    # To note ten frames with each future takes long.
    asyncio.constants.DEBUG_STACK_DEPTH = 1  # type: ignore[misc]  # final to typeshed
    sys.addaudithook(_stay_on_this_machine)
    connection_created.connect(both_databases.listen)


def pytest_ignore_collect(collection_path: Path, config: pytest.Config) -> bool | None:
    """A file none of whose tests is asked for is not read: importing all takes long."""
    if not collection_path.name.startswith("test_"):
        return None
    asked = config.option.markexpr
    if asked == "pure":
        unasked = "mark.pure" not in collection_path.read_text()
    else:
        unasked = asked in NOT_PURE and bool(ALL_PURE.search(collection_path.read_text()))
    return unasked or None


def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> Together:
    """See `tests.distribution`."""
    return Together(config, log)


def pytest_sessionfinish() -> None:
    """Leave word of which functions asked the database, see `tests.both_databases`."""
    both_databases.write(connections["default"].vendor)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Mark as ``db`` what asks for the database by a fixture or by pytest-django's own mark.

    Whole calls are ``once``: what they leave in the database is written by what is tested apart.
    End-to-end tests come first: they take longest.
    """
    items.sort(key=lambda item: not item.nodeid.startswith(END_TO_END))
    for item in items:
        if _asks(item):
            item.add_marker(pytest.mark.db)
        if item.path.is_relative_to(WHOLE_CALLS):
            item.add_marker(pytest.mark.once)


def _asks(item: pytest.Item) -> bool:
    fixtures = DATABASE_FIXTURES.intersection(getattr(item, "fixturenames", ()))
    return bool(fixtures) or item.get_closest_marker("django_db") is not None


def pytest_runtest_setup(item: pytest.Item) -> None:
    """Fail a pure test that asks for the database; skip one whose ``peer`` is not installed.

    Whatever a test did to the logs, those of the next are kept.
    """
    planted.listen()
    if item.get_closest_marker("pure") and _asks(item):
        pytest.fail(f"{item.nodeid} is marked pure and asks for the database")
    for mark in item.iter_markers("peer"):
        for name in mark.args:
            try:
                servers.program(name)
            except servers.MissingProgram as problem:
                pytest.skip(str(problem))


@pytest.hookimpl(tryfirst=True)
def pytest_runtest_protocol(item: pytest.Item) -> None:
    """Say to coverage whose tests run: `tests.own_coverage` asks which file, not which test.

    A context for each test, as pytest-cov offers, takes longer than the tests. What tests of other
    files left in the caches is dropped, else these would not run what they test.
    """
    measuring = Coverage.current()
    context = f"{item.nodeid.partition('::')[0]}::"
    if measuring is not None and item.config.stash.get(FILE, "") != context:
        item.config.stash[FILE] = context
        measuring.switch_context(context)
        for cached in _caches():
            cached.cache_clear()


@functools.cache
def _caches() -> list[Any]:
    """The caches of pure files; all are imported when the tests are collected."""
    rooms = tuple(f"{folder.replace('/', '.')}." for folder in own_coverage.PURE)
    return [
        each
        for each in gc.get_objects()
        # NB isinstance would wake lazy objects.
        if type(each) is type(_caches) and each.__module__.startswith(rooms)
    ]


@pytest.hookimpl(wrapper=True)
def pytest_runtest_call(item: pytest.Item) -> Generator[None, None, None]:
    """A test that waits for what never comes fails, and does not keep all others waiting."""

    def give_up(*_: Any) -> None:
        pytest.fail(f"{item.nodeid} was not done after {LONGEST_SECONDS} s")

    before = signal.signal(signal.SIGALRM, give_up)
    signal.setitimer(signal.ITIMER_REAL, LONGEST_SECONDS)
    try:
        return (yield)
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(
    item: pytest.Item, call: pytest.CallInfo[None]
) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """With ``GATEWAY_REQUIRE_PEERS=1`` a skipped test is a failed one: nothing may be missing."""
    report = yield
    if report.skipped and REQUIRE_PEERS and not hasattr(report, "wasxfail"):
        report.outcome = "failed"
        report.longrepr = f"skipped, but every part is required: {report.longrepr}"
    return report


def _stay_on_this_machine(event: str, arguments: tuple[Any, ...]) -> None:
    if event != "socket.connect":
        return
    peer, address = arguments
    if peer.family not in (socket.AF_INET, socket.AF_INET6):
        return
    host = address[0].partition("%")[0]
    with suppress(ValueError):
        if ipaddress.ip_address(host).is_loopback:
            return
    if host != "localhost":
        raise ConnectionRefusedError(f"a test tried to reach {host}; tests stay on loopback")


@pytest.fixture(scope="session")
def template(tmp_path_factory: pytest.TempPathFactory, worker_id: str) -> databases.Template:
    """The migrated database of this run, which workers and gateways copy."""
    own = tmp_path_factory.getbasetemp()
    return databases.template(own if worker_id == "master" else own.parent)


@pytest.fixture(scope="session")
def django_db_keepdb() -> bool:
    """A SQLite file that was copied is not to be made again."""
    return connections["default"].vendor == "sqlite"


@pytest.fixture(scope="session")
def django_db_modify_db_settings(
    django_db_modify_db_settings_parallel_suffix: None,
    tmp_path_factory: pytest.TempPathFactory,
    template: databases.Template,
) -> None:
    """The test database is a copy; SQLite has it in a file, as threads share it in production."""
    database = connections["default"].settings_dict
    if template.file is not None:
        file = tmp_path_factory.mktemp("database") / "test.sqlite3"
        shutil.copyfile(template.file, file)
        database["TEST"]["NAME"] = str(file)
    else:
        # Test runs that share a server must not share a database.
        database["TEST"]["NAME"] = f"test_gateway_{os.getpid()}"
        database["TEST"]["TEMPLATE"] = template.name


@pytest.fixture(scope="session")
def django_db_setup(django_db_setup: None, django_db_blocker: Any) -> Iterator[None]:
    """The test database of pytest-django, which nobody is connected to when it is dropped."""
    yield
    connection: Any = connections["default"]
    if connection.vendor == "postgresql":
        with django_db_blocker.unblock():
            connection.close()
            connection.close_pool()
            databases.leave(connection.settings_dict["NAME"])


@pytest.fixture(scope="session", autouse=True)
def _test_settings() -> Iterator[None]:
    """Static files without a collected manifest; the channel layer in memory unless REDIS_URL."""
    # A logger that was cached at its first use would escape `structlog.testing.capture_logs`.
    structlog.configure(cache_logger_on_first_use=False)
    changes: dict[str, Any] = {
        "STORAGES": {
            "default": {"BACKEND": "django.core.files.storage.InMemoryStorage"},
            "staticfiles": {"BACKEND": "django.contrib.staticfiles.storage.StaticFilesStorage"},
        },
        "STATIC_ROOT": None,
        # Signing in is no test of the hasher; a million rounds would be most of the run.
        "PASSWORD_HASHERS": [
            "django.contrib.auth.hashers.MD5PasswordHasher",
            "bots.access.ApiSecretHasher",
        ],
        # A prompt of one test must not be what another hears.
        "TTS_CACHE_HOURS": 0,
    }
    if os.environ.get("REDIS_URL"):
        # Test processes that share a server must not hear each other.
        layers = copy.deepcopy(settings.CHANNEL_LAYERS)
        layers["default"]["CONFIG"]["prefix"] = f"test-{os.getpid()}"
        changes["CHANNEL_LAYERS"] = layers
    else:
        memory = "channels.layers.InMemoryChannelLayer"
        changes["CHANNEL_LAYERS"] = {"default": {"BACKEND": memory}}
    with override_settings(**changes):
        yield


@pytest.fixture
async def loopback() -> AsyncIterator[Outbound]:
    """The way out of this process (`bots.net.outbound`), which may reach loopback meanwhile."""
    net.configure(("127.0.0.0/8",))
    async with net.outbound() as way_out:
        yield way_out
    net.configure(settings.OUTBOUND_ALLOW)


@pytest.fixture(autouse=True)
def _in_english() -> None:
    """A page that another test asked for in German does not decide about texts of this one."""
    translation.deactivate()


@pytest.fixture(autouse=True)
def _own_channel_layer() -> Iterator[None]:
    """No event of one test reaches another."""
    channel_layers.backends.clear()
    yield
    channel_layers.backends.clear()


@pytest.fixture(autouse=True)
def _own_limits() -> None:
    """What clients of other tests asked for counts for nobody here: their keys come again."""
    from bots.rest import throttling  # NB needs the loaded applications

    throttling.limiter.cache_clear()


@pytest.fixture(scope="session")
def postgres_url() -> Iterator[str]:
    """A PostgreSQL server of this session's own with an empty database."""
    try:
        with servers.postgres() as url:
            yield url
    except servers.MissingProgram as problem:
        pytest.skip(str(problem))


@pytest.fixture(scope="session")
def redis_url() -> Iterator[str]:
    """A Redis server of this session's own."""
    try:
        with servers.redis() as url:
            yield url
    except servers.MissingProgram as problem:
        pytest.skip(str(problem))


@pytest.fixture
def world(db: None) -> "World":
    """The people and machines of `tests.worlds`."""
    from tests import worlds  # NB needs the loaded applications

    return worlds.build()


@pytest.fixture
def repository() -> Path:
    """The root of the source tree."""
    return Path(__file__).resolve().parent.parent
