"""What a notifier is given and must do."""

from datetime import datetime
from typing import ClassVar, Literal, Protocol

import msgspec

from alarms.core.severity import Severity

NoticeKind = Literal["raised", "changed", "cleared", "resent", "test"]


class Notice(msgspec.Struct, frozen=True, kw_only=True):
    """One change of one alarm, as destinations are told of it.

    ``id`` is that of the notification and the same in each attempt; ``alarm_id`` stays the same
    from raised to cleared; ``seq`` numbers the changes of this gateway (0: a test or sent again).
    ``number`` is that of the type. ``gateway`` is what this installation is called.
    """

    id: str
    kind: NoticeKind
    seq: int
    alarm_id: str
    type: str
    number: int
    title: str
    source: str
    severity: Severity
    previous: Severity | None
    text: str
    detail: str
    cause: str
    at: datetime
    raised_at: datetime
    count: int
    gateway: str
    runbook_url: str
    console_url: str


class Notifier(Protocol):
    """Sends notices to one destination; built with its parameters and credentials.

    ``confirmed``: the destination says that it got them, so that silence is a failure.
    """

    confirmed: ClassVar[bool]

    async def send(self, notice: Notice) -> None:
        """Send ``notice`` once; the caller bounds the time and tries again later.

        Raises:
            ServiceError: it was not taken; the fault tells whether another attempt may help.
        """
        ...

    async def close(self) -> None:
        """Give back sockets and sessions; nothing is sent afterwards."""
        ...
