"""Operations that keep new calls away from processes of the gateway, such as before an upgrade.

They do what the console's page does, see `calls.draining`; each is in the audit log.
"""

from collections.abc import Callable
from typing import Annotated

from django.http import HttpRequest, HttpResponse
from django.utils.timezone import now
from ninja import Path, Router
from pydantic import Field

from bots.api.reach import demand_all
from bots.core.errors import ParameterError
from bots.rest.answers import answer
from bots.rest.authentication import scoped
from bots.rest.declared import declares
from bots.rest.problems import Problem
from bots.rest.schemas import Body, Shown
from calls import draining
from calls.api.system import OneProcessShown, shown
from calls.system.processes import processes

router = Router(tags=["System"])
switch = scoped("system:drain")
ProcessName = Annotated[
    str, Path(description="The member `owner` of a process.", example="voice-1:4711:0f3a9c21")
]


class Machine(Body):
    """Which processes are meant."""

    host: str = Field("", max_length=200, description="Those of this machine; empty: all.")


class ProcessList(Shown):
    """The processes of the gateway, those that take calls first."""

    items: list[OneProcessShown]


class Drained(ProcessList):
    """What came of a wish, and every process as it is now; each follows within seconds."""

    changed: int = Field(description="Processes of which something else was wanted before.")


@router.get(
    "/system/processes",
    auth=scoped("alarms:read", "system:drain"),
    response=ProcessList,
    operation_id="listProcesses",
    summary="List the processes of the gateway",
)
def listed(request: HttpRequest) -> HttpResponse:
    """How each is doing, as it said itself some seconds ago; only for who reaches all bots."""
    demand_all(request, "see processes")
    return answer(ProcessList(items=_processes()))


@router.post(
    "/system/processes/{process}/drain",
    auth=switch,
    response=Drained,
    operation_id="drainProcess",
    summary="Drain a process",
)
def drain(request: HttpRequest, process: ProcessName) -> HttpResponse:
    """Have it take no more calls; those that go on are not touched. Until taken back."""
    return _done(request, lambda: draining.drain(owner=process))


@router.post(
    "/system/processes/{process}/undrain",
    auth=switch,
    response=Drained,
    operation_id="undrainProcess",
    summary="Have a process take calls again",
)
def undrain(request: HttpRequest, process: ProcessName) -> HttpResponse:
    """Take a drain back, whoever wanted it."""
    return _done(request, lambda: draining.undrain(owner=process))


@router.post(
    "/system/drain",
    auth=switch,
    response=Drained,
    operation_id="drainProcesses",
    summary="Drain a machine or the whole gateway",
    openapi_extra=declares(failures=(404,)),
)
def drain_all(request: HttpRequest, body: Machine) -> HttpResponse:
    """Have all processes of a machine, or all there are, take no more calls."""
    return _done(request, lambda: draining.drain(host=body.host))


@router.post(
    "/system/undrain",
    auth=switch,
    response=Drained,
    operation_id="undrainProcesses",
    summary="Have a machine or the whole gateway take calls again",
    openapi_extra=declares(failures=(404,)),
)
def undrain_all(request: HttpRequest, body: Machine) -> HttpResponse:
    """Take the drain of all processes of a machine back, or of all that drain."""
    return _done(request, lambda: draining.undrain(host=body.host))


def _done(request: HttpRequest, wish: Callable[[], int]) -> HttpResponse:
    demand_all(request, "drain processes")
    try:
        changed = wish()
    except ParameterError:
        raise Problem(404, detail="No process of that name or machine takes calls.") from None
    return answer(Drained(changed=changed, items=_processes()))


def _processes() -> list[OneProcessShown]:
    return [shown(OneProcessShown, each) for each in processes(now())]
