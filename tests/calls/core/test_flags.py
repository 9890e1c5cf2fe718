"""What makes a call worth a look, and when it no longer is."""

import pytest

from bots.core.activities import event
from bots.core.errors import Fault
from calls.core import commands, events
from calls.core.flags import Flags

pytestmark = pytest.mark.pure


def said(text: str, *, final: bool = True) -> events.CallerSaid:
    return events.CallerSaid(text=text, final=final)


def test_misunderstandings_are_counted_in_a_row() -> None:
    flags = Flags()
    flags.happened(said(""))
    flags.happened(said("I wan", final=False))
    flags.happened(said(""))
    assert flags.value == {"not-understood": 2}
    flags.happened(said("my bill"))
    assert flags.value == {}


def test_keys_are_input_too() -> None:
    flags = Flags()
    flags.happened(said(""))
    flags.waited_in_vain(1)
    flags.happened(events.DigitsPressed("1"))
    assert flags.value == {}


def test_silence_is_flagged_as_often_as_it_came_in_a_row() -> None:
    flags = Flags()
    flags.waited_in_vain(0)
    assert flags.value == {}
    flags.waited_in_vain(3)
    assert flags.value == {"no-input": 3}
    flags.waited_in_vain(0)
    assert flags.value == {}


@pytest.mark.parametrize(
    "cause", [events.VoiceStarted(), said("stop", final=False), events.DigitsPressed("1")]
)
def test_only_a_caller_barges_in(cause: events.Event) -> None:
    flags = Flags()
    flags.happened(events.BotSpoke(event("abortPrompts")))
    flags.commanded(commands.StopPlayback(1))
    assert flags.value == {}
    assert flags.barge_ins == 0
    flags.happened(cause)
    flags.commanded(commands.StopPlayback(2))
    flags.happened(cause)
    flags.commanded(commands.StopPlayback(3))
    assert flags.value["barge-in"] == flags.barge_ins == 2


def test_the_last_fault_is_named() -> None:
    flags = Flags()
    for service, fault in (("tts", Fault.SERVER), ("stt", Fault.TIMEOUT)):
        flags.commanded(commands.ReportFault(service=service, fault=fault))  # type: ignore[arg-type]  # one of them
    assert flags.value == {"fault": "stt:timeout"}


@pytest.mark.parametrize(
    ("done", "shown"),
    [
        (events.TransferDone(succeeded=False, reason_code="busy"), "failed: busy"),
        (events.TransferDone(succeeded=False, reason="nobody\x00"), "failed: nobody"),
        (events.TransferDone(succeeded=False), "failed: error"),
    ],
)
def test_a_failed_transfer_is_flagged_until_the_next(done: events.TransferDone, shown: str) -> None:
    flags = Flags()
    flags.happened(done)
    assert flags.value == {"transfer": shown}
    activity = event("transfer")
    flags.commanded(commands.TransferCall(target="tel:1", reason="", activity=activity))
    assert flags.value == {}
    flags.happened(events.TransferDone(succeeded=True))
    assert flags.value == {}


def test_who_stepped_in_and_whether_the_bot_is_muted() -> None:
    flags = Flags()
    act = commands.RecordAct(by="anna", name="mute", detail={}, muted=True)
    flags.commanded(act)
    assert flags.value == {"operator": "anna", "muted": True}
    flags.commanded(commands.RecordAct(by="ben", name="mute", detail={}, muted=False))
    assert flags.value == {"operator": "ben"}


def test_flags_that_have_not_changed_are_the_same_object() -> None:
    flags = Flags()
    flags.waited_in_vain(1)
    before = flags.value
    flags.waited_in_vain(1)
    flags.happened(events.BotJoined())
    flags.commanded(commands.ShowState("thinking"))
    assert flags.value is before
    flags.waited_in_vain(2)
    assert before == {"no-input": 1}
