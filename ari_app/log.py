"""One JSON line per unit of work on standard error, with a stable `action`; never a number or a name of a caller."""

import logging
import sys
import traceback
from collections.abc import Callable
from pathlib import Path
from typing import Final, cast

import structlog
from structlog.typing import EventDict, FilteringBoundLogger

from .errors import ConsentgateError

Observer = Callable[[str, str, EventDict], None]
"""Told the level and the event of each line, and the whole of it."""

_observers: Final[list[Observer]] = []


def configure(*, level: str = "info") -> None:
    """Set up logging of a process: JSON lines, or colours if standard error is a terminal."""
    terminal = sys.stderr.isatty()
    structlog.configure(
        processors=[
            structlog.contextvars.merge_contextvars,
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso", utc=True),
            _tell,
            structlog.dev.ConsoleRenderer() if terminal else structlog.processors.JSONRenderer(),
        ],
        wrapper_class=structlog.make_filtering_bound_logger(logging.getLevelNamesMapping()[level.upper()]),
        logger_factory=structlog.PrintLoggerFactory(file=sys.stderr),
        cache_logger_on_first_use=True,
    )


def get(component: str) -> FilteringBoundLogger:
    """Return the logger of a component; each call names its `action`, e.g. `log.info("capture.started", …)`."""
    return cast("FilteringBoundLogger", structlog.get_logger(component=component))


def observe(observer: Observer) -> None:
    """Let somebody know of every line from here on. It is called on whatever thread says the line."""
    _observers.append(observer)


def _tell(_: object, level: str, event: EventDict) -> EventDict:
    for one in _observers:
        one(level, str(event.get("event")), event)
    return event


def said(failure: BaseException) -> str:
    """Return what the log may say of a failure that nobody foresaw: its type, and the line of ours where it came up.

    Never its own text: a KeyError or a ValueError quotes what it stumbled over, which may be a caller's number.
    """
    if isinstance(failure, ConsentgateError):
        return str(failure)
    frames = traceback.extract_tb(failure.__traceback__)
    ours = [one for one in frames if "ari_app" in Path(one.filename).parts] or frames
    where = f" at {Path(ours[-1].filename).name}:{ours[-1].lineno}" if ours else ""
    number = f" {failure.errno}" if isinstance(failure, OSError) and failure.errno else ""
    return f"{type(failure).__name__}{number}{where}"
