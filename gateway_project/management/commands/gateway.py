"""``manage.py gateway``: the whole gateway with one command."""

import asyncio
import os
import sys
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError
from django.db import connections

from gateway_project import installation
from gateway_project.preparation import prepare
from gateway_project.supervisor import CannotRun, Supervisor


class Command(BaseCommand):
    help = "Prepare the installation and run web, worker, beat and the embedded server."
    requires_system_checks: list[str] = []

    def handle(self, *args: Any, **options: Any) -> None:
        try:
            with installation.claim(settings.ENVIRONMENT):
                password = prepare()
                _close_databases()
                code = asyncio.run(self._run(password))
        except CannotRun as problem:
            raise CommandError(str(problem)) from None
        sys.exit(code)

    async def _run(self, password: str | None) -> int:
        # Celery finds the project there; the working directory stays, paths are relative to it.
        path = os.pathsep.join(filter(None, [str(settings.BASE_DIR), os.environ.get("PYTHONPATH")]))
        environ = {**os.environ, "PYTHONPATH": path}
        environ.pop("GATEWAY_ADMIN_PASSWORD", None)  # only `prepare` needs it
        supervisor = Supervisor(environ)

        async def start_all() -> None:
            await installation.start(supervisor, settings.ENVIRONMENT, settings.BASE_DIR)
            if "web" in settings.ENVIRONMENT.role:
                self.stdout.write(
                    installation.welcome(
                        settings.PUBLIC_URL,
                        password,
                        demo=settings.DEMO,
                        setting=settings.ENVIRONMENT.setting,
                    )
                )
                self.stdout.flush()

        return await supervisor.run(start_all)


def _close_databases() -> None:
    """Give the connections of the preparation back: the supervisor never uses a database again."""
    for connection in connections.all(initialized_only=True):
        connection.close()
        close_pool = getattr(connection, "close_pool", None)  # only PostgreSQL has one
        if close_pool is not None:
            close_pool()
