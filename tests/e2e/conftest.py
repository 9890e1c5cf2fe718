"""One running gateway for all end-to-end tests of a worker."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import expect

from tests.databases import Template
from tests.e2e import installation
from tests.e2e.installation import Gateway

# A busy machine may take its time; what is there at once is seen at once all the same.
expect.set_options(timeout=30_000)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Everything in this folder is an end-to-end test.

    What a browser or a caller meets is the same on every database, so only ``served`` runs on both.
    """
    for item in items:
        if item.path.is_relative_to(__file__.rpartition("/")[0]):
            item.add_marker(pytest.mark.e2e)
            if item.get_closest_marker("served") is None:
                item.add_marker(pytest.mark.once)


@pytest.fixture(scope="session")
def redis_number(worker_id: str) -> int:
    """The first of four numbers of the Redis server that nobody else uses."""
    return 2 + 4 * int(worker_id.removeprefix("gw")) if worker_id != "master" else 2


@pytest.fixture(scope="session")
def gateway(
    tmp_path_factory: pytest.TempPathFactory, template: Template, redis_number: int
) -> Iterator[Gateway]:
    """The running gateway with the demo bot; stopped, and checked to stop cleanly, at the end."""
    directory = tmp_path_factory.mktemp("gateway")
    with (
        installation.own_backends(template, directory, redis_number) as environ,
        installation.running(directory, environ) as running,
    ):
        yield running


@pytest.fixture
def backends(tmp_path: Path, template: Template, redis_number: int) -> Iterator[dict[str, str]]:
    """The environment of a gateway in ``tmp_path`` that one test starts, its database migrated."""
    with installation.own_backends(template, tmp_path, redis_number + 2) as environ:
        yield environ


@pytest.fixture
def nothing(tmp_path: Path, redis_number: int) -> Iterator[dict[str, str]]:
    """The environment of a gateway in ``tmp_path`` that starts from an empty database."""
    with installation.own_backends(Template(), tmp_path, redis_number + 2) as environ:
        yield environ
