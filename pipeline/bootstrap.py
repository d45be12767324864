"""The composition root: settings become adapters, adapters and definitions become an engine."""

import functools
import gc
import json
import logging
import os
import platform
from collections.abc import Callable, Collection, Mapping
from dataclasses import replace
from pathlib import Path
from time import time
from typing import TypedDict

from pipeline.adapters.connect import connect
from pipeline.adapters.connect import load as load_adapters
from pipeline.domain.access import Api
from pipeline.domain.catalogue import programs
from pipeline.domain.catalogue.archives import AMD64, ARM64, Archive, archives
from pipeline.domain.catalogue.catalogue import Catalogue, load_catalogue
from pipeline.domain.catalogue.stamp import stamp
from pipeline.handlers.doors.access import Gate
from pipeline.handlers.engine import Engine, log
from pipeline.handlers.running import versions
from pipeline.handlers.starting import lost_events
from pipeline.ports.world import Ports
from pipeline.reloading import Broken, Reloading
from pipeline.settings import HttpAccess, Patience, SettingMissing, Settings

APP_ROOT = Path(__file__).resolve().parent.parent
_OBJECTS = 50_000  # that are made between two looks for cycles; 2,000 by default
_RUNTIME = APP_ROOT / "task_scripts" / "runtime"
_SCRIPTS = ("*.py", "environments/*.txt")


def engine() -> Engine:
    """Return the engine of this process. Raises SettingMissing.

    It is built once from the environment. A local app follows its folder: an edited definition or
    program counts from the next invocation on.
    """
    return _engine().current()


@functools.cache
def _engine() -> Reloading[Engine]:
    settings = Settings.from_env(os.environ, APP_ROOT)
    if settings.otlp_endpoint or settings.insights_connection:
        # Imported only where it is needed: it doubles the time of a cold start.
        from pipeline.adapters.telemetry import metrics, traces  # noqa: PLC0415

        traces.configure(settings)
        metrics.configure(settings)
    root = settings.definitions
    look: Callable[[], str] = functools.partial(stamp, root) if settings.reload else str
    seen = look()
    built = build(settings)
    versions.note(built)
    return Reloading(
        built,
        seen,
        look,
        lambda before: _again(before, root),
        _report,
    )


def _again(before: Engine, root: Path) -> Engine:
    """Read the definitions anew. Raises DefinitionError."""
    made = replace(before, **_definitions(root))
    versions.note(made)
    lost_events.activate(made)
    log.info("Definitions read again: a file has changed", extra={"action": "reload"})
    return made


def _report(error: Broken) -> None:
    log.error(
        "Changed definitions cannot be used, the last good ones stay",
        extra={"action": "reload", "reason": str(error)},
    )


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
    return Engine(
        connect(settings),
        patience=settings.patience,
        **_definitions(settings.definitions),
        local=settings.local,
        processor=_processor() if settings.local else "",
        reloads=settings.reload,
        gpu_optional=settings.gpu_optional,
        time_limit=settings.time_limit,
        pin=settings.pin,
        retention=settings.retention,
    )


def on_this_machine(root: Path, catalogue: Catalogue, ports: Ports) -> Engine:
    """Build an engine over ports of this machine; `root` has the files of task_scripts/.

    A task that asks for a GPU runs on the processor if there is none.
    """
    folder = root / "task_scripts"
    files = deployed(folder, catalogue.programs)
    found = archives(folder)
    here = _processor()
    return Engine(
        ports, catalogue, Patience(), files, found, local=True, processor=here, gpu_optional=True
    )


def _processor() -> str:
    """Name the processor of this machine as pools do."""
    machine = platform.machine()
    return {"x86_64": AMD64, "aarch64": ARM64}.get(machine, machine)


class _Definitions(TypedDict):
    catalogue: Catalogue
    scripts: Mapping[str, bytes]
    archives: Mapping[str, Archive]


def _definitions(root: Path) -> _Definitions:
    """Read what an engine has of its definitions. Raises DefinitionError."""
    catalogue = load_catalogue(root / "pipelines", root / "pools", root / "task_scripts")
    return {
        "catalogue": catalogue,
        "scripts": deployed(root / "task_scripts", catalogue.programs),
        # They are beside the requirements if nodes cannot reach a package index.
        "archives": archives(root / "task_scripts"),
    }


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
