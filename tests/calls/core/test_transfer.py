"""What a transfer of the bot asks for, and what the configuration adds."""

from typing import Any

import pytest

from bots.core import activities
from calls.core import commands
from calls.core.scopes import Scopes
from calls.core.transfer import asked_for
from tests.calls.core.reader import configured

pytestmark = pytest.mark.pure

TARGET = "tel:+15550111"


def transfer(**arguments: Any) -> activities.Activity:
    return activities.event("handover", activity_params=arguments or None)


def test_without_any_target_there_is_no_transfer() -> None:
    assert asked_for(transfer(handoverReason="asked"), Scopes(configured())) is None


def test_what_the_bot_leaves_out_is_configured() -> None:
    params = Scopes(
        configured(
            transferTarget=TARGET,
            handoverReason="escalation",
            transferReferredByURL="sip:bot@example.com",
            transferSipHeaders=[{"name": "X-Bot", "value": "demo"}],
            transferNotifications=True,
        )
    )
    asked = asked_for(transfer(), params)

    assert asked is not None
    assert asked.notify
    sent = activities.event(
        "transfer",
        activity_params={
            "transferReferredByURL": "sip:bot@example.com",
            "transferSipHeaders": [{"name": "X-Bot", "value": "demo"}],
            "transferTarget": TARGET,
            "handoverReason": "escalation",
            "transferNotifications": True,
        },
    )
    assert asked.command() == commands.TransferCall(
        target=TARGET, reason="escalation", activity=sent
    )


def test_the_bots_own_arguments_count_first_and_unknown_ones_go_on() -> None:
    params = Scopes(
        configured(transferTarget=TARGET, handoverReason="escalation", transferNotifications=True)
    )
    asked = asked_for(
        transfer(
            transferTarget="sip:desk@example.com",
            handoverReason="asked",
            transferNotifications=False,
            queue="gold",
        ),
        params,
    )

    assert asked is not None
    assert (asked.target, asked.reason, asked.notify) == ("sip:desk@example.com", "asked", False)
    assert asked.activity.activity_params == {
        "transferTarget": "sip:desk@example.com",
        "handoverReason": "asked",
        "queue": "gold",
    }


@pytest.mark.parametrize(
    ("given", "notify"), [(True, True), ("true", True), (False, False), ("false", False)]
)
def test_bots_may_write_a_switch_as_a_word(given: bool | str, notify: bool) -> None:
    params = Scopes(configured(transferNotifications=not notify))
    asked = asked_for(transfer(transferTarget=TARGET, transferNotifications=given), params)

    assert asked is not None
    assert asked.notify is notify
