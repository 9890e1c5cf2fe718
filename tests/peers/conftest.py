"""A gateway that calls bots of others. These tests run by ``make peers``, not by ``make test``."""

import json
import os
import re
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.databases import Template
from tests.e2e import installation
from tests.e2e.installation import Gateway
from tests.peers.checkouts import HOME, ROOT

# Without what `tests.peers.checkouts` makes ready there is nothing to test.
collect_ignore_glob = [] if os.environ.get("PEERS") else ["test_*.py"]

_YAML = re.compile(r"^```yaml\n(.*?)^```$", re.MULTILINE | re.DOTALL)
_PROVIDER = re.compile(r"^  ([\w-]+):\n    kind: bot$", re.MULTILINE)
_ADDRESS = re.compile(r"(?<=botURL: )(\w+)://[^/\s]+")

Configured = Callable[..., None]
Called = Callable[..., Any]


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Mark them."""
    for item in items:
        if item.path.is_relative_to(__file__.rpartition("/")[0]):
            item.add_marker(pytest.mark.peers)


@pytest.fixture(scope="session")
def peers() -> Path:
    """The folder with the bots, built."""
    return HOME


@pytest.fixture(scope="session")
def gateway(tmp_path_factory: pytest.TempPathFactory, template: Template) -> Iterator[Gateway]:
    """A gateway with the services of the demo that may reach this machine."""
    directory = tmp_path_factory.mktemp("gateway")
    with installation.own_backends(template, directory, 2) as environ:
        environ["OUTBOUND_ALLOW"] = "127.0.0.1"
        with installation.running(directory, environ) as running:
            yield running


@pytest.fixture
def configured(gateway: Gateway, tmp_path: Path) -> Configured:
    """``configured(page, port)`` sets up what a how-to page says, with the bot at that port.

    ``token`` is what the providers of the page get as their token.
    """

    def configure(page: str, port: int, token: str = "") -> None:
        (block,) = _YAML.findall((ROOT / "docs" / "how-to" / page).read_text())
        file = tmp_path / "configuration.yaml"
        file.write_text(_ADDRESS.sub(rf"\1://127.0.0.1:{port}", block))
        answer = gateway.manage("configuration", "import", str(file))
        assert answer.returncode == 0, answer.stdout + answer.stderr
        if token:
            for provider in _PROVIDER.findall(block):
                gateway.query(_SET_TOKEN.format(provider=provider, token=token))

    return configure


_SET_TOKEN = """
from bots.models import Provider
from bots import services
provider = Provider.objects.get(name="{provider}")
services.provider_update(
    provider=provider, expected_revision=provider.revision, credentials={{"token": "{token}"}}
)
"""


@pytest.fixture
def called(gateway: Gateway) -> Called:
    """``called(bot, ...)`` places a test call and answers what `testcall` prints and the record."""

    def call(bot: str, *options: str) -> Any:
        answer = gateway.manage("testcall", bot, "--json", *options)
        assert answer.returncode == 0, answer.stdout + answer.stderr
        return json.loads(answer.stdout)

    return call
