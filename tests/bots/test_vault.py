"""Secrets in an Azure Key Vault, read by Azure's own package from a vault on loopback."""

import asyncio
import re
import time
from collections.abc import AsyncIterator, Callable
from concurrent.futures import Executor, Future
from pathlib import Path
from typing import Any

import pytest
from structlog.testing import capture_logs

from bots.core.errors import Fault, ServiceError
from bots.vault import FRESH_S, PAUSE_S, KeyVault, Place, SecretClient, key_vault, using
from tests.fakes.key_vault import TOKEN, FakeVault
from tests.fakes.key_vault import vault as serving_vault

ORIGIN = re.compile(r"https://127\.0\.0\.1:[0-9]+")


class Clock:
    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


class AtOnce(Executor):
    """Does what is submitted before it answers; ``held`` puts it off."""

    def __init__(self) -> None:
        self.held = False
        self.waiting: list[Callable[[], Any]] = []

    def submit(self, fn: Callable[..., Any], /, *args: Any, **kwargs: Any) -> Future[Any]:
        self.waiting.append(lambda: fn(*args, **kwargs))
        if not self.held:
            self.run()
        return Future()

    def run(self) -> None:
        while self.waiting:
            self.waiting.pop(0)()


class Identity:
    """Whoever asks gets the token; Azure's package wants a real time of expiry."""

    def get_token(self, *scopes: str, **kwargs: Any) -> Any:
        from azure.core.credentials import AccessToken

        assert scopes == ("https://vault.azure.net/.default",)
        return AccessToken(TOKEN, int(time.time()) + 3600)


class Stage:
    def __init__(self, fake: FakeVault) -> None:
        self.fake = fake
        self.clients: list[Any] = []
        self.clock = Clock()
        self.behind = AtOnce()
        self.vault = KeyVault(
            origin=ORIGIN,
            connect=self.connect,
            clock=self.clock,
            behind=self.behind,
        )

    def connect(self, url: str) -> SecretClient:
        from azure.keyvault.secrets import SecretClient as AzureClient

        client: SecretClient = AzureClient(
            url,
            Identity(),
            verify_challenge_resource=False,
            connection_verify=str(self.fake.authority),
            retry_total=0,
        )
        self.clients.append(client)
        return client

    def close(self) -> None:
        for client in self.clients:
            client.close()

    async def value(self, url: str) -> str:
        return await asyncio.to_thread(self.vault.value, url)

    async def failure(self, url: str) -> ServiceError:
        with pytest.raises(ServiceError) as failed:
            await self.value(url)
        return failed.value


@pytest.fixture
async def stage(tmp_path: Path) -> AsyncIterator[Stage]:
    async with serving_vault(tmp_path) as fake:
        stage = Stage(fake)
        yield stage
        stage.close()


# --- names ----------------------------------------------------------------------------------------

VERSION = "0123456789abcdef0123456789ABCDEF"


@pytest.mark.pure
@pytest.mark.parametrize(
    ("url", "place"),
    [
        (
            "https://retail.vault.azure.net/secrets/stt-key",
            Place("https://retail.vault.azure.net", "stt-key"),
        ),
        (
            f"https://retail-1.vault.azure.cn/secrets/K/{VERSION}",
            Place("https://retail-1.vault.azure.cn", "K", VERSION),
        ),
        (
            "https://abc.vault.usgovcloudapi.net/secrets/k/",
            Place("https://abc.vault.usgovcloudapi.net", "k"),
        ),
    ],
)
def test_identifiers_of_secrets_are_understood(url: str, place: Place) -> None:
    assert KeyVault().place(url) == place


@pytest.mark.pure
@pytest.mark.parametrize(
    "url",
    [
        "",
        "http://retail.vault.azure.net/secrets/k",
        "https://vault.azure.net/secrets/k",
        "https://retail.vault.azure.net.example.com/secrets/k",
        "https://example.com/retail.vault.azure.net/secrets/k",
        "https://retail.vault.azure.net:444/secrets/k",
        "https://me@retail.vault.azure.net/secrets/k",
        "https://retail.vault.azure.net@example.com/secrets/k",
        "https://example.com#.vault.azure.net/secrets/k",
        "https://a.b.vault.azure.net/secrets/k",
        "https://retail.vault.azure.net/keys/k",
        "https://retail.vault.azure.net/secrets/",
        "https://retail.vault.azure.net/secrets/k/v1",
        "https://retail.vault.azure.net/secrets/k?api-version=7.4",
        "https://retail.vault.azure.net/secrets/../secrets/k",
        "https://retail.vault.azure.net/secrets/k\n",
        "https://127.0.0.1/secrets/k",
    ],
)
def test_nothing_else_is_taken_for_one(url: str) -> None:
    with pytest.raises(ValueError, match="must have the form"):
        KeyVault().place(url)


# --- reading --------------------------------------------------------------------------------------


@pytest.mark.wire
async def test_a_secret_is_read_once_and_remembered(stage: Stage) -> None:
    url = stage.fake.secret("key", "opensesame")
    assert stage.vault.known(url).age_s is None
    assert await stage.value(url) == "opensesame"
    stage.clock.now += FRESH_S - 1
    assert await stage.value(url) == "opensesame"
    assert stage.fake.reads() == 1
    assert stage.vault.known(url).age_s == FRESH_S - 1
    assert stage.vault.known(url).minutes == 9


@pytest.mark.wire
async def test_a_version_is_asked_for_by_name(stage: Stage) -> None:
    stage.fake.secret("key", "newest")
    assert await stage.value(stage.fake.secret("key", "older", VERSION)) == "older"


@pytest.mark.wire
async def test_an_old_value_serves_while_it_is_read_again(stage: Stage) -> None:
    url = stage.fake.secret("key", "first")
    await stage.value(url)
    stage.fake.secret("key", "second")
    stage.clock.now += FRESH_S
    stage.behind.held = True
    assert await stage.value(url) == "first"
    assert await stage.value(url) == "first"
    assert len(stage.behind.waiting) == 1
    await asyncio.to_thread(stage.behind.run)
    assert await stage.value(url) == "second"
    assert stage.fake.reads() == 2


@pytest.mark.wire
async def test_the_last_good_value_outlives_the_vault(stage: Stage) -> None:
    url = stage.fake.secret("key", "good")
    await stage.value(url)
    stage.fake.status = 503
    stage.clock.now += FRESH_S
    with capture_logs() as logs:
        assert await stage.value(url) == "good"
        assert await stage.value(url) == "good"
    assert [each["event"] for each in logs] == ["vault.failed"]
    assert "good" not in str(logs)
    known = stage.vault.known(url)
    assert (known.age_s, known.failure) == (FRESH_S, "the vault answered 503")
    reads = stage.fake.reads()
    stage.fake.status = 0
    stage.fake.secret("key", "better")
    stage.clock.now += PAUSE_S
    await stage.value(url)
    assert stage.fake.reads() == reads + 1
    assert await stage.value(url) == "better"
    assert stage.vault.known(url).failure == ""


@pytest.mark.wire
@pytest.mark.parametrize(
    ("status", "fault", "detail"),
    [
        (401, Fault.AUTHENTICATION, "the vault answered 401"),
        (403, Fault.AUTHORIZATION, "the gateway's identity may not read this secret (403)"),
        (404, Fault.NOT_FOUND, "the vault has no such secret"),
        (429, Fault.RATE_LIMIT, "the vault answered 429"),
        (500, Fault.SERVER, "the vault answered 500"),
    ],
)
async def test_a_refusal_is_told_and_the_vault_left_alone_for_a_while(
    stage: Stage, status: int, fault: Fault, detail: str
) -> None:
    url = stage.fake.secret("key", "hidden")
    stage.fake.status = status
    error = await stage.failure(url)
    assert (error.fault, error.detail) == (fault, detail)
    assert error.service.startswith("vault:127.0.0.1:")
    reads = stage.fake.reads()
    assert (await stage.failure(url)).detail == detail
    assert stage.fake.reads() == reads
    stage.fake.status = 0
    stage.clock.now += PAUSE_S
    assert await stage.value(url) == "hidden"


@pytest.mark.wire
async def test_an_empty_secret_is_none(stage: Stage) -> None:
    error = await stage.failure(stage.fake.secret("key", ""))
    assert (error.fault, error.detail) == (Fault.NOT_FOUND, "the secret has no value")


@pytest.mark.wire
async def test_a_vault_that_is_not_there_cannot_be_reached(tmp_path: Path) -> None:
    async with serving_vault(tmp_path) as fake:
        gone = Stage(fake)
        url = fake.secret("key", "x")
    error = await gone.failure(url)
    gone.close()
    assert (error.fault, error.detail) == (Fault.CONNECTIVITY, "the vault cannot be reached")


@pytest.mark.wire
async def test_asking_again_tells_the_failure_and_keeps_the_value(stage: Stage) -> None:
    url = stage.fake.secret("key", "good")
    await stage.value(url)
    stage.fake.status = 403
    with pytest.raises(ServiceError):
        await asyncio.to_thread(stage.vault.read_again, url)
    assert await stage.value(url) == "good"
    stage.fake.status = 0
    stage.fake.secret("key", "better")
    await asyncio.to_thread(stage.vault.read_again, url)
    assert await stage.value(url) == "better"


@pytest.mark.wire
async def test_what_is_no_identifier_is_never_asked_for(stage: Stage) -> None:
    error = await stage.failure("https://169.254.169.254/secrets/k")
    assert error.fault is Fault.INVALID_REQUEST
    assert stage.fake.asked == []


@pytest.mark.pure
def test_without_the_extra_the_message_says_what_to_install(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setitem(__import__("sys").modules, "azure.core", None)
    with pytest.raises(ServiceError, match="without the extra azure") as failed:
        KeyVault().value("https://retail.vault.azure.net/secrets/k")
    assert failed.value.fault is Fault.INTERNAL


@pytest.mark.pure
def test_a_machine_without_an_identity_is_told() -> None:
    def connect(url: str) -> SecretClient:
        from azure.identity import CredentialUnavailableError

        class Nobody:
            def get_secret(self, name: str, version: str | None = None) -> Any:
                raise CredentialUnavailableError(message="nothing was found")

        return Nobody()

    with pytest.raises(ServiceError, match="no identity for Azure was found"):
        KeyVault(connect=connect).value("https://retail.vault.azure.net/secrets/k")


@pytest.mark.pure
def test_another_vault_can_be_put_in_place() -> None:
    other = KeyVault()
    usual = key_vault()
    with using(other):
        assert key_vault() is other
    assert key_vault() is usual
