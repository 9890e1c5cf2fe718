"""Which failures of Deepgram a new session may mend, and what is said of them."""

import pytest

from bots.core.errors import Fault
from bots.protocols.deepgram_agent.faults import of_close, of_error, of_refusal

pytestmark = pytest.mark.pure


@pytest.mark.parametrize(
    ("code", "fault"),
    [
        ("INTERNAL_SERVER_ERROR", Fault.SERVER),
        ("SERVER_GOING_AWAY", Fault.SERVER),
        ("ASR_CONNECTION_CLOSED", Fault.SERVER),
        ("ASR_DRIVER_TIMEOUT", Fault.TIMEOUT),
        ("FAILED_TO_THINK", Fault.SERVER),
        ("FAILED_TO_SPEAK", Fault.SERVER),
        ("CLIENT_MESSAGE_TIMEOUT", Fault.TIMEOUT),
        ("SOMETHING_NEW", Fault.SERVER),
    ],
)
def test_a_new_session_goes_on_after_failures_of_the_moment(code: str, fault: Fault) -> None:
    broken = of_error(code, "Sorry.")
    assert (broken.again, broken.due, broken.fault, broken.code) == (True, False, fault, code)
    assert broken.detail == f"Deepgram reports an error: Sorry. ({code})"


@pytest.mark.parametrize(
    ("code", "fault"),
    [
        ("INVALID_SETTINGS", Fault.INVALID_REQUEST),
        ("USER_AUDIO_FORMAT", Fault.INVALID_REQUEST),
        ("INVALID_AGENT_ID", Fault.NOT_FOUND),
        ("AGENT_ID_NOT_SUPPORTED", Fault.NOT_FOUND),
    ],
)
def test_settings_that_were_refused_are_not_sent_again(code: str, fault: Fault) -> None:
    broken = of_error(code, "no such model")
    assert (broken.again, broken.fault) == (False, fault)
    assert broken.detail == f"Deepgram refused the settings: no such model ({code})"


@pytest.mark.parametrize(
    "code",
    [
        "UNPARSABLE_CLIENT_MESSAGE",
        "NON_SETTINGS_MESSAGE_BEFORE_SETTINGS",
        "SETTINGS_ALREADY_APPLIED",
        "NON_EXISTENT_FUNCTION_CALLED",
    ],
)
def test_our_own_slips_would_only_happen_again(code: str) -> None:
    assert not of_error(code, "").again


def test_a_session_that_grew_too_old_is_due_for_another() -> None:
    broken = of_error("MAXIMUM_SESSION_LENGTH_REACHED", "2 hours")
    assert broken.again
    assert broken.due


@pytest.mark.parametrize("code", [1000, 1001, 1006, 1011, 1012, 1013, None])
def test_a_close_in_the_middle_of_the_talk_is_worth_a_new_session(code: int | None) -> None:
    broken = of_close(code)
    assert (broken.again, broken.fault) == (True, Fault.CONNECTIVITY)
    assert broken.detail == f"Deepgram closed the connection ({code or 1006})"


@pytest.mark.parametrize("code", [1002, 1003, 1007, 1008, 1009, 1010])
def test_a_close_for_what_we_sent_is_not(code: int) -> None:
    broken = of_close(code, "too big")
    assert (broken.again, broken.fault) == (False, Fault.PROTOCOL)
    assert broken.detail.endswith(": too big")


@pytest.mark.parametrize(
    ("status", "said"),
    [
        (401, "does not accept the API key"),
        (402, "no credit"),
        (403, "does not let this API key"),
        (404, "does not know the address"),
        (429, "no session left"),
        (500, "refused the connection"),
    ],
)
def test_a_refused_upgrade_is_put_into_words(status: int, said: str) -> None:
    text = of_refusal(status, "Invalid credentials.")
    assert said in text
    assert text.startswith("Deepgram ")
    assert text.endswith(f"(HTTP {status}): Invalid credentials.")
    assert of_refusal(status, "").endswith(f"(HTTP {status})")


def test_what_deepgram_says_stays_on_one_line_of_bounded_length() -> None:
    broken = of_error("X" * 5000, "a\r\nb\0c\x1b[31m" + "y" * 5000)
    assert broken.detail.isprintable()
    assert len(broken.detail) <= 200
    assert len(broken.code) <= 100
