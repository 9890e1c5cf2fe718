"""The port of carriers: whoever places outbound calls, as the rest of the gateway sees them."""

from typing import Protocol

import msgspec

from bots.core.errors import GatewayError
from bots.net import Outbound
from bots.selectors import CallConfiguration
from calls.core.dialout import DialoutOrder
from calls.session.host import SessionHost


class CarrierRefused(GatewayError):
    """The carrier does not place the call; ``reason_code`` is one of `FAILED_CODES`."""

    code = "carrier-refused"

    def __init__(self, reason_code: str, reason: str) -> None:
        super().__init__(reason)
        self.reason_code = reason_code
        self.reason = reason


class CarrierBusy(GatewayError):
    """The carrier takes no call just now; another try may come after ``retry_after_s`` seconds."""

    code = "carrier-busy"

    def __init__(self, reason: str, *, retry_after_s: float) -> None:
        super().__init__(reason)
        self.reason = reason
        self.retry_after_s = retry_after_s


class Desk(msgspec.Struct, frozen=True, kw_only=True):
    """What the gateway offers a carrier for one call.

    A carrier that brings the call back by itself (as VoiceAI Connect does, over the voice
    WebSocket) reports to ``callback_url``. One that lives in this process opens the call at
    ``host`` with a leg of its own, whose ``accept`` places it.
    """

    host: SessionHost
    configuration: CallConfiguration
    outbound: Outbound
    callback_url: str


class Carrier(Protocol):
    """Places outbound calls; an instance serves many calls at once.

    Registered with kind ``carrier``; built from the provider's parameters and credentials.
    """

    async def place(self, order: DialoutOrder, desk: Desk) -> str:
        """Have the call placed; answers the carrier's own id of it, or an empty text.

        Returns when the carrier has taken the call, not when it is answered, and sets its own
        bounds of time. What becomes of it arrives at the session
        (`calls.session.call.CallSession`) or at the callback.

        Raises:
            CarrierRefused: there will be no call.
            CarrierBusy: there is none now; the order may be given again.
        """
        ...

    async def cancel(self, order: DialoutOrder, carrier_call_id: str, desk: Desk) -> None:
        """Stop a call that rings; harmless when it is over. Best effort: failures are logged."""
        ...


class CheckedCarrier(Carrier, Protocol):
    """A carrier whose provider can be tested without a call."""

    async def check(self, outbound: Outbound) -> None:
        """Reach the service and show it the credentials.

        Raises:
            ServiceError: it cannot be reached, or does not accept them.
        """
        ...
