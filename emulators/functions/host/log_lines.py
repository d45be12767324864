"""The host's log: JSON lines on stderr, with account keys removed."""

import json
import logging
import sys
from datetime import UTC, datetime

from emulators.functions.worker.wire import Json, Report

_RECORD_FIELDS = frozenset(logging.makeLogRecord({}).__dict__) | {"message", "asctime", "taskName"}


class JsonLines(logging.Formatter):
    """One line a record: time, level, source, message, and all extra values."""

    def __init__(self) -> None:
        super().__init__()
        self._secrets: frozenset[str] = frozenset()

    def hide(self, secrets: frozenset[str]) -> None:
        """Remove these texts from every later line."""
        self._secrets |= secrets

    def format(self, record: logging.LogRecord) -> str:
        """Render one record."""
        line: dict[str, object] = {
            "time": datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds"),
            "level": record.levelname.lower(),
            "source": record.name,
            "message": super().format(record),
        }
        for name, value in record.__dict__.items():
            if name not in _RECORD_FIELDS and value not in ("", None):
                line.setdefault(name, value)
        rendered = json.dumps(line, ensure_ascii=False, default=str)
        for secret in self._secrets:
            rendered = rendered.replace(secret, "***")
        return rendered


def configure_logging(debug: bool) -> JsonLines:
    """Send every log record of this process to stderr as JSON lines."""
    formatter = JsonLines()
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(formatter)
    logging.basicConfig(level=logging.DEBUG if debug else logging.INFO, handlers=[handler])
    for noisy in ("azure", "aiohttp", "asyncio"):
        logging.getLogger(noisy).setLevel(logging.WARNING)
    return formatter


def forward(report: Report) -> None:
    """Write a log frame of the worker as one of our lines."""
    extra: dict[str, Json] = {
        f"{'app_' if n in _RECORD_FIELDS else ''}{n}": v for n, v in report["extra"].items()
    }
    extra |= {"function": report["function"], "invocation_id": report["id"]}
    logging.getLogger(f"worker.{report['logger']}").log(
        report["level"], "%s", report["message"], extra=extra
    )
