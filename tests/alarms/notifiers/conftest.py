"""What tests of notifiers share."""

import ssl
from pathlib import Path

import pytest

from tests.fakes.certificates import self_signed


@pytest.fixture(scope="session")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> ssl.SSLContext:
    """A server's TLS with a certificate that no authority knows."""
    folder: Path = tmp_path_factory.mktemp("certificate")
    return self_signed(folder)
