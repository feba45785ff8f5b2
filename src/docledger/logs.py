"""How docledger's processes log: to standard error, never a document's content or names."""

from __future__ import annotations

import logging
import re
import sys

import structlog
from structlog.typing import EventDict, Processor, WrappedLogger

_BARE = re.compile(r"[!#-&(-<>-~]*")  # what is printable in ASCII but for blanks, quotes and =
ROOMS = (
    "api",
    "docledger",
    "eventstore",
    "files",
    "importing",
    "postgres",
    "projections",
    "stages",
    "verification",
    "workers",
)


def configure_logs(level: str, log_format: str, role: str) -> None:
    """Log from `level` on, as lines for people (`text`) or for machines (`json`).

    What other packages log goes the same way, from warnings on.
    """
    threshold = logging.getLevelNamesMapping()[level.upper()]
    known: list[Processor] = [
        structlog.contextvars.merge_contextvars,
        _in_role(role),
        structlog.processors.add_log_level,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
    ]
    shown: list[Processor] = [structlog.processors.format_exc_info, _renderer(log_format)]
    structlog.configure(
        processors=[*known, *shown],
        wrapper_class=structlog.make_filtering_bound_logger(threshold),
        logger_factory=structlog.WriteLoggerFactory(sys.stderr),
        cache_logger_on_first_use=False,
    )
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=[*known, structlog.stdlib.ExtraAdder()],
            processors=[structlog.stdlib.ProcessorFormatter.remove_processors_meta, *shown],
        )
    )
    logging.basicConfig(level=max(threshold, logging.WARNING), handlers=[handler], force=True)
    for room in ROOMS:
        logging.getLogger(room).setLevel(threshold)


def _in_role(role: str) -> Processor:
    """Name the role in every line, whichever thread it comes from."""

    def add(_: WrappedLogger, __: str, event: EventDict) -> EventDict:
        event["role"] = role
        return event

    return add


def _renderer(log_format: str) -> Processor:
    if log_format == "json":
        return structlog.processors.JSONRenderer()
    if not sys.stderr.isatty():
        return plain_line
    # Plain: a traceback with the values of variables would show what documents hold.
    return structlog.dev.ConsoleRenderer(
        colors=True, exception_formatter=structlog.dev.plain_traceback
    )


def plain_line(_: WrappedLogger, __: str, event: EventDict) -> str:
    """Return the line as structlog's console renderer has it without colours.

    That one takes as long for the line of a request as the rest of the request does.
    """
    at, level, said = event.pop("timestamp"), event.pop("level"), event.pop("event")
    exception = event.pop("exception", None)
    fields = " ".join(f"{key}={_shown(event[key])}" for key in sorted(event))
    line = f"{at} [{level:<9}] {said!s:<30} {fields}".rstrip()
    return line if exception is None else f"{line}\n{exception}"


def _shown(value: object) -> str:
    if isinstance(value, str) and _BARE.fullmatch(value):
        return value
    return repr(value)
