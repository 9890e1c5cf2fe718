"""Notifiers ``snmp-v2c`` and ``snmp-v3``: traps and informs.

All processes of an installation speak as one SNMP engine: its id, boots and time come from outside
(`speak_as`), so that a receiver of SNMPv3 does not take a process that was restarted for a replay.
Source: RFC 3414 (USM), RFC 3416 (traps and informs), RFC 3826 (AES), RFC 7860 (SHA-2).
"""

import asyncio
import socket
from abc import ABC, abstractmethod
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Annotated, Any, ClassVar, Literal

from pydantic import AfterValidator, Field, SecretStr

from alarms.core.plain import host_name
from alarms.core.ports import Notice
from alarms.core.trap import Engine, Varbind, varbinds
from bots.core import registry
from bots.core.errors import Fault, ParameterError, ServiceError
from bots.core.params.declare import BESIDE_CREDENTIALS, Param, ParamSet

if TYPE_CHECKING:
    from pysnmp.entity.engine import SnmpEngine

DEADLINE_S = 9.0
"""Of one attempt, looking up the host's name included."""
ANSWER_S = 2.5
"""How long an inform waits for its answer before it is sent once more."""
REPEATS = 1
MIN_KEY_CHARS = 8
"""Of a pass phrase (RFC 3414, 11.2)."""

_SERVICE = "notifier:snmp"
_UDP4, _UDP6 = (1, 3, 6, 1, 6, 1, 1), (1, 3, 6, 1, 2, 1, 100, 1, 2)

_speaker: Engine | None = None


def speak_as(engine: Engine) -> None:
    """Send as ``engine`` from here on; to be called before anything is sent."""
    global _speaker
    _speaker = engine


class SnmpParams(ParamSet):
    """Where traps are sent, and how."""

    SECTION: ClassVar[str] = "SNMP traps"

    host: Annotated[
        str,
        AfterValidator(host_name),
        Param(
            help="Host name or address of the receiver, such as a network management system.",
            levels=BESIDE_CREDENTIALS,
        ),
    ] = Field("", alias="snmpHost", max_length=253)
    port: Annotated[int, Param(help="UDP port of the receiver.", levels=BESIDE_CREDENTIALS)] = (
        Field(162, alias="snmpPort", ge=1, le=65_535)
    )
    kind: Annotated[
        Literal["trap", "inform"],
        Param(
            help="inform: the receiver confirms each one, and what it does not confirm is sent "
            "again. trap: sent once, without any sign that it arrived.",
            levels=BESIDE_CREDENTIALS,
        ),
    ] = Field("trap", alias="snmpKind")


class SnmpCommunity(ParamSet):
    """What a receiver of SNMPv2c knows the gateway by."""

    SECTION: ClassVar[str] = "SNMP community"

    community: Annotated[SecretStr, Param(help="Community of the receiver.", secret=True)] = Field(
        SecretStr(""), alias="snmpCommunity", max_length=255
    )


class SnmpUser(ParamSet):
    """The user of SNMPv3 as whom the gateway speaks (RFC 3414)."""

    SECTION: ClassVar[str] = "SNMP user"

    user: Annotated[str, Param(help="Name of the user, as the receiver knows it.")] = Field(
        "", alias="snmpUser", max_length=32
    )
    level: Annotated[
        Literal["authPriv", "authNoPriv", "noAuthNoPriv"],
        Param(help="authPriv: signed and encrypted. authNoPriv: signed. noAuthNoPriv: neither."),
    ] = Field("authPriv", alias="snmpLevel")
    auth_protocol: Annotated[
        Literal["SHA-512", "SHA-384", "SHA-256", "SHA-224", "SHA"],
        Param(help="How messages are signed; SHA is SHA-1, for old receivers."),
    ] = Field("SHA-256", alias="snmpAuthProtocol")
    auth_key: Annotated[
        SecretStr,
        Param(help=f"Pass phrase for signing, at least {MIN_KEY_CHARS} characters.", secret=True),
    ] = Field(SecretStr(""), alias="snmpAuthKey", max_length=200)
    priv_protocol: Annotated[
        Literal["AES-128", "AES-256", "AES-256-C"],
        Param(
            help="How messages are encrypted. AES-256-C makes its key as Cisco does (Reeder), "
            "AES-256 as the draft of Blumenthal says."
        ),
    ] = Field("AES-128", alias="snmpPrivProtocol")
    priv_key: Annotated[
        SecretStr,
        Param(
            help=f"Pass phrase for encryption, at least {MIN_KEY_CHARS} characters.", secret=True
        ),
    ] = Field(SecretStr(""), alias="snmpPrivKey", max_length=200)


class _Sender(ABC):
    """Sends to one destination by an SNMP engine of the library, which is kept.

    NB each destination has its own: the library files users by name, and two receivers may know
    the same name with different keys.
    """

    confirmed: ClassVar[bool] = False

    def __init__(self, params: SnmpParams, answer_s: float) -> None:
        # The library takes a while to load: not when an alarm has to go out, and not at the start
        # of processes that send no traps.
        import pysnmp.hlapi.v3arch.asyncio  # noqa: F401
        from pysnmp.entity.engine import SnmpEngine

        # NB given an id at once it would keep boots of its own in the directory for temporary
        # files.
        self._blank: SnmpEngine | None = SnmpEngine()
        self.params = params
        self._answer_s = answer_s
        self._engine: SnmpEngine | None = None
        self._endpoints: dict[tuple[int, ...], Any] = {}
        self._auth: Any = None
        self._one = asyncio.Lock()

    @abstractmethod
    def _credentials(self) -> Any:
        """The community or user by a class of the library."""

    async def send(self, notice: Notice) -> None:
        """Send ``notice`` once.

        Raises:
            ServiceError: it could not be sent, or an inform was not confirmed.
        """
        try:
            async with asyncio.timeout(DEADLINE_S), self._one:
                await self._send(notice)
        except TimeoutError:
            raise ServiceError(_SERVICE, Fault.TIMEOUT, "no answer in time") from None

    async def _send(self, notice: Notice) -> None:
        from pysnmp.error import PySnmpError
        from pysnmp.hlapi.v3arch.asyncio import ContextData, send_notification
        from pysnmp.proto.error import StatusInformation

        speaker = _speaker
        if speaker is None:
            raise ServiceError(_SERVICE, Fault.INTERNAL, "the engine of the gateway is not known")
        now = datetime.now(UTC)
        try:
            engine = self._engine_as(speaker, now)
            target, endpoint = await self._target(engine)
            endpoint.problem = None
            failure, status, _, _ = await send_notification(
                engine,
                self._auth,
                target,
                ContextData(),
                self.params.kind,
                *_encoded(varbinds(notice, arc=speaker.arc, up=speaker.up(now))),
                lookupMib=False,
            )
        except StatusInformation as error:
            raise _refused(error.get("errorIndication")) from None
        except (PySnmpError, OSError) as error:
            name = type(error).__name__
            raise ServiceError(_SERVICE, Fault.CONNECTIVITY, f"cannot be sent: {name}") from None
        if failure is not None:
            raise _refused(failure)
        if int(status):
            detail = f"answered with error status {int(status)}"
            raise ServiceError(_SERVICE, Fault.PROTOCOL, detail)
        if endpoint.problem is not None:
            detail = f"cannot be sent: {endpoint.problem.strerror or 'network'}"
            raise ServiceError(_SERVICE, Fault.CONNECTIVITY, detail)

    def _engine_as(self, speaker: Engine, now: datetime) -> "SnmpEngine":
        """The engine of the library, with the identity and time of ``speaker``, made at ``now``."""
        from pysnmp.entity.engine import SnmpEngine

        if self._engine is None:
            self._engine = _identified(self._blank or SnmpEngine(), speaker, now)
            self._blank = None
            self._auth = self._credentials()
        return self._engine

    async def _target(self, engine: "SnmpEngine") -> tuple[Any, Any]:
        """The address of the destination at this moment, and the socket that reaches it."""
        from pysnmp.hlapi.v3arch.asyncio import Udp6TransportTarget, UdpTransportTarget

        loop = asyncio.get_running_loop()
        try:
            found = await loop.getaddrinfo(
                self.params.host, self.params.port, type=socket.SOCK_DGRAM
            )
        except OSError:
            detail = "its name cannot be resolved"
            raise ServiceError(_SERVICE, Fault.CONNECTIVITY, detail) from None
        family, _, _, _, address = found[0]
        kind, domain = (
            (Udp6TransportTarget, _UDP6)
            if family == socket.AF_INET6
            else (UdpTransportTarget, _UDP4)
        )
        if domain not in self._endpoints:
            self._endpoints[domain] = await _endpoint(engine, domain, family)
        target = await kind.create(address[:2], timeout=self._answer_s, retries=REPEATS)
        return target, self._endpoints[domain]

    async def close(self) -> None:
        """Close the sockets."""
        if self._engine is not None:
            self._engine.close_dispatcher()
            self._engine = None
            self._endpoints.clear()
            await asyncio.sleep(0)  # the library's timer ends in the next turn of the loop


@registry.register(
    "notifier",
    "snmp-v2c",
    "SNMPv2c",
    summary="Traps or informs of SNMP version 2c. The community goes over the network in the "
    "clear; prefer SNMPv3 where the receiver has it.",
    params=SnmpParams,
    credentials=SnmpCommunity,
)
class SnmpV2c(_Sender):
    """Sends with a community.

    Raises:
        ParameterError: something that is needed is missing.
    """

    def __init__(
        self, params: SnmpParams, credentials: SnmpCommunity, *, answer_s: float = ANSWER_S
    ) -> None:
        super().__init__(params, answer_s)
        self._community = credentials.community.get_secret_value()
        _needed({"snmpHost": params.host, "snmpCommunity": self._community})

    def _credentials(self) -> Any:
        from pysnmp.hlapi.v3arch.asyncio import CommunityData

        # The person who chose this version was told what it means.
        return CommunityData("gateway", self._community, mpModel=1)  # noqa: S508


@registry.register(
    "notifier",
    "snmp-v3",
    "SNMPv3",
    summary="Traps or informs of SNMP version 3, signed and encrypted.",
    params=SnmpParams,
    credentials=SnmpUser,
)
class SnmpV3(_Sender):
    """Sends as a user.

    Raises:
        ParameterError: something that is needed is missing or too short.
    """

    def __init__(
        self, params: SnmpParams, credentials: SnmpUser, *, answer_s: float = ANSWER_S
    ) -> None:
        super().__init__(params, answer_s)
        self._user = credentials
        needed = {"snmpHost": params.host, "snmpUser": credentials.user}
        keys = {}
        if credentials.level != "noAuthNoPriv":
            keys["snmpAuthKey"] = credentials.auth_key.get_secret_value()
        if credentials.level == "authPriv":
            keys["snmpPrivKey"] = credentials.priv_key.get_secret_value()
        _needed(needed | keys)
        short = [name for name, key in keys.items() if len(key) < MIN_KEY_CHARS]
        if short:
            problem = f"must have at least {MIN_KEY_CHARS} characters"
            raise ParameterError(dict.fromkeys(short, problem))

    def _credentials(self) -> Any:
        from pysnmp.hlapi.v3arch import asyncio as library

        user = self._user
        signed, encrypted = user.level != "noAuthNoPriv", user.level == "authPriv"
        return library.UsmUserData(
            user.user,
            authKey=user.auth_key.get_secret_value() if signed else None,
            privKey=user.priv_key.get_secret_value() if encrypted else None,
            authProtocol=getattr(library, _AUTH[user.auth_protocol]) if signed else None,
            privProtocol=getattr(library, _PRIV[user.priv_protocol]) if encrypted else None,
        )


_AUTH = {
    "SHA": "USM_AUTH_HMAC96_SHA",
    "SHA-224": "USM_AUTH_HMAC128_SHA224",
    "SHA-256": "USM_AUTH_HMAC192_SHA256",
    "SHA-384": "USM_AUTH_HMAC256_SHA384",
    "SHA-512": "USM_AUTH_HMAC384_SHA512",
}
_PRIV = {
    "AES-128": "USM_PRIV_CFB128_AES",
    "AES-256": "USM_PRIV_CFB256_AES_BLUMENTHAL",
    "AES-256-C": "USM_PRIV_CFB256_AES",
}


def _needed(values: dict[str, str]) -> None:
    problems = {name: "is needed" for name, value in values.items() if not value}
    # Receivers differ in what octets other characters are, and so does the library.
    for name, value in values.items():
        if not value.isascii() or not value.isprintable():
            problems[name] = "must be printed characters of ASCII"
    if problems:
        raise ParameterError(problems)


def _identified(engine: "SnmpEngine", speaker: Engine, now: datetime) -> "SnmpEngine":
    """``engine``, which is new, as ``speaker``."""
    own, boots, time = engine.get_mib_builder().import_symbols(
        "__SNMP-FRAMEWORK-MIB", "snmpEngineID", "snmpEngineBoots", "snmpEngineTime"
    )
    own.syntax = own.syntax.clone(speaker.id)
    boots.syntax = boots.syntax.clone(speaker.boots)
    # NB what is set is the moment that counts as zero; the library tells the time since then.
    time.syntax = time.syntax.clone(int((now - speaker.up(now)).timestamp()))
    engine.snmpEngineID = own.syntax
    return engine


async def _endpoint(engine: "SnmpEngine", domain: tuple[int, ...], family: int) -> Any:
    """A socket of the library's for ``engine`` that tells when sending fails."""
    from pysnmp.carrier.asyncio.dgram import udp, udp6
    from pysnmp.entity import config

    kind = udp6.Udp6AsyncioTransport if family == socket.AF_INET6 else udp.UdpAsyncioTransport

    class Endpoint(kind):  # type: ignore[misc, valid-type]  # the package ships no types
        problem: Exception | None = None

        def error_received(self, error: Exception) -> None:
            self.problem = error

    endpoint = Endpoint()
    await asyncio.get_running_loop().create_datagram_endpoint(lambda: endpoint, family=family)
    config.add_transport(engine, domain, endpoint)
    return endpoint


def _encoded(names: list[Varbind]) -> list[tuple[str, Any]]:
    from pysnmp.proto import rfc1902

    forms = {
        "integer": rfc1902.Integer32,
        "unsigned": rfc1902.Unsigned32,
        "octets": rfc1902.OctetString,
        "oid": rfc1902.ObjectIdentifier,
        "ticks": rfc1902.TimeTicks,
    }
    return [(each.oid, forms[each.form](each.value)) for each in names]


def _refused(indication: Any) -> ServiceError:
    """What the library says went wrong, as an error of ours."""
    from pysnmp.proto import errind

    if isinstance(indication, errind.RequestTimedOut):
        # Receivers say nothing about a community that is not theirs, nor about what they cannot
        # decrypt.
        detail = "did not confirm in time: it is away, or the port, community or key is wrong"
        return ServiceError(_SERVICE, Fault.TIMEOUT, detail)
    refusals = (
        errind.UnknownUserName,
        errind.UnknownSecurityName,
        errind.WrongDigest,
        errind.AuthenticationFailure,
        errind.DecryptionError,
        errind.UnsupportedSecurityLevel,
    )
    fault = Fault.AUTHENTICATION if isinstance(indication, refusals) else Fault.PROTOCOL
    return ServiceError(_SERVICE, fault, str(indication)[:200])
