"""One placement: from a claimed dialout to a carrier that has the call, or to why there is none."""

import asyncio
from datetime import UTC, datetime, timedelta
from uuid import UUID

import structlog
from django.conf import settings
from django.db import DatabaseError, InterfaceError

from bots import access
from bots.core.errors import ParameterError
from bots.net import outbound
from bots.selectors import CallConfiguration, call_configuration
from calls.core.events import EndRequested
from calls.core.wording import clean
from calls.database import db
from calls.dialout.port import Carrier, CarrierBusy, CarrierRefused, Desk
from calls.dialouts.orders import configured, order_of
from calls.dialouts.progress import handed_over
from calls.facts import DialoutPutBack, DialoutRefused, DialoutTaken
from calls.models import Dialout
from calls.session.host import NoCapacity, SessionHost

PLACE_S = 30.0
"""How long a carrier may take to take a call; carriers set themselves less."""
CANCEL_S = 10.0
DATABASE_S = 15.0
SOONEST_S, LATEST_S = 1.0, 300.0
"""Bounds of what a busy carrier may ask to be left alone for."""
MAX_ID_CHARS = 200

log = structlog.get_logger(__name__)


class Placement:
    """Has one dialout of this process placed, or its call stopped again; neither raises."""

    def __init__(self, dialout: Dialout, host: SessionHost) -> None:
        self.dialout_id: UUID = dialout.pk
        self.asked = False
        """Whether the carrier was asked: there may be a call."""
        self._dialout = dialout
        self._order = order_of(dialout)
        self._host = host

    async def run(self, configuration: CallConfiguration) -> None:
        """Hand the dialout to its carrier; calls of its bot use ``configuration``."""
        try:
            await self._place(configuration)
        except CarrierRefused as refused:
            self._refuse(refused.reason_code, refused.reason)
        except CarrierBusy as busy:
            self._put_back(busy.reason, busy.retry_after_s)
        except NoCapacity as full:
            self._put_back(str(full), SOONEST_S)
        except TimeoutError:
            self._refuse("error", "The carrier did not take the call in time")
            await self.cancel()
        except Exception:
            # The root of a placement: others must go on.
            log.exception("dialout.placement_broken", dialout=str(self.dialout_id))
            self._refuse("error", "An error inside the gateway prevented the call")

    async def cancel(self) -> None:
        """Have the carrier stop a call that has no session here; then it is over for us."""
        try:
            async with asyncio.timeout(CANCEL_S):
                known = await db(call_configuration, self._order.bot)
                carrier, desk = self._desk(configured(known, self._dialout), "")
                await carrier.cancel(self._order, self._dialout.carrier_call_id, desk)
        except Exception as error:  # noqa: BLE001 - best effort of somebody else's plug-in
            log.warning("dialout.not_cancelled", error=type(error).__name__)
        self._refuse("error", "Cancelled")

    async def _place(self, configuration: CallConfiguration) -> None:
        prepared = await self._prepared(configuration)
        if prepared is None:
            return
        carrier, desk = prepared
        self.asked = True
        async with asyncio.timeout(PLACE_S):
            carrier_call_id = await carrier.place(self._order, desk)
        self._host.record(
            DialoutTaken(
                dialout_id=self.dialout_id,
                at=_now(),
                carrier_call_id=clean(carrier_call_id, MAX_ID_CHARS),
            )
        )

    async def _prepared(self, configuration: CallConfiguration) -> tuple[Carrier, Desk] | None:
        """The carrier to ask; None: there is none to ask, and it is said what becomes of that.

        Raises:
            NoCapacity: this process takes no calls.
        """
        try:
            configuration = configured(configuration, self._dialout)
            token = access.new_token()
            carrier, desk = self._desk(configuration, token)
            self._host.admit()
            digest = access.digest(token) if desk.callback_url else ""
            if await self._hand_over(configuration, digest):
                return carrier, desk
        except ParameterError as error:
            wrong = ", ".join(error.problems)
            self._refuse("error", f"The bot is not configured correctly: {wrong}")
        except LookupError as missing:
            self._refuse("error", str(missing))
        except (DatabaseError, InterfaceError) as error:
            log.warning("dialout.not_handed_over", error=type(error).__name__)
            self._put_back("The database was away", SOONEST_S)
        return None

    def _desk(self, configuration: CallConfiguration, token: str) -> tuple[Carrier, Desk]:
        """The carrier, and what it is offered; with an address for its reports if it has any.

        Raises:
            LookupError: there is no carrier.
        """
        carrier: Carrier = self._host.carrier(configuration)
        callback_url = ""
        if token and configuration.carrier is not None and getattr(carrier, "calls_back", False):
            path = f"voice/{configuration.carrier.plugin}/dialouts/{self.dialout_id}/{token}"
            callback_url = f"{settings.PUBLIC_URL}/{path}"
        desk = Desk(
            host=self._host,
            configuration=configuration,
            outbound=outbound(),
            callback_url=callback_url,
        )
        return carrier, desk

    async def _hand_over(self, configuration: CallConfiguration, digest: str) -> bool:
        """Note that the carrier is about to be asked; False: the dialout is not ours any more."""
        chosen = configuration.carrier
        try:
            async with asyncio.timeout(DATABASE_S):
                return await db(
                    handed_over,
                    self.dialout_id,
                    owner=self._host.owner,
                    # A carrier that needs no provider has no name of its own.
                    carrier=(chosen.provider or chosen.plugin) if chosen is not None else "",
                    callback_digest=digest,
                    at=_now(),
                )
        except TimeoutError:
            raise DatabaseError("no answer in time") from None

    def _refuse(self, reason_code: str, reason: str) -> None:
        self._host.record(
            DialoutRefused(
                dialout_id=self.dialout_id,
                owner=self._host.owner,
                at=_now(),
                reason_code=reason_code,
                reason=reason,
            )
        )
        session = self._host.dialouts.get(self.dialout_id)
        if session is not None:
            session.take(EndRequested(by="gateway", reason_code="error", reason=reason))

    def _put_back(self, reason: str, seconds: float) -> None:
        at = _now()
        wait = timedelta(seconds=min(max(seconds, SOONEST_S), LATEST_S))
        self._host.record(
            DialoutPutBack(
                dialout_id=self.dialout_id,
                owner=self._host.owner,
                at=at,
                reason=reason,
                not_before=at + wait,
            )
        )


def _now() -> datetime:
    return datetime.now(UTC)
