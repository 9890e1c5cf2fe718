"""REST API of this room: calls, outbound calls, the state of the system."""

from ninja import Router

from calls.api import agents, calls, control, dialouts, draining, system

routers: tuple[Router, ...] = (
    calls.router,
    control.router,
    agents.router,
    dialouts.router,
    system.router,
    draining.router,
)
"""What the project mounts under ``/api/v1/``; each path begins with its resource."""
