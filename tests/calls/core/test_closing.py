"""Who ended the call and why: what is known first counts, unless it proves untrue."""

import pytest

from calls.core import commands
from calls.core.closing import Cause, Closing, Ending, failure

pytestmark = pytest.mark.pure

BOT_HUNG_UP = Ending("bot", "bot-disconnected", "Done")
TRANSFERRED = Ending("bot", "transferred", "asked")


def closing(ending: Ending | None = None) -> Closing:
    """A call that ends with ``ending`` as far as is known."""
    begun = Closing()
    begun.ending = ending
    return begun


@pytest.mark.parametrize(
    ("reason_code", "ending"),
    [
        ("client-disconnected", Ending("caller", "client-disconnected", "why")),
        ("bot-disconnected", Ending("bot", "bot-disconnected", "why")),
        ("transferred", Ending("bot", "transferred", "why")),
        ("no-answer", Ending("caller", "no-answer", "why")),
        ("busy", Ending("caller", "busy", "why")),
        ("declined", Ending("caller", "declined", "why")),
        ("machine-detected", Ending("gateway", "machine-detected", "why")),
        ("error", Ending("gateway", "error", "why", Cause.VOICE_SIDE)),
        ("", Ending("gateway", "error", "why", Cause.VOICE_SIDE)),
    ],
)
def test_the_voice_sides_code_tells_who_ended_the_call(reason_code: str, ending: Ending) -> None:
    ended = closing()
    ended.voice_side_ended(reason_code, "why")

    assert ended.ending == ending


@pytest.mark.parametrize("reason_code", ["bot-disconnected", "error"])
def test_the_voice_sides_confirmation_does_not_replace_the_reason(reason_code: str) -> None:
    ended = closing(BOT_HUNG_UP)
    ended.voice_side_ended(reason_code, "SIP 487")

    assert ended.ending == BOT_HUNG_UP


def test_an_error_of_the_voice_side_means_that_a_transfer_did_not_happen() -> None:
    ended = closing(TRANSFERRED)
    ended.voice_side_ended("error", "SIP 603")

    assert ended.ending == failure(Cause.TRANSFER, "The transfer failed: SIP 603")


def test_a_transfer_that_was_confirmed_stands() -> None:
    ended = closing(TRANSFERRED)
    ended.voice_side_ended("transferred", "REFER")

    assert ended.ending == TRANSFERRED


@pytest.mark.parametrize(
    ("ending", "transferring"), [(None, False), (BOT_HUNG_UP, False), (TRANSFERRED, True)]
)
def test_only_a_call_that_is_to_be_moved_is_transferring(
    ending: Ending | None, transferring: bool
) -> None:
    assert closing(ending).transferring is transferring


def test_a_failed_transfer_keeps_the_cause_for_which_the_call_was_moved() -> None:
    moved = closing(Ending("gateway", "transferred", "The bot failed", "bot:server"))

    assert moved.transfer_failed("busy") == failure("bot:server", "The transfer failed: busy")
    assert moved.ending == failure("bot:server", "The transfer failed: busy")


def test_a_failed_transfer_without_a_cause_is_one() -> None:
    assert closing(TRANSFERRED).transfer_failed("busy").cause == Cause.TRANSFER
    assert closing().transfer_failed("busy").cause == Cause.TRANSFER


def test_a_lost_leg_is_the_reason_only_when_there_is_no_other() -> None:
    lost, after_hang_up = closing(), closing(BOT_HUNG_UP)
    lost.leg_lost()
    after_hang_up.leg_lost()

    assert lost.ending is not None
    assert (lost.ending.by, lost.ending.reason_code) == ("caller", "error")
    assert lost.ending.cause == Cause.CONNECTION_LOST
    assert after_hang_up.ending == BOT_HUNG_UP


def test_finish_tells_everything_that_is_known() -> None:
    ended = closing(failure("tts:timeout", "The synthesiser failed"))
    ended.bot_result = {"ticket": 7}

    assert ended.finish(12.5, 3, ("case-7",)) == commands.Finish(
        at=12.5,
        ended_by="gateway",
        reason_code="error",
        reason="The synthesiser failed",
        cause="tts:timeout",
        turns=3,
        bot_result={"ticket": 7},
        recordings=("case-7",),
    )


def test_a_call_that_ends_without_a_reason_is_a_fault_of_ours() -> None:
    finish = closing().finish(1.0, 0, ())

    assert (finish.ended_by, finish.reason_code, finish.cause) == ("gateway", "error", "internal")
    assert finish.bot_result is None
