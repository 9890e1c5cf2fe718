"""What is kept for a voice side that went away, and what it is told when it is back."""

from bots.core.activities import event, message
from calls.session.detached import MAX_KEPT, DetachedLeg
from tests.calls.media.leaping import leap
from tests.calls.session.calling import Leg


def test_messages_and_a_hang_up_are_kept_in_order_and_audio_is_not() -> None:
    async def scenario() -> None:
        lost, again = Leg(audio=True), Leg(audio=True)
        detached = DetachedLeg(lost)
        assert (detached.capabilities, detached.caller_audio, detached.prompt_audio) == (
            lost.capabilities,
            lost.caller_audio,
            lost.prompt_audio,
        )
        detached.accept()
        detached.send(message("Hello."))
        detached.play_start(1, text="Hello.", interruptible=True)
        detached.play(1, bytes(640))
        detached.play_stop(1, interrupted=False)
        detached.show_speech(text="yes", final=True, confidence=None)
        detached.show_voice(speaking=True)
        detached.hang_up(reason_code="bot-disconnected", reason="done")
        detached.send(event("late"))
        detached.close()
        assert (lost.told, again.told) == ([], [])
        detached.hand_over(again)
        assert again.told == [("send", "Hello."), ("send", "late"), ("hang up", "bot-disconnected")]

    leap(scenario())


def test_the_oldest_go_when_too_much_is_kept() -> None:
    async def scenario() -> None:
        again = Leg()
        detached = DetachedLeg(Leg())
        for number in range(MAX_KEPT + 1):
            detached.send(message(str(number)))
        detached.hand_over(again)
        assert [text for _, text in again.told] == [str(n) for n in range(1, MAX_KEPT + 1)]

    leap(scenario())
