"""Structured logs: one JSON object a line, opaque ids only.

No caller, number, call id or clear text of any body is ever given to a logger; tests
read what a whole run has logged.
"""

import logging
import sys

import structlog


def configure_logs(level: str) -> None:
    """Send our own lines and the libraries' warnings to standard error as JSON."""
    shared: list[structlog.typing.Processor] = [
        structlog.stdlib.add_log_level,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
    ]
    structlog.configure(
        processors=[*shared, structlog.processors.JSONRenderer()],
        wrapper_class=structlog.make_filtering_bound_logger(level.upper()),
        logger_factory=structlog.PrintLoggerFactory(sys.stderr),
        cache_logger_on_first_use=True,
    )
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            processors=[
                structlog.stdlib.ProcessorFormatter.remove_processors_meta,
                _without_traceback,
                structlog.processors.JSONRenderer(),
            ],
            foreign_pre_chain=shared,
        )
    )
    logging.basicConfig(handlers=[handler], level=logging.WARNING, force=True)
    # aiohttp would log addresses, and they hold the platform's ids.
    logging.getLogger("aiohttp.access").disabled = True


def _without_traceback(
    _logger: object, _name: str, line: structlog.typing.EventDict
) -> structlog.typing.EventDict:
    """A traceback's text may quote values; its error's name may not."""
    error = line.pop("exc_info", None)
    if isinstance(error, tuple) and error[0] is not None:
        line["error"] = error[0].__name__
    return line
