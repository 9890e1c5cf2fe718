"""The REST API: one NinjaAPI under ``/api/v1/`` with the routers of every room.

Whatever goes wrong is answered as a problem (see `bots.rest.problems`); what a request may be is
decided by `gateway_project.api_frame` before it comes here.
"""

from collections.abc import Callable, Iterator
from functools import wraps
from typing import Any

import structlog
from django.http import Http404, HttpRequest, HttpResponse
from ninja import NinjaAPI
from ninja.errors import HttpError, ValidationError
from ninja.operation import Operation

from alarms import api as alarms_api
from bots import api as bots_api
from bots.rest.authentication import as_client
from bots.rest.bodies import StrictParser
from bots.rest.problems import Problem, problem_of, wrong_fields
from calls import api as calls_api

VERSION = "1"

log = structlog.get_logger(__name__)

api = NinjaAPI(
    title="Voice AI Gateway",
    version=VERSION,
    openapi_url=None,
    docs_url=None,
    urls_namespace="api",
    parser=StrictParser(),
)
api.add_decorator(as_client)
for router in (*bots_api.routers, *calls_api.routers, *alarms_api.routers):
    api.add_router("", router)


def operations() -> Iterator[Operation]:
    """Every operation of the API."""
    for bound in api._get_bound_routers():
        for view in bound.path_operations.values():
            yield from view.operations


def knowing_its_query(operation: Operation) -> Callable[..., Any]:
    """What ``operation`` calls, for queries only of the parameters that it declares.

    django-ninja passes over any other, so that a filter with a typing error would list everything.
    """
    view: Callable[..., Any] = operation.view_func
    models = (each for each in operation.models if each.__ninja_param_source__ == "query")
    known = {name for each in models for name in each.__ninja_flatten_map__}

    @wraps(view)
    def run(request: HttpRequest, *args: Any, **kwargs: Any) -> Any:
        unknown = sorted(request.GET.keys() - known)
        if unknown:
            raise wrong_fields(dict.fromkeys((name[:200] for name in unknown), "is not known here"))
        return view(request, *args, **kwargs)

    return run


for operation in operations():
    operation.by_alias = True  # names as on the wire
    operation.view_func = knowing_its_query(operation)


# NB ninja has handlers of its own for the others, which count before that for any exception.
@api.exception_handler(Exception)
@api.exception_handler(Http404)
@api.exception_handler(HttpError)
@api.exception_handler(ValidationError)
def refuse(request: HttpRequest, error: Exception) -> HttpResponse:
    """The problem that ``error`` is; what the client did not cause is logged and not explained."""
    problem = problem_of(error)
    if problem is None:
        log.error("api.failed", method=request.method, path=request.path, exc_info=error)
        problem = Problem(500, detail="The gateway failed; the log has more under the request id.")
    return problem.response()
