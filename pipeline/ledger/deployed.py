"""What the app runs for a pipeline: the version of each file, as the app noted when it started.

Table `runs`, partition = pipeline: row `!deployed`.
"""

import json
from collections.abc import Mapping
from contextlib import suppress

from pipeline.errors import Conflict
from pipeline.ledger.layout import RUNS
from pipeline.ledger.rows import write
from pipeline.ports.tables import Row, Tables

_KEY, _FILES = "!deployed", "files_json"


def versions(tables: Tables, pipeline: str) -> Mapping[str, str] | None:
    """Read the versions by file; None if no app noted any, or the row is damaged."""
    row = tables.get(RUNS, pipeline, _KEY)
    with suppress(ValueError):
        found = json.loads(str(row.values.get(_FILES, ""))) if row else None
        return {str(k): str(v) for k, v in found.items()} if isinstance(found, dict) else None
    return None


def note(tables: Tables, pipeline: str, files: Mapping[str, str]) -> None:
    """Record the versions, unless they are there already; of two apps at once one is enough."""
    row = tables.get(RUNS, pipeline, _KEY)
    content = json.dumps(dict(files), sort_keys=True)
    if row and row.values.get(_FILES) == content:
        return
    with suppress(Conflict):
        write(tables, RUNS, Row(pipeline, _KEY, {_FILES: content}, row.etag if row else None))
