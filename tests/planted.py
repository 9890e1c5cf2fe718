"""Secrets and phone numbers that tests plant, and the search for them in what the gateway wrote.

Every planted secret has `SECRET` in it, and planted numbers are those that tests use for callers.
While the tests run, each process writes what it logs into the directory that ``LOGGED`` names, in
both styles, and gateways that tests start leave their logs, metrics and alarms there. Afterwards
``python -m tests.planted DIRECTORY`` exits with code 1 and a list when one of them is found.
"""

import logging
import os
import re
import sys
from functools import cache
from itertools import count
from pathlib import Path

import structlog

from gateway_project.logging import Style, configuration

SECRET = "s3cret"
"""In every planted secret, and in nothing else."""

UTTERANCE = "my secret word is open sesame"
DIGITS = "7483926150"
CALLER, CALLEE = "+15550100", "+15550199"

_BETWEEN = r"[ ().\-/]{0,2}"
_NUMBERS = ("1555010", "1555011", "1555012", "1555019", "4930123456", "1202555019", "1202555010")
PLANTED = re.compile(
    rf"(?i){SECRET}|planted-secret|opensesame|open sesame|{DIGITS}"
    # A duration or a size may have any digits, and so may the seconds of a time.
    r"|(?<!\"duration\":)(?<![T ]\d\d:\d\d:)(?<![\w.])\+?(?:"
    + "|".join(_BETWEEN.join(number) for number in _NUMBERS)
    + rf"){_BETWEEN}\d?(?!\d)"
)

STYLES: tuple[Style, ...] = ("console", "json")

_files = count(1)


def directory() -> Path | None:
    """Where what was written is kept; None: nobody asked for it."""
    named = os.environ.get("LOGGED")
    if not named:
        return None
    path = Path(named).absolute()
    path.mkdir(exist_ok=True)
    return path


def keep(name: str, text: str) -> None:
    """Keep what a gateway wrote until all tests have run, if anybody asked for it."""
    if (kept := directory()) is not None:
        file = kept / f"{os.getpid()}-{next(_files)}-{name}"
        file.write_text(text, errors="backslashreplace")


def listen() -> None:
    """Keep from now on what this process logs, if anybody asked for it.

    To be called again where logs may have been set up anew, which takes all handlers away: loading
    the ASGI application does.
    """
    if (kept := directory()) is not None:
        for handler in _handlers(kept):
            logging.getLogger().addHandler(handler)


@cache
def _handlers(kept: Path) -> list[logging.Handler]:
    handlers: list[logging.Handler] = []
    for style in STYLES:
        handlers.append(logging.FileHandler(kept / f"{os.getpid()}-{style}.log", delay=True))
        handlers[-1].setFormatter(formatter(style))
    return handlers


def formatter(style: Style) -> logging.Formatter:
    """How the gateway writes a line in ``style``."""
    before = structlog.get_config()
    made = configuration(style=style, level="info", pii=False)["formatters"]["gateway"]
    structlog.configure(**before)  # for others it stays as it was
    made.pop("()")
    return structlog.stdlib.ProcessorFormatter(**made)


def found(text: str) -> list[str]:
    """What was planted and is in ``text``, each with what stands around it."""
    return [
        text[max(0, match.start() - 100) : match.end() + 40].replace("\n", " ")
        for match in PLANTED.finditer(text)
    ]


def search(kept: Path) -> int:
    """Print where something planted was found; 0 when nothing was and there is something."""
    files = sorted(kept.glob("*")) if kept.is_dir() else []
    bad = {file: places for file in files if (places := found(file.read_text(errors="replace")))}
    for file, places in bad.items():
        print(f"{file.name}: {len(places)} planted values, such as: {places[0]}")
    size = sum(file.stat().st_size for file in files)
    print(f"Searched {len(files)} files with {size:,} bytes for what tests have planted.")
    return int(bool(bad) or not size)


if __name__ == "__main__":
    sys.exit(search(Path(sys.argv[1])))
