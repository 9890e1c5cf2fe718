"""Probe of a carrier: whether it would let the gateway place calls."""

from bots.net import Outbound
from bots.probes.course import Course, StepName


async def probe_carrier(course: Course, carrier: object, outbound: Outbound) -> None:
    """Have the carrier's method ``check`` ask the service; no call is placed.

    The method is optional: a carrier without it, such as one that is part of the gateway, has
    nothing to be tried.

    Raises:
        ServiceError: the service cannot be reached, or does not accept the credentials.
    """
    check = getattr(carrier, "check", None)
    if check is None:
        with course.step(StepName.RESULT):
            return
    with course.step(StepName.CONNECT):
        await check(outbound)
