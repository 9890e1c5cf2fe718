"""The error tree of the gateway.

::

    GatewayError(code)
    ├─ ParameterError(problems)      bad configuration; shown at the field; HTTP 422
    ├─ ServiceError(service, fault)  an outside service failed; fault.retryable decides what next
    ├─ ProtocolError(peer)           the peer broke the wire contract; it gets no detail
    ├─ ChannelError(reason)          a voice leg could not be built, moved or ended
    ├─ PlaceholderError(reason)      a template with ${…} does not compile or could not be filled
    └─ Denied(scope)                 not authenticated or not permitted (401/403)

Raise at the edge that knows the cause, ``from None`` where the cause may hold credentials; decide
in one place (the engine or a view).
"""

from enum import StrEnum


class Fault(StrEnum):
    """Why an outside service failed; the only thing retry and failover look at."""

    AUTHENTICATION = "authentication"
    AUTHORIZATION = "authorization"
    INVALID_REQUEST = "invalid-request"
    NOT_FOUND = "not-found"
    RATE_LIMIT = "rate-limit"
    QUOTA = "quota"
    CONNECTIVITY = "connectivity"
    TIMEOUT = "timeout"
    SERVER = "server"
    PROTOCOL = "protocol"
    INTERNAL = "internal"

    @property
    def retryable(self) -> bool:
        """Whether the same request may succeed when it is sent again."""
        return self in _RETRYABLE


_RETRYABLE = frozenset({Fault.RATE_LIMIT, Fault.CONNECTIVITY, Fault.TIMEOUT, Fault.SERVER})


class GatewayError(Exception):
    """Root of every error the gateway raises on purpose; ``code`` is stable, for machines."""

    code = "gateway-error"


class ParameterError(GatewayError):
    """Configuration was refused.

    ``problems`` maps the wire name of each wrong parameter to one sentence that says what is wrong
    and what would be right; every problem is listed, not only the first.
    """

    code = "bad-parameter"

    def __init__(self, problems: dict[str, str]) -> None:
        self.problems = problems
        super().__init__("; ".join(f"{name}: {text}" for name, text in problems.items()))


class ServiceError(GatewayError):
    """An outside service (bot, STT, TTS) failed; ``service`` reads like ``stt:offline``.

    ``detail`` is for the log and the operator; it never holds credentials or caller data.
    """

    code = "service-failed"

    def __init__(self, service: str, fault: Fault, detail: str = "") -> None:
        self.service = service
        self.fault = fault
        self.detail = detail
        super().__init__(f"{service}: {fault}: {detail}" if detail else f"{service}: {fault}")


class ProtocolError(GatewayError):
    """The peer broke the wire contract; ``problem`` is for our log, never for the peer."""

    code = "protocol-error"

    def __init__(self, peer: str, problem: str) -> None:
        self.peer = peer
        self.problem = problem
        super().__init__(f"{peer}: {problem}")


class ChannelError(GatewayError):
    """A voice leg could not be built, moved or ended."""

    code = "channel-failed"

    def __init__(self, reason: str) -> None:
        self.reason = reason
        super().__init__(reason)


class PlaceholderError(GatewayError):
    """A template does not compile, or one of its expressions failed; ``reason`` is JavaScript's.

    NB an expression can put the call's data into what it throws: ``reason`` of a failed filling
    may hold caller data.
    """

    code = "placeholder-failed"

    def __init__(self, reason: str) -> None:
        self.reason = reason
        super().__init__(reason)


class Denied(GatewayError):
    """The caller of an interface is not authenticated or lacks ``scope``."""

    code = "denied"

    def __init__(self, scope: str) -> None:
        self.scope = scope
        super().__init__(f"needs {scope}")


def first_service_error(failures: BaseExceptionGroup[ServiceError]) -> ServiceError:
    """The first of the failures that a task group collected."""
    failure: BaseException = failures
    while isinstance(failure, BaseExceptionGroup):
        failure = failure.exceptions[0]
    assert isinstance(failure, ServiceError)  # noqa: S101 - the group's type says so
    return failure
