"""What an installation needs before its processes start; safe to run at every start."""

import hashlib
import secrets

import structlog
from django.conf import settings
from django.contrib.auth import get_user_model
from django.contrib.staticfiles.finders import get_finders
from django.core.management import call_command
from django.db import transaction

from bots.core.errors import ParameterError
from bots.people import active_administrators
from bots.selectors import unreadable_secrets
from bots.services import seed_demo
from gateway_project.supervisor import CannotRun

ADMIN = "admin"

log = structlog.get_logger(__name__)


def prepare() -> str | None:
    """Migrate the database, collect static files, create the first user and the demo.

    Returns:
        The password of the user `ADMIN` when this run made one up; show it once.

    Raises:
        CannotRun: the demo needs a plug-in that is not there.
    """
    call_command("migrate", interactive=False, verbosity=0)
    collect_static()
    password = create_admin()
    if places := unreadable_secrets():
        log.error("secrets.unreadable", places=places)
    if settings.DEMO:
        try:
            seed_demo()
        except ParameterError as error:
            raise CannotRun(
                f"The demo bot cannot be created ({error}); set DEMO=0 to start without it."
            ) from None
    return password


def collect_static() -> bool:
    """Collect the static files unless none has changed since the last time; whether it did."""
    stamp = settings.VAR_DIR / "static.stamp"
    digest = _static_digest()
    if stamp.exists() and stamp.read_text(encoding="ascii") == digest:
        return False
    call_command("collectstatic", interactive=False, clear=True, verbosity=0)
    stamp.write_text(digest, encoding="ascii")
    return True


def _static_digest() -> str:
    """A digest over the name, size and time of every source file."""
    digest = hashlib.sha256(str(settings.STATIC_ROOT).encode())
    for finder in get_finders():
        for name, storage in finder.list([]):
            state = (storage.path(name), storage.size(name), storage.get_modified_time(name))
            digest.update(repr(state).encode())
    return digest.hexdigest()


def create_admin() -> str | None:
    """Create the user `ADMIN` unless there is an administrator or somebody of that name.

    Returns:
        The password if it was made up here.
    """
    users = get_user_model()._default_manager
    with transaction.atomic():
        if active_administrators().exists() or users.filter(username=ADMIN).exists():
            return None
        given = settings.ENVIRONMENT.admin_password
        password = given or secrets.token_urlsafe(12)
        users.create_superuser(username=ADMIN, email="", password=password)
    log.info("admin.created", user=ADMIN)
    return None if given else password
