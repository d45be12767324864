"""Writes what nodes read of a page: each task's own part, and nothing of the others."""

from collections.abc import Collection, Mapping
from contextlib import suppress

from pipeline.domain.plans.sheets import SHEET_BYTES, Sheet, sheets
from pipeline.domain.runs import naming
from pipeline.domain.runs.naming import BlobRef
from pipeline.errors import Conflict
from pipeline.handlers import abreast
from pipeline.handlers.engine import Engine
from pipeline.handlers.published import ReadPage


def of_tasks(engine: Engine, read: ReadPage, tasks: Collection[int]) -> Mapping[int, BlobRef]:
    """Return the blob that each task reads: the page if it is small, or a sheet of it.

    Sheets are named by their content, so whoever submits a task again finds that of the first time.
    """
    small = len(read.content) <= SHEET_BYTES or len(read.page.tasks) == 1
    if small or not read.page.program.has_runner:
        return dict.fromkeys(tasks, read.blob)
    needed = [one for one in sheets(read.content) if not set(tasks).isdisjoint(one.tasks)]
    blobs = abreast.each(lambda sheet: _write(engine, read.blob, sheet), needed)
    written = zip(needed, blobs, strict=True)
    return {number: blob for sheet, blob in written for number in sheet.tasks}


def _write(engine: Engine, page: BlobRef, sheet: Sheet) -> BlobRef:
    blob = naming.plan_sheet(page, sheet.digest)
    with suppress(Conflict):  # it is there already, and a task may be reading it
        engine.ports.writer.write(blob, sheet.content, "*", "application/json")
    return blob
