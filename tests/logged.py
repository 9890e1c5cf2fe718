"""What the gateway logs, line by line, as its own configuration writes it."""

import io
import json
import logging
import logging.config
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import structlog

from gateway_project.logging import Style, configuration


class Written(io.StringIO):
    """A stream of log lines."""

    def lines(self) -> list[dict[str, Any]]:
        """The lines of the style ``json``."""
        return [json.loads(line) for line in self.getvalue().splitlines()]


@contextmanager
def written(style: Style = "json", level: str = "info", *, pii: bool = False) -> Iterator[Written]:
    """Write what is logged meanwhile by the gateway's configuration; all is put back at the end."""
    root, before = logging.getLogger(), structlog.get_config()
    handlers, least = root.handlers[:], root.level
    levels = {
        name: each.level
        for name, each in logging.Logger.manager.loggerDict.items()
        if isinstance(each, logging.Logger)
    }
    config = configuration(style=style, level=level, pii=pii, version="1.2", installation="lab")
    stream = config["handlers"]["stderr"]["stream"] = Written()
    logging.config.dictConfig(config)
    # Loggers of modules are used by other tests too.
    structlog.configure(cache_logger_on_first_use=False)
    try:
        yield stream
    finally:
        root.handlers[:] = handlers
        root.setLevel(least)
        for name in logging.Logger.manager.loggerDict:
            logging.getLogger(name).setLevel(levels.get(name, logging.NOTSET))
        structlog.configure(**before)
