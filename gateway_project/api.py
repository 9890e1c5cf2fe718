"""The REST API: one NinjaAPI under ``/api/v1/`` with the routers of every room.

Whatever goes wrong is answered as a problem (see `bots.rest.problems`); what a request may be is
decided by `gateway_project.api_frame` before it comes here.
"""

import structlog
from django.http import HttpRequest, HttpResponse
from ninja import NinjaAPI

from bots import api as bots_api
from bots.rest.bodies import StrictParser
from bots.rest.problems import Problem, problem_of
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
for router in (*bots_api.routers, *calls_api.routers):
    api.add_router("", router)


@api.exception_handler(Exception)
def refuse(request: HttpRequest, error: Exception) -> HttpResponse:
    """The problem that ``error`` is; what the client did not cause is logged and not explained."""
    problem = problem_of(error)
    if problem is None:
        log.error("api.failed", method=request.method, path=request.path, exc_info=error)
        problem = Problem(500, detail="The gateway failed; the log has more under the request id.")
    return problem.response()
