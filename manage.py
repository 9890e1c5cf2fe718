#!/usr/bin/env python
"""The command line of the gateway; ``manage.py gateway`` starts all of it."""

import os
import sys


def main() -> None:
    """Run the command that the arguments name.

    A malformed environment variable ends the program with exit code 2 and one sentence, a database
    without tables or out of reach with exit code 1 and what to do.
    """
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "gateway_project.settings")
    from django.core.exceptions import ImproperlyConfigured
    from django.core.management import execute_from_command_line
    from django.db import OperationalError, ProgrammingError

    try:
        execute_from_command_line(sys.argv)
    except ImproperlyConfigured as error:
        sys.stderr.write(f"{error}\n")
        sys.exit(2)
    except (OperationalError, ProgrammingError) as error:
        if "--traceback" in sys.argv:
            raise
        sys.stderr.write(
            f"The database cannot be used: {str(error).strip()}\n"
            "Commands need the same DATABASE_URL and VAR_DIR as the gateway, which makes the "
            "tables when it starts. --traceback shows more.\n"
        )
        sys.exit(1)


if __name__ == "__main__":
    main()
