"""Runs a task on a node: the program of each item in turn, then writes the receipt.

It starts in the task's working directory, which has `page.json` and the inputs, or a list of them
that it fetches first (`runner_fetching.py`). It writes there `o-{attempt}-{n}` (outputs),
`l-{attempt}.txt` (log) and, last, `r-{attempt}.json` (receipt). It exits 0 whenever it wrote the
receipt, so that Batch never executes finished items a second time.
Standard library only, Python 3.10 or newer. This file is short because Python compiles it for every
task, and keeps what it compiled of the others.
"""

import sys

if not __package__:  # a program called json.py must not replace the library's
    sys.path.append(sys.path.pop(0))

import os
from collections.abc import Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING or __package__:
    from task_scripts.runtime import runner_attempt as attempts
    from task_scripts.runtime import runner_gpu as gpus
    from task_scripts.runtime import runner_keeper as keeper
    from task_scripts.runtime import runner_page as pages
    from task_scripts.runtime.files import runner_fetch as fetch
    from task_scripts.runtime.files import runner_folder as folders
    from task_scripts.runtime.secrecy import runner_secrets as secrets
else:  # on a node the files are in one folder
    import runner_attempt as attempts
    import runner_fetch as fetch
    import runner_folder as folders
    import runner_gpu as gpus
    import runner_keeper as keeper
    import runner_page as pages
    import runner_secrets as secrets

PREPARED = "AZ_BATCH_JOB_PREP_WORKING_DIR"


def main(argv: Sequence[str], environ: Mapping[str, str]) -> int:
    """Run the task that FANFARE_TASK names; return 0 if its receipt is written."""
    del argv
    folder = Path.cwd()
    try:
        folders.close_to_others(folder, Path(environ.get("AZ_BATCH_TASK_DIR", "")))
        if environ.get(fetch.LIST) and (code := _fetch_listed(folder, environ)):
            return code
        page, task = pages.read_task(folder, int(environ["FANFARE_TASK"]))
        root = folders.Folder.at(folder)
        fetch.link_prepared(root, page["inputs"], environ.get(PREPARED, ""))
        attempt = attempts.Attempt(page, task, environ, root)
    except secrets.Untaken as error:
        return fetch.without(error)
    except gpus.NoGpu as error:
        sys.stderr.write(f"{gpus.MARK}{error}\n")
        return gpus.EXIT_CODE
    except (OSError, ValueError, KeyError) as error:
        return _without_receipt(error)
    return keeper.Keeper(partial(_work, attempt), attempt.killed).run()


def _fetch_listed(folder: Path, environ: Mapping[str, str]) -> int:
    """Load what fetches files, which takes longer than the rest of the runner, and let it work."""
    if TYPE_CHECKING or __package__:
        from task_scripts.runtime.files import runner_fetching as fetching  # noqa: PLC0415
    else:
        import runner_fetching as fetching  # noqa: PLC0415
    return fetching.fetch_listed(folder, environ)


def _work(attempt: attempts.Attempt, leash: int) -> int:
    try:
        return attempt.work(leash)
    except (OSError, ValueError, KeyError) as error:
        return _without_receipt(error)


def _without_receipt(error: Exception) -> int:
    sys.stderr.write(f"The task left no receipt: {type(error).__name__}: {error}\n")
    return 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:], os.environ))
