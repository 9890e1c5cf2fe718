"""Secrets that are kept in an Azure Key Vault and read from there when they are needed.

A secret is named by its identifier, ``https://NAME.vault.azure.net/secrets/SECRET[/VERSION]``
(https://learn.microsoft.com/azure/key-vault/general/about-keys-secrets-certificates). Needs the
extra ``azure``; who the gateway is to Azure is found by ``DefaultAzureCredential``.

Everything here may wait for the network: call it from a thread, never on an event loop.
"""

import contextlib
import re
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import Executor, ThreadPoolExecutor
from contextvars import ContextVar
from functools import cache
from typing import Any, Protocol

import msgspec
import structlog

from bots.core import noticing
from bots.core.errors import Fault, ServiceError
from bots.net import fault_of_status

FRESH_S = 600
"""How long a value counts as current; after that it is read again behind the scenes."""
PAUSE_S = 30
"""How long a vault that failed is left alone, in seconds."""
_ANSWER_S = 5

_ORIGIN = re.compile(
    r"https://[a-z0-9-]{3,24}\.vault\.(azure\.net|azure\.cn|usgovcloudapi\.net|microsoftazure\.de)"
)
_PATH = re.compile(r"/secrets/(?P<name>[0-9A-Za-z-]{1,127})(/(?P<version>[0-9a-fA-F]{32}))?/?")
_FORM = "must have the form https://NAME.vault.azure.net/secrets/SECRET or …/SECRET/VERSION"

SOURCE = "vault "
"""With this begins what alarms call a secret in a key vault."""
_ALARM = "secretUnreadable"

log = structlog.get_logger(__name__)


class Secret(Protocol):
    """What a client answers."""

    @property
    def value(self) -> str | None:
        """The value; None if there is none."""
        ...


class SecretClient(Protocol):
    """What is used of ``azure.keyvault.secrets.SecretClient``."""

    def get_secret(self, name: str, version: str | None = None) -> Secret:
        """The secret; without ``version`` the newest."""
        ...


class Place(msgspec.Struct, frozen=True):
    """Where a secret is: ``vault`` is the address of the vault, an empty version the newest."""

    vault: str
    name: str
    version: str = ""


class Known(msgspec.Struct, frozen=True, kw_only=True):
    """What this process knows of a secret: its age in seconds, and what the last reading met.

    ``age_s`` is None as long as it was never read; ``failure`` is empty when the last reading
    succeeded.
    """

    age_s: float | None
    failure: str = ""

    @property
    def minutes(self) -> int:
        """The age in whole minutes; 0 as long as it was never read."""
        return int((self.age_s or 0) // 60)


class _Kept(msgspec.Struct):
    value: str | None = None
    read_at: float = 0.0
    failure: ServiceError | None = None
    failed_at: float = 0.0
    busy: bool = False


class KeyVault:
    """Reads secrets and remembers them, each for `FRESH_S`.

    A value that is older is still used while it is read again, and for as long as that fails.
    ``origin`` says which addresses are vaults, ``connect`` makes the client of one.
    """

    def __init__(
        self,
        *,
        origin: re.Pattern[str] = _ORIGIN,
        connect: Callable[[str], SecretClient] | None = None,
        clock: Callable[[], float] = time.monotonic,
        behind: Executor | None = None,
    ) -> None:
        self._origin = origin
        self._connect = cache(connect or _azure_client)
        self._clock = clock
        self._behind = behind
        self._lock = threading.Lock()
        self._kept: dict[str, _Kept] = {}

    def place(self, url: str) -> Place:
        """Where the secret called ``url`` is.

        Raises:
            ValueError: it is not the identifier of a secret in a key vault; the text says what is.
        """
        cut = url.find("/secrets/")
        found = _PATH.fullmatch(url, cut) if cut > 0 else None
        if found is None or not self._origin.fullmatch(url[:cut]):
            raise ValueError(_FORM)
        return Place(url[:cut], found["name"], found["version"] or "")

    def value(self, url: str) -> str:
        """The secret called ``url``; only its first reading waits for the vault.

        Raises:
            ServiceError: it was never read, and cannot be read; nothing of the value is told.
        """
        with self._lock:
            kept = self._kept.setdefault(url, _Kept())
            now = self._clock()
            stale = kept.value is None or now - kept.read_at >= FRESH_S
            rests = kept.failure is not None and now - kept.failed_at < PAUSE_S
            due = stale and not rests and not kept.busy
            if due and kept.value is not None:
                kept.busy = True
        if kept.value is not None:
            if due:
                self._executor().submit(self._read, url, kept)
            return kept.value
        if due:
            self._read(url, kept)
        return _first_value(kept)

    def known(self, url: str) -> Known:
        """What this process knows of the secret; asks nobody."""
        kept = self._kept.get(url, _Kept())
        failure = kept.failure.detail if kept.failure else ""
        age = None if kept.value is None else self._clock() - kept.read_at
        return Known(age_s=age, failure=failure)

    def read_again(self, url: str) -> None:
        """Ask the vault for the secret, fresh or not; a value that was read before survives.

        Raises:
            ServiceError: it cannot be read.
        """
        with self._lock:
            kept = self._kept.setdefault(url, _Kept())
        self._read(url, kept)
        if kept.failure is not None:
            raise kept.failure

    def _executor(self) -> Executor:
        if self._behind is None:
            self._behind = ThreadPoolExecutor(2, thread_name_prefix="vault")
        return self._behind

    def _read(self, url: str, kept: _Kept) -> None:
        """Read the secret into ``kept``, or note there why not."""
        try:
            value = self._fetched(self.place(url))
        except ServiceError as error:
            kept.failure, kept.failed_at = error, self._clock()
            log.warning("vault.failed", address=url, fault=error.fault, detail=error.detail)
            noticing.failed(_ALARM, _source(url), error.detail)
        except ValueError as error:
            kept.failure = ServiceError("vault", Fault.INVALID_REQUEST, str(error))
            kept.failed_at = self._clock()
        else:
            kept.value, kept.read_at, kept.failure = value, self._clock(), None
            noticing.worked(_ALARM, _source(url))
        finally:
            kept.busy = False

    def _fetched(self, place: Place) -> str:
        service = f"vault:{place.vault.removeprefix('https://')}"
        with _told_as(service):
            found = self._connect(place.vault).get_secret(place.name, place.version or None)
        if not found.value:
            raise ServiceError(service, Fault.NOT_FOUND, "the secret has no value")
        return found.value


def _source(url: str) -> str:
    return SOURCE + url.removeprefix("https://")


def _first_value(kept: _Kept) -> str:
    if kept.value is None:
        raise kept.failure or ServiceError("vault", Fault.CONNECTIVITY, "the vault was not read")
    return kept.value


@contextlib.contextmanager
def _told_as(service: str) -> Iterator[None]:
    """Failures of Azure's packages as `ServiceError`, without what the answer held."""
    try:
        from azure.core import exceptions  # NB half a second; only where a vault is used
    except ImportError:
        raise ServiceError(
            service,
            Fault.INTERNAL,
            "the gateway was installed without the extra azure; install voice-ai-gateway[azure]",
        ) from None
    try:
        yield
    except exceptions.ServiceResponseTimeoutError:
        raise ServiceError(service, Fault.TIMEOUT, "the vault does not answer") from None
    except (exceptions.ServiceRequestError, exceptions.ServiceResponseError):
        raise ServiceError(service, Fault.CONNECTIVITY, "the vault cannot be reached") from None
    except exceptions.HttpResponseError as error:
        raise _refusal(service, error) from None


def _refusal(service: str, error: Any) -> ServiceError:
    status = error.status_code
    if status is None:
        # The identity, not the vault: its texts list what was tried and hold no secret.
        return ServiceError(
            service,
            Fault.AUTHENTICATION,
            "no identity for Azure was found here; see DefaultAzureCredential of azure-identity",
        )
    if status == 404:
        return ServiceError(service, Fault.NOT_FOUND, "the vault has no such secret")
    if status == 403:
        return ServiceError(
            service, Fault.AUTHORIZATION, "the gateway's identity may not read this secret (403)"
        )
    return ServiceError(service, fault_of_status(status), f"the vault answered {status}")


def _azure_client(vault: str) -> SecretClient:
    """A client for ``vault`` with the identity of this machine or its environment."""
    from azure.keyvault.secrets import SecretClient as AzureClient  # NB as above

    client: SecretClient = AzureClient(
        vault,
        _identity(),
        retry_total=1,
        connection_timeout=_ANSWER_S,
        read_timeout=_ANSWER_S,
    )
    return client


@cache
def _identity() -> Any:
    from azure.identity import DefaultAzureCredential  # NB as above

    return DefaultAzureCredential()


# --- which one is used ----------------------------------------------------------------------------

_process_wide = KeyVault()
_in_use: ContextVar[KeyVault | None] = ContextVar("_in_use", default=None)


def key_vault() -> KeyVault:
    """What secrets are read by: the process's own, or that of `using`."""
    return _in_use.get() or _process_wide


@contextlib.contextmanager
def using(other: KeyVault) -> Iterator[None]:
    """Everything inside reads secrets by ``other``."""
    token = _in_use.set(other)
    try:
        yield
    finally:
        _in_use.reset(token)
