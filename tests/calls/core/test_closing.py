"""Who ended the call and why: what is known first counts, unless it proves untrue."""

import pytest

from calls.core import commands
from calls.core.closing import Closing, Ending

pytestmark = pytest.mark.pure

BOT_HUNG_UP = Ending("bot", "bot-disconnected", "Done")
TRANSFERRED = Ending("bot", "transferred", "asked")
TRANSFER_FAILED = Ending("gateway", "transfer-failed", "The transfer failed: busy")


def closing(ending: Ending | None = None) -> Closing:
    """A call that ends with ``ending`` as far as is known."""
    begun = Closing()
    begun.ending = ending
    return begun


@pytest.mark.parametrize(
    ("reason_code", "by", "code"),
    [
        ("client-disconnected", "caller", "client-disconnected"),
        ("bot-disconnected", "bot", "bot-disconnected"),
        ("transferred", "bot", "transferred"),
        ("machine-detected", "gateway", "machine-detected"),
        ("", "gateway", "error"),
    ],
)
def test_the_voice_sides_code_tells_who_ended_the_call(
    reason_code: str, by: commands.EndedBy, code: str
) -> None:
    ended = closing()
    ended.voice_side_ended(reason_code, "why")

    assert ended.ending == Ending(by, code, "why")


def test_the_voice_sides_confirmation_does_not_replace_the_reason() -> None:
    ended = closing(BOT_HUNG_UP)
    ended.voice_side_ended("bot-disconnected", "Bot Side")

    assert ended.ending == BOT_HUNG_UP


def test_an_error_of_the_voice_side_means_that_a_transfer_did_not_happen() -> None:
    ended = closing(TRANSFERRED)
    ended.voice_side_ended("error", "SIP 603")

    assert ended.ending == Ending("gateway", "error", "SIP 603")


def test_an_error_of_the_voice_side_does_not_hide_why_the_call_was_ended() -> None:
    ended = closing(BOT_HUNG_UP)
    ended.voice_side_ended("error", "SIP 487")

    assert ended.ending == BOT_HUNG_UP


def test_a_failed_transfer_ends_the_call_as_failed() -> None:
    ended = closing(TRANSFERRED)
    ended.transfer_failed("busy")

    assert ended.ending == TRANSFER_FAILED


def test_a_transfer_that_nobody_confirms_has_failed() -> None:
    ended = closing(TRANSFERRED)
    ended.unconfirmed()

    assert ended.ending is not None
    assert ended.ending.reason_code == "transfer-failed"


@pytest.mark.parametrize("ending", [None, BOT_HUNG_UP])
def test_a_hang_up_that_nobody_confirms_stands(ending: Ending | None) -> None:
    ended = closing(ending)
    ended.unconfirmed()

    assert ended.ending == ending


def test_a_lost_leg_is_the_reason_only_when_there_is_no_other() -> None:
    lost, after_hang_up = closing(), closing(BOT_HUNG_UP)
    lost.leg_lost()
    after_hang_up.leg_lost()

    assert lost.ending is not None
    assert (lost.ending.by, lost.ending.reason_code) == ("caller", "connection-lost")
    assert after_hang_up.ending == BOT_HUNG_UP


def test_finish_tells_everything_that_is_known() -> None:
    ended = closing(BOT_HUNG_UP)
    ended.bot_result = {"ticket": 7}

    assert ended.finish(12.5, turns=3) == commands.Finish(
        at=12.5,
        ended_by="bot",
        reason_code="bot-disconnected",
        reason="Done",
        turns=3,
        bot_result={"ticket": 7},
    )


def test_a_call_that_ends_without_a_reason_counts_as_an_error() -> None:
    finish = closing().finish(1.0, turns=0)

    assert (finish.ended_by, finish.reason_code, finish.bot_result) == ("gateway", "error", None)
