"""REST API of this room: bots, providers, routes, and what can be configured."""

from ninja import Router

routers: tuple[Router, ...] = ()
"""What the project mounts under ``/api/v1/``; each path begins with its resource."""
