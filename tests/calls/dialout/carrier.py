"""A carrier in memory: a target names what becomes of its call."""

import asyncio
from typing import Annotated, ClassVar

from pydantic import Field

from bots.core import registry
from bots.core.activities import event
from bots.core.params.declare import Param, ParamSet
from bots.core.registry import NoParams
from calls.core.dialout import DialoutOrder
from calls.core.events import CallerHungUp, CallStarted
from calls.core.ports import CallStart
from calls.dialout.port import CarrierBusy, CarrierRefused, Desk
from calls.session.call import CallSession
from tests.calls.session.calling import Leg


class MemoryCarrierParams(ParamSet):
    """How the test carrier behaves."""

    SECTION: ClassVar[str] = "Test carrier"
    greeting: Annotated[str, Param(help="What it is asked to play.")] = Field(
        "", alias="testCarrierGreeting"
    )


class OutboundLeg(Leg):
    """Has the call placed when it is accepted; the host part of the target says what happens."""

    def __init__(self, target: str) -> None:
        super().__init__(audio=False)
        self._what = target.rpartition("@")[2]

    def accept(self) -> None:
        super().accept()
        assert self.session is not None
        if self._what in ("answers", "talks"):
            self.session.take(CallStarted(event("start")))
        if self._what in ("busy", "declined", "no-answer"):
            self.session.take(CallerHungUp(reason_code=self._what, reason="So it is"))
        if self._what == "answers":
            self.session.take(CallerHungUp(reason_code="client-disconnected", reason="Bye"))


@registry.register("carrier", "test", "Test", params=MemoryCarrierParams)
class MemoryCarrier:
    """Opens a text session for the order; ``orders`` is what it was given."""

    calls_back = False

    def __init__(self, params: MemoryCarrierParams, _credentials: NoParams) -> None:
        self.params = params
        self.orders: list[DialoutOrder] = []
        self.desks: list[Desk] = []
        self.cancelled: list[tuple[str, str]] = []
        self.sessions: list[CallSession] = []
        self.placing = asyncio.Event()
        self.cancelling = asyncio.Event()
        self.lets_go = asyncio.Event()

    async def place(self, order: DialoutOrder, desk: Desk) -> str:
        self.orders.append(order)
        self.desks.append(desk)
        self.placing.set()
        what = order.target.rpartition("@")[2]
        if what == "refused":
            raise CarrierRefused("declined", "Not this number")
        if what == "engaged" and len(self.orders) == 1:
            raise CarrierBusy("All lines are taken", retry_after_s=0)
        if what == "broken":
            raise RuntimeError("a bug in a carrier")
        if what == "confused":
            raise KeyError("a bug as well")
        if what == "slow":
            await self.lets_go.wait()
        if what in ("elsewhere", "stubborn"):
            return "far-1"
        self.bring(order, desk)
        return "near-1"

    def bring(self, order: DialoutOrder, desk: Desk) -> None:
        """The call is there."""
        leg = OutboundLeg(order.target)
        session = desk.host.open(
            desk.configuration,
            leg,
            CallStart(
                conversation_id=order.dialout_id,
                channel="test",
                callee=order.target,
                direction="outbound",
                announced=True,
                dialout=order,
            ),
        )
        leg.session = session
        self.sessions.append(session)

    async def cancel(self, order: DialoutOrder, carrier_call_id: str, desk: Desk) -> None:
        self.cancelled.append((order.target, carrier_call_id))
        self.cancelling.set()
        if order.target.endswith("@stubborn"):
            await self.lets_go.wait()
