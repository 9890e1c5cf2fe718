"""REST API of this room: calls, outbound calls, the state of the system."""

from ninja import Router

routers: tuple[Router, ...] = ()
"""What the project mounts under ``/api/v1/``; each path begins with its resource."""
