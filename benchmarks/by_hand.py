"""Does the work of a run by hand: the same programs on the same items, from a pool of processes.

Everything comes from the folders that the run's tasks left on the nodes of the local stack: pages,
inputs, programs, and the interpreter of the environment.
"""

import json
import os
import re
import shutil
import subprocess
import time
from collections.abc import Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pipeline.domain.runs import naming
from task_scripts.runtime import runner_item as items
from task_scripts.runtime.files import runner_cut as cuts
from task_scripts.runtime.files import runner_folder as folders

# Compiled modules lie beside the programs, as on nodes.
_NOT_ON_NODES = ("PYTHONPYCACHEPREFIX", "PYTHONDONTWRITEBYTECODE")
_UPLOADED = re.compile(r"[olrsj]-[0-9a-f-]+")
_ARCHIVE = ".program.zip"
_MADE = {"environment.json", "__pycache__"}


class ByHand(Exception):
    """The work cannot be done by hand; the message says why."""


@dataclass(frozen=True)
class Work:
    """An item, or a stage program: what runs, and the folders of its task and of the programs."""

    page: dict[str, Any]
    item: items.Item
    names: dict[str, str]
    task: Path
    scripts: Path
    files: dict[str, str]

    def carry_out(self, folder: Path) -> float:
        """Run the program in a folder of its own; return its seconds. Raises ByHand."""
        work, output = folder / "work", folder / "output"
        work.mkdir(parents=True)
        output.mkdir()
        place = items.Place(self.task, work, output)
        argv = items.argument_list(self.page["program"], self.scripts, self.item, place, self.files)
        own = items.environment_for(self.item, place, self.names)
        kept = {name: value for name, value in os.environ.items() if name not in _NOT_ON_NODES}
        began = time.monotonic()
        # In a session of its own, as the runner does: Linux shares processors among sessions.
        done = subprocess.run(
            argv, cwd=work, env=kept | own, capture_output=True, check=False, start_new_session=True
        )
        seconds = time.monotonic() - began
        shutil.rmtree(folder)
        if done.returncode:
            raise ByHand(f"{argv[0]}: {done.stderr.decode('utf-8', 'replace')[-400:]}")
        return seconds


def works(nodes: Path, job: str, parts: Path) -> list[Work]:
    """Read the items of a job's tasks, in order; parts of texts are cut into the folder `parts`."""
    found = list(_works(nodes, job, parts))
    return sorted(found, key=lambda work: work.item["id"])


def _works(nodes: Path, job: str, parts: Path) -> Iterator[Work]:
    for task in task_folders(nodes, job):
        page = json.loads((task / "page.json").read_bytes())
        number = naming.unit_number(task.parent.name)
        for planned in page["tasks"]:
            if number not in (None, planned["number"]):
                continue
            given = [*page["inputs"], *planned["inputs"]]
            names = {file["file"]: file["name"] for file in given}
            for item in planned["items"]:
                files = _cut(page, item, task, parts / f"{job}-{item['id']}")
                yield Work(page, item, names, task, prepared(task), files)


def _cut(page: dict[str, Any], item: items.Item, task: Path, folder: Path) -> dict[str, str]:
    """Write the item's part of the input, which the runner would cut; return its placeholder."""
    cut = page.get("cut")
    if not cut:
        return {}
    folder.mkdir(parents=True)
    held, source = folders.Folder.at(folder), task / item["inputs"][0]
    with held.create("part" + source.suffix) as target:
        cuts.Cutter(cut, held).part(source, item["spans"], target)
    return {cut["placeholder"]: str(folder / ("part" + source.suffix))}


def task_folders(nodes: Path, job: str) -> list[Path]:
    """Find the working directories of a job's tasks."""
    pages = nodes.glob(f"*/workitems/{job}/job-1/*/wd/page.json")
    return sorted((page.parent for page in pages), key=lambda folder: folder.parent.name)


def prepared(task: Path) -> Path:
    """Return the folder of the preparation beside a task's folder: programs and environment."""
    return task.parents[1] / "jobpreparation/wd"


def carried_out(works: Iterable[Work], parallel: int, folder: Path) -> list[float]:
    """Run items from a pool of processes; return the seconds of each. Raises ByHand."""
    with ThreadPoolExecutor(parallel) as pool:
        begun = [
            pool.submit(work.carry_out, folder / str(number)) for number, work in enumerate(works)
        ]
        return [one.result() for one in begun]


def moved(nodes: Path, job: str) -> tuple[int, int]:
    """Return the bytes that a job's tasks and their preparations downloaded and uploaded."""
    tasks = task_folders(nodes, job)
    inner = [file for task in tasks for file in _files(task)]
    up = [file for file in inner if _is_uploaded(file)]
    folders_ = {prepared(task) for task in tasks}
    brought = {file for folder in folders_ for file in _brought(folder)}
    # What a preparation brought is linked into tasks: it has the same number there.
    down = {file.stat().st_ino: file.stat().st_size for file in {*inner, *brought} - {*up}}
    return sum(down.values()), sum(file.stat().st_size for file in up)


def _is_uploaded(file: Path) -> bool:
    return file.parent.name == "wd" and _UPLOADED.match(file.name) is not None


def _brought(folder: Path) -> Iterator[Path]:
    """Yield what Batch brought for a preparation, without what that made of it."""
    made = {path.name.removesuffix(_ARCHIVE) for path in folder.glob(f"*{_ARCHIVE}")} | _MADE
    for top in folder.iterdir():
        if top.name not in made:
            yield from _files(top)


def _files(top: Path) -> list[Path]:
    found = [top] if top.is_file() else [*top.rglob("*")]
    return [file for file in found if file.is_file() and not file.is_symlink()]
