"""REST API of this room: bots, providers, routes, and what can be configured."""

from bots.api import bots, catalogue, conformance, providers, revisions, routes

routers = (
    bots.router,
    conformance.router,
    revisions.router,
    providers.router,
    routes.router,
    catalogue.router,
)
"""What the project mounts under ``/api/v1/``; each path begins with its resource."""
