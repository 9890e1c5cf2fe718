"""REST API of this room: alarms, their rules, and the destinations that are told of them."""

from ninja import Router

from alarms.api import alarms, destinations, rules

routers: tuple[Router, ...] = (alarms.router, rules.router, destinations.router)
"""What the project mounts under ``/api/v1/``; each path begins with its resource."""
