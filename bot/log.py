"""One log, one line per event, JSON by default. No secret passes: tokens and keys are cut out of every line."""

from __future__ import annotations

import logging
import re
import sys
from typing import Any

import structlog

_SECRET = re.compile(
    r"xox[abposr]-[A-Za-z0-9-]+|xapp-[A-Za-z0-9-]+|(?:AKIA|ASIA)[A-Z0-9]{12,}|k8s-aws-v1\.[A-Za-z0-9_-]+"
    r"|X-Amz-(?:Signature|Security-Token)=[^&\s\"]+|(redis(?:s)?://[^:/@\s]*:)[^@\s]+@"
)


def redact(text: str) -> str:
    """The text without Slack tokens, AWS keys, cluster tokens, signatures and passwords in Redis URLs."""
    return _SECRET.sub("[redacted]", text)


def _redact_event(_logger: Any, _method: str, event: structlog.typing.EventDict) -> structlog.typing.EventDict:
    return {key: redact(value) if isinstance(value, str) else value for key, value in event.items()}


def configure(style: str, level: int = logging.INFO) -> None:
    """Sends structlog's and the standard library's lines through the same processors to standard error."""
    shared: list[structlog.typing.Processor] = [
        structlog.contextvars.merge_contextvars,
        structlog.stdlib.add_logger_name,
        structlog.stdlib.add_log_level,
        structlog.stdlib.PositionalArgumentsFormatter(),
        structlog.processors.TimeStamper(fmt="iso", utc=True),
        structlog.processors.format_exc_info,
        _redact_event,
    ]
    console = structlog.dev.ConsoleRenderer(colors=sys.stderr.isatty())
    renderer: structlog.typing.Processor = structlog.processors.JSONRenderer() if style == "json" else console
    structlog.configure(
        processors=[*shared, structlog.stdlib.ProcessorFormatter.wrap_for_formatter],
        logger_factory=structlog.stdlib.LoggerFactory(),
        wrapper_class=structlog.stdlib.BoundLogger,
        cache_logger_on_first_use=True,
    )
    formatter = structlog.stdlib.ProcessorFormatter(
        foreign_pre_chain=shared,
        processors=[structlog.stdlib.ProcessorFormatter.remove_processors_meta, _redact_event, renderer],
    )
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(formatter)
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(level)
    logging.getLogger("apscheduler").setLevel(logging.ERROR)  # a tick that took longer than its period is no news
    for chatty in ("botocore", "boto3", "urllib3", "slack_bolt", "slack_sdk", "dramatiq", "kubernetes"):
        logging.getLogger(chatty).setLevel(logging.WARNING)
