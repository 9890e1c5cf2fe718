"""The states of a recording, and the ids of its sessions."""

import pytest

from calls.core.recording import EVENTS, Recording, RecordingState

pytestmark = pytest.mark.pure

START, PAUSE, RESUME, STOP = (
    "startcallrecording",
    "pausecallrecording",
    "resumecallrecording",
    "stopcallrecording",
)
OFF, ON, PAUSED = RecordingState


@pytest.mark.parametrize(
    ("before", "taken"),
    [
        ([], {START: ON}),
        ([START], {PAUSE: PAUSED, STOP: OFF}),
        ([START, PAUSE], {RESUME: ON, STOP: OFF}),
        ([START, PAUSE, RESUME], {PAUSE: PAUSED, STOP: OFF}),
        ([START, STOP], {START: ON}),
    ],
)
def test_each_state_takes_only_what_fits_and_stays_otherwise(
    before: list[str], taken: dict[str, RecordingState]
) -> None:
    for event in EVENTS:
        recording = Recording()
        assert all(recording.step(each) for each in before)
        state = recording.state

        assert recording.step(event) is (event in taken)
        assert recording.state is taken.get(event, state)


def test_the_ids_of_all_sessions_are_kept_in_order() -> None:
    recording = Recording()
    for recording_id in ("b", "a"):
        recording.begun(recording_id)

    assert recording.ids == ("b", "a")
