"""The private directory of an installation and the keys generated into it."""

import base64
import os
import re
import secrets
import tempfile
from contextlib import suppress
from pathlib import Path

from django.core.exceptions import ImproperlyConfigured


def private_directory(path: Path) -> Path:
    """Make ``path`` with mode 0700 unless it exists; return it.

    Raises:
        ImproperlyConfigured: it cannot be made or written to.
    """
    try:
        path.mkdir(mode=0o700, parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=path):
            pass
    except OSError as error:
        raise ImproperlyConfigured(
            f"VAR_DIR must be a directory that can be made and written to, not '{path}' "
            f"({error.strerror})."
        ) from None
    return path


def is_field_key(text: str) -> bool:
    """Whether ``text`` is 32 bytes in URL-safe base64, the form of a Fernet key."""
    return re.fullmatch(r"[A-Za-z0-9_-]{43}=", text) is not None


def field_keys(given: tuple[str, ...], path: Path, *, shared: bool) -> tuple[str, ...]:
    """The keys that encrypt stored secrets: those ``given``, else one kept in ``path``.

    Raises:
        ImproperlyConfigured: none is given although the database is ``shared``, that is, outlives
            this machine's files and may be used by other machines; or the file holds no such key.
    """
    if given:
        return given
    if shared:
        raise ImproperlyConfigured(
            "FIELD_KEYS must be set when DATABASE_URL names a database server: every machine needs "
            "the same key to read the stored secrets, and without it they are lost. Make one with: "
            "openssl rand -base64 32 | tr '+/' '-_'"
        )
    key = stored_key(path)
    if not is_field_key(key):
        raise ImproperlyConfigured(f"The key file '{path}' holds no key that can encrypt secrets.")
    return (key,)


def stored_key(path: Path) -> str:
    """The key kept in ``path``; made on the first call from 32 random bytes, mode 0600.

    Processes that start at the same moment get the same key: it is written to a file of its own
    and then linked into place, and linking fails for all but the first.

    Raises:
        ImproperlyConfigured: the file is unreadable or empty.
    """
    if not path.exists():
        draft = path.with_name(f".{path.name}.{secrets.token_hex(8)}")
        descriptor = os.open(draft, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600)
        with os.fdopen(descriptor, "wb") as file:
            file.write(base64.urlsafe_b64encode(secrets.token_bytes(32)))
        with suppress(FileExistsError):
            path.hardlink_to(draft)
        draft.unlink()
    try:
        key = path.read_text(encoding="ascii").strip()
    except (OSError, UnicodeDecodeError):
        key = ""
    if not key:
        raise ImproperlyConfigured(f"The key file '{path}' cannot be read or is empty.")
    return key
