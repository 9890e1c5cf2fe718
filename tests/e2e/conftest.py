"""One running gateway for all end-to-end tests of a worker."""

from collections.abc import Iterator

import pytest
from playwright.sync_api import expect

from tests.e2e import installation
from tests.e2e.installation import Gateway

# A busy machine may take its time; what is there at once is seen at once all the same.
expect.set_options(timeout=30_000)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Everything in this folder is an end-to-end test; each file stays with one worker.

    These tests wait for speech more than they compute, so several gateways run side by side.
    """
    for item in items:
        if item.path.is_relative_to(__file__.rpartition("/")[0]):
            item.add_marker(pytest.mark.e2e)
            if "gateway" in getattr(item, "fixturenames", ()):
                item.add_marker(pytest.mark.xdist_group(item.path.stem))


@pytest.fixture(scope="session")
def gateway(tmp_path_factory: pytest.TempPathFactory, worker_id: str) -> Iterator[Gateway]:
    """The running gateway with the demo bot; stopped, and checked to stop cleanly, at the end."""
    directory = tmp_path_factory.mktemp("gateway")
    with (
        installation.own_backends(worker_id) as environ,
        installation.running(directory, environ) as running,
    ):
        yield running
