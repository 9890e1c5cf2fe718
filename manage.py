#!/usr/bin/env python
"""The command line of the gateway; ``manage.py gateway`` starts all of it."""

import os
import sys


def main() -> None:
    """Run the command that the arguments name.

    A malformed environment variable ends the program with exit code 2 and one sentence.
    """
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "gateway_project.settings")
    from django.core.exceptions import ImproperlyConfigured
    from django.core.management import execute_from_command_line

    try:
        execute_from_command_line(sys.argv)
    except ImproperlyConfigured as error:
        sys.stderr.write(f"{error}\n")
        sys.exit(2)


if __name__ == "__main__":
    main()
