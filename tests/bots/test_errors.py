"""The error tree: codes, messages and which faults are worth a second try."""

import pytest

from bots.core.errors import (
    ChannelError,
    Denied,
    Fault,
    GatewayError,
    ParameterError,
    PlaceholderError,
    ProtocolError,
    ServiceError,
    first_service_error,
)

pytestmark = pytest.mark.pure


def test_only_faults_that_may_pass_by_themselves_are_retryable() -> None:
    retryable = {fault for fault in Fault if fault.retryable}
    assert retryable == {Fault.RATE_LIMIT, Fault.CONNECTIVITY, Fault.TIMEOUT, Fault.SERVER}


@pytest.mark.parametrize(
    ("error", "code", "text"),
    [
        (ParameterError({"a": "is wrong", "b": "too"}), "bad-parameter", "a: is wrong; b: too"),
        (
            ServiceError("stt:offline", Fault.TIMEOUT, "no answer in 5 s"),
            "service-failed",
            "stt:offline: timeout: no answer in 5 s",
        ),
        (ServiceError("bot:x", Fault.SERVER), "service-failed", "bot:x: server"),
        (ProtocolError("audiocodes", "no type"), "protocol-error", "audiocodes: no type"),
        (ChannelError("no answer"), "channel-failed", "no answer"),
        (PlaceholderError("x is not defined"), "placeholder-failed", "x is not defined"),
        (Denied("calls:read"), "denied", "needs calls:read"),
    ],
)
def test_every_error_has_a_code_and_says_what_happened(
    error: GatewayError, code: str, text: str
) -> None:
    assert isinstance(error, GatewayError)
    assert (error.code, str(error)) == (code, text)


def test_an_error_keeps_its_parts_for_those_who_decide() -> None:
    failed = ServiceError("tts:offline", Fault.QUOTA, "used up")
    assert (failed.service, failed.fault, failed.detail) == ("tts:offline", Fault.QUOTA, "used up")
    assert ParameterError({"a": "b"}).problems == {"a": "b"}
    broken = ProtocolError("peer", "bad")
    assert (broken.peer, broken.problem) == ("peer", "bad")
    assert ChannelError("busy").reason == "busy"
    assert PlaceholderError("no").reason == "no"
    assert Denied("x").scope == "x"


def test_the_first_failure_of_nested_task_groups_is_found() -> None:
    first = ServiceError("stt:offline", Fault.SERVER)
    inner = ExceptionGroup("inner", [first, ServiceError("stt:offline", Fault.TIMEOUT)])
    group = ExceptionGroup("outer", [inner, ServiceError("tts:offline", Fault.SERVER)])
    assert first_service_error(group) is first  # type: ignore[arg-type]  # groups nest
