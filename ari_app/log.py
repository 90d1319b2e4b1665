"""One JSON line per unit of work on standard error, with a stable `action`; never a number or a name of a caller."""

import logging
import sys
from typing import cast

import structlog
from structlog.typing import FilteringBoundLogger


def configure(*, level: str = "info") -> None:
    """Set up logging of a process: JSON lines, or colours if standard error is a terminal."""
    terminal = sys.stderr.isatty()
    structlog.configure(
        processors=[
            structlog.contextvars.merge_contextvars,
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso", utc=True),
            structlog.dev.ConsoleRenderer() if terminal else structlog.processors.JSONRenderer(),
        ],
        wrapper_class=structlog.make_filtering_bound_logger(logging.getLevelNamesMapping()[level.upper()]),
        logger_factory=structlog.PrintLoggerFactory(file=sys.stderr),
        cache_logger_on_first_use=True,
    )


def get(component: str) -> FilteringBoundLogger:
    """Return the logger of a component; each call names its `action`, e.g. `log.info("capture.started", …)`."""
    return cast("FilteringBoundLogger", structlog.get_logger(component=component))
