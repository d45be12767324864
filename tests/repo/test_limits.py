"""The page of limits has the numbers of the code."""

import re

from pipeline.domain.catalogue import file, programs
from pipeline.domain.definitions import parameters, secrets
from pipeline.domain.definitions.pipeline import Bundle, Pipeline
from pipeline.domain.definitions.pool import Nodes, Pool
from pipeline.domain.plans import split
from pipeline.domain.runs import announcement, manifest, results
from pipeline.domain.texts import records
from pipeline.handlers.assembling import assemblers
from pipeline.handlers.doors import bodies
from pipeline.handlers.planning import pages, texts
from pipeline.handlers.starting import lost_events
from task_scripts.runtime import runner_item
from tests.repo.pages.pipelines_page import ROOT

_KIB, _MIB, _GIB = 1 << 10, 1 << 20, 1 << 30


def most(model, field):
    (found,) = [
        getattr(one, name)
        for one in model.model_fields[field].metadata
        for name in ("le", "max_length")
        if hasattr(one, name)
    ]
    return found


LIMITS = {
    "items of a run": split.MAX_ITEMS,
    "items of a task (`bundle`)": most(Bundle, "items"),
    "files that a manifest lists itself; more are in pages": manifest.MAX_LISTED,
    "bytes of a text that is split": texts.MAX_TEXT,
    "bytes of a manifest that lists inputs": texts.MAX_MANIFEST,
    "bytes of one record of a text": records.MAX_RECORD,
    "bytes of one JSON file for `reduce`": assemblers.MAX_JSON,
    "bytes of what `reduce` makes of all files": assemblers.MAX_REDUCED,
    "bytes of one file that `concatenate` reads or `zip` packs": assemblers.MAX_PART,
    "bytes of a small output that shares a blob": results.MAX_PACKED,
    "bytes of a program, folder or file": programs.MAX_BYTES,
    "bytes of a definition": file.MAX_BYTES,
    "parameters of a pipeline": most(Pipeline, "parameters"),
    "characters of a text parameter": parameters.MAX_TEXT,
    "secrets of a program": secrets.MOST_SECRETS,
    "nodes of a pool": most(Nodes, "maximum"),
    "slots of a node": most(Pool, "slots"),
    "depth of chained pipelines": pages.MAX_DEPTH,
    "starts by one search for lost events": lost_events.MAX_STARTS,
    "missing items that an event names": announcement.MAX_MISSING,
    "missing items that a manifest names": manifest.MAX_MISSING,
    "bytes of an event": announcement.MAX_BYTES,
    "bytes of an HTTP request": bodies.MAX_BODY,
    "characters of the name of an output": runner_item.MAX_NAME,
}


def written(what: str, limit: int) -> str:
    for unit, name in ((_GIB, "GiB"), (_MIB, "MiB"), (_KIB, "KiB")):
        if what.startswith("bytes") and limit % unit == 0:
            return f"{limit // unit} {name}"
    return f"{limit:,}"


def test_every_limit_is_on_the_page_with_its_number():
    text = (ROOT / "docs/guide/9-limits.md").read_text("utf-8")
    rows = dict(re.findall(r"^\| (.+) \| ([\d,]+(?: [KMG]iB)?) \|$", text, re.MULTILINE))
    assert rows == {what: written(what, limit) for what, limit in LIMITS.items()}
