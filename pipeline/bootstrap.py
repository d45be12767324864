"""The composition root: settings become adapters, adapters and definitions become an engine."""

import functools
import gc
import json
import logging
import os
from collections.abc import Collection
from pathlib import Path
from time import time

from pipeline.adapters.connect import connect
from pipeline.adapters.connect import load as load_adapters
from pipeline.domain.access import Api
from pipeline.domain.catalogue import programs
from pipeline.domain.catalogue.archives import archives
from pipeline.domain.catalogue.catalogue import load_catalogue
from pipeline.handlers.doors.access import Gate
from pipeline.handlers.engine import Engine
from pipeline.handlers.running import versions
from pipeline.settings import HttpAccess, SettingMissing, Settings

APP_ROOT = Path(__file__).resolve().parent.parent
_OBJECTS = 50_000  # that are made between two looks for cycles; 2,000 by default
_RUNTIME = APP_ROOT / "task_scripts" / "runtime"
_SCRIPTS = ("*.py", "environments/*.txt")


@functools.cache
def engine() -> Engine:
    """Return the engine of this process, built once from its environment. Raises SettingMissing."""
    settings = Settings.from_env(os.environ, APP_ROOT)
    if settings.otlp_endpoint or settings.insights_connection:
        # Imported only where it is needed: it doubles the time of a cold start.
        from pipeline.adapters.telemetry import traces as telemetry  # noqa: PLC0415

        telemetry.configure(settings)
    built = build(settings)
    versions.note(built)
    return built


def load() -> None:
    """Import in advance what the first invocation would import.

    The start of an instance is not billed. A timer that meets a new instance every minute would
    otherwise pay seconds for the imports.
    """
    try:
        settings = Settings.from_env(os.environ, APP_ROOT)
    except SettingMissing:
        return  # the first invocation reports which
    load_adapters(settings)
    collect_seldom()


def collect_seldom() -> None:
    """Let Python look less often for cycles, of which the engine makes few.

    A run of a million items lives in very many small objects, which each look visits: looking as
    often as by default takes a fifth of the engine's processor time (`make bench-scale`).
    """
    gc.freeze()
    gc.set_threshold(_OBJECTS, 20, 50)


def by_function_key() -> bool:
    """Return whether the host checks function keys, which only the local mode has."""
    return HttpAccess.from_env(os.environ).by_key


@functools.cache
def gate() -> Gate | None:
    """Return the check of callers' tokens, or None with function keys. Raises SettingMissing."""
    access = HttpAccess.from_env(os.environ)
    if access.by_key:
        return None
    access.check()
    # Imported only where tokens are checked: the local mode starts without cryptography.
    from pipeline.adapters.identity import tokens  # noqa: PLC0415 see above

    api = Api(access.authority, access.tenant, access.client)
    keys = tokens.SigningKeys(tokens.published_at(api.keys))
    return Gate(api, lambda token: tokens.verified(token, keys), time)


def build(settings: Settings) -> Engine:
    """Build an engine. Raises DefinitionError, which names every fault of the definitions."""
    root = settings.definitions
    catalogue = load_catalogue(root / "pipelines", root / "pools", root / "task_scripts")
    files = deployed(root / "task_scripts", catalogue.programs)
    return Engine(
        connect(settings),
        catalogue,
        settings.patience,
        files,
        # They are beside the requirements if nodes cannot reach a package index.
        archives(root / "task_scripts"),
        local=settings.local,
        gpu_optional=settings.gpu_optional,
        time_limit=settings.time_limit,
        pin=settings.pin,
        retention=settings.retention,
    )


def deployed(
    folder: Path, named: Collection[str] = (), runtime: Path = _RUNTIME
) -> dict[str, bytes]:
    """Read the files that nodes may need: the project's, and the engine's runner.

    The keys are plain file names; that of a folder that is `named` as a program ends in a slash.
    Archives are not among them. The runner's modules are one file.
    """
    others = sorted(
        name for name in named if not (name.endswith(".py") and (folder / name).is_file())
    )
    paths = [path for pattern in _SCRIPTS for path in sorted(folder.glob(pattern))]
    paths += sorted(runtime.rglob("*.py"))
    files = {path.name: path.read_bytes() for path in paths if path.name != "__init__.py"}
    return dict(programs.read(name, folder) for name in others) | programs.joined(files)


class _WithFields(logging.Filter):
    """Appends a record's own fields to its sentence, so that every log sink shows them."""

    _STANDARD = frozenset(vars(logging.makeLogRecord({}))) | {"message", "asctime", "taskName"}

    def filter(self, record: logging.LogRecord) -> bool:
        """Append the record's fields to its sentence."""
        fields = {k: v for k, v in vars(record).items() if k not in self._STANDARD}
        if fields:
            record.msg = f"{record.getMessage()} {json.dumps(fields, default=str)}"
            record.args = ()
        return True


def configure_logging(logger: logging.Logger) -> None:
    """Show the fields of a logger's records, and silence the SDKs' request logs; idempotent."""
    logging.getLogger("azure").setLevel(logging.WARNING)
    if not any(isinstance(known, _WithFields) for known in logger.filters):
        logger.addFilter(_WithFields())
