"""What a failed test of a provider means, beyond what its fault alone tells."""

import pytest

from bots.views.outcomes import shown_stored

pytestmark = pytest.mark.db


@pytest.mark.parametrize(
    ("fault", "detail", "advice"),
    [
        ("invalid-request", "The bot cannot be reached: address not allowed", "OUTBOUND_ALLOW"),
        ("protocol", "Deepgram cannot be reached: TLS certificate not trusted", "authority"),
        ("protocol", "The bot answered nonsense", "its version"),
        ("invalid-request", "No such voice", "Check the parameters"),
    ],
)
def test_the_advice_is_about_what_happened(fault: str, detail: str, advice: str) -> None:
    stored = {"ok": False, "ms": 1, "steps": [], "fault": fault, "detail": detail}
    assert advice in shown_stored("bot", stored).advice
