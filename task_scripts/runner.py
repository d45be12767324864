"""Runs a task on a node: the program of each item in turn, then writes the receipt.

It starts in the task's working directory, which has `page.json` and the inputs. It writes there
`o-{attempt}-{n}` (outputs), `l-{attempt}.txt` (log) and, last, `r-{attempt}.json` (receipt). It
exits 0 whenever it wrote the receipt, so that Batch never executes finished items a second time.
Standard library only, Python 3.10 or newer.
"""

import sys

if not __package__:  # a program called json.py must not replace the library's
    sys.path.append(sys.path.pop(0))

import json
import os
import shutil
import signal
import time
from collections.abc import Mapping, Sequence
from datetime import datetime, timezone
from pathlib import Path
from typing import TYPE_CHECKING, NoReturn, TypedDict

if TYPE_CHECKING or __package__:
    from task_scripts import runner_cut as cuts
    from task_scripts import runner_guard as guard
    from task_scripts import runner_item as items
    from task_scripts import runner_missing as missing
else:  # on a node the files are in one folder
    import runner_cut as cuts
    import runner_guard as guard
    import runner_item as items
    import runner_missing as missing

RECEIPT_BYTES = 1024 * 1024
TAIL_CHARACTERS = 2000
LOG_BYTES = 8 * 1024 * 1024
_ITEM_BYTES = 300  # of an item's entry in the receipt, without outputs and tail


class Result(TypedDict):
    """One item in the receipt."""

    id: int
    outcome: str
    cause: str | None
    exit_code: int | None
    tries: int
    seconds: float
    tail: str
    outputs: list[items.Output]


class _InputFile(TypedDict):
    file: str
    name: str
    size: int


class _Task(TypedDict):
    number: int
    inputs: list[_InputFile]
    items: list[items.Item]


class _Page(TypedDict):
    run: str
    generation: int
    program: items.Program
    item_timeout_s: float
    require_output: bool
    tries: dict[str, int]
    inputs: list[_InputFile]
    cut: "cuts.Cut | None"
    tasks: list[_Task]


class Attempt:
    """One start of a task on a node: what its items share, and the counters over all items."""

    def __init__(self, page: _Page, task: _Task, environ: Mapping[str, str], folder: Path) -> None:
        self.id = os.urandom(8).hex()
        self._page, self._folder = page, folder
        self._tries = folder / f"try-{self.id}"
        files = [*page["inputs"], *task["inputs"]]
        self._names = {file["file"]: file["name"] for file in files}
        self._sizes = {file["file"]: file["size"] for file in files}
        self._environ = {
            "FANFARE_ATTEMPT": self.id,
            **{name: value for name, value in environ.items() if name != "FANFARE_ATTEMPT"},
            "FANFARE_RUN": page["run"],
            "FANFARE_GENERATION": str(page["generation"]),
            "FANFARE_TASK": str(task["number"]),
        }
        self._scripts = Path(__file__).resolve().parent
        self._outputs = 0
        self._receipt_room = RECEIPT_BYTES - _ITEM_BYTES * (len(task["items"]) + 1)
        self._log_room = LOG_BYTES

    def run_item(self, item: items.Item) -> Result:
        """Run one item until it succeeds or its tries are used up."""
        failures: dict[str, int] = {}
        seconds = 0.0
        while True:
            number = sum(failures.values()) + 1
            result = self._run_once(item, number)
            seconds += result["seconds"]
            result |= {"tries": number, "seconds": round(seconds, 3)}
            cause = result["cause"]
            if cause is None:
                return result
            failures[cause] = failures.get(cause, 0) + 1
            if failures[cause] >= self._page["tries"].get(cause, 1):
                return result

    def _run_once(self, item: items.Item, number: int) -> Result:
        folder = self._tries / f"{item['id']}-{number}"
        place = items.Place(self._folder, folder / "work", folder / "output")
        place.work.mkdir(parents=True)
        place.output.mkdir()
        ended, cause, note, outputs = guard.Ended(0.0, b""), None, "", []
        try:
            order = self._order(item, number, place)
            ended = guard.run_guarded(order)
            _check_end(ended, self._page["item_timeout_s"])
            outputs = self._collect(place.output)
        except items.Unfit as unfit:
            cause, note = unfit.cause, str(unfit)
        finally:
            _remove(folder)
        text = visible(ended.output)
        if cause in ("program-failed", "program-missing"):
            note = f"{note} {self._explained(ended, text)}".rstrip()
        header = (
            f"== item {item['id']}, try {number}: {cause or 'succeeded'}, {ended.seconds:.2f} s"
        )
        self._log(f"{header}\n{text}\n{note}".rstrip() + "\n")
        return {
            "id": item["id"],
            "outcome": "failed" if cause else "succeeded",
            "cause": cause,
            "exit_code": ended.exit_code,
            "tries": number,
            "seconds": ended.seconds,
            "tail": tail_of(text, note) if cause else "",
            "outputs": outputs,
        }

    def _explained(self, ended: guard.Ended, text: str) -> str:
        program = self._page["program"]
        command = (program["command"] or [""])[0] if ended.missing else None
        return missing.explain(command, program["environment"], text)

    def _order(self, item: items.Item, number: int, place: items.Place) -> guard.Order:
        program = self._page["program"]
        items.check_inputs(item, self._folder, self._sizes)
        files = self._cut(item, place.work.parent)
        if "{parts}" in "".join(program["arguments"]):
            items.check_inputs({**item, "inputs": ["parts.json"]}, self._folder, {})
        own = items.environment_for(item, place, self._names)
        return guard.Order(
            argv=items.argument_list(program, self._scripts, item, place, files),
            cwd=str(place.work),
            environ={**self._environ, **own, "FANFARE_TRY": str(number)},
            marker=f"FANFARE_ATTEMPT={self.id}",
            limit_s=self._page["item_timeout_s"],
        )

    def _cut(self, item: items.Item, folder: Path) -> "dict[str, str]":
        """Write the item's part of the input into a file; return its placeholder. Raises Unfit."""
        cut = self._page.get("cut")  # a page of an older release has none
        if not cut:
            return {}
        source = self._folder / item["inputs"][0]
        target = folder / f"part{source.suffix}"
        try:
            cuts.Cutter(cut, self._tries).part(source, item["spans"], target)
        except (OSError, UnicodeDecodeError) as error:
            note = f"The item's part of the input cannot be cut: {error}."
            raise items.Unfit("input-missing", note) from None
        return {cut["placeholder"]: str(target)}

    def _collect(self, folder: Path) -> list[items.Output]:
        outputs = items.collect(folder, self._next_output)
        if not outputs and self._page.get("require_output"):
            note = "The program ended well, but wrote no file into its output folder."
            raise items.Unfit("output-unusable", note)
        self._receipt_room -= len(encode(outputs))
        if self._receipt_room < 0:
            for output in outputs:
                (self._folder / output["blob"]).unlink()
            note = (
                "The outputs of the task do not fit one receipt: use fewer files, or fewer items."
            )
            raise items.Unfit("output-unusable", note)
        return outputs

    def _next_output(self) -> Path:
        self._outputs += 1
        return self._folder / f"o-{self.id}-{self._outputs - 1}"

    def _log(self, text: str) -> None:
        entry = text.encode()
        with (self._folder / f"l-{self.id}.txt").open("ab") as log:
            log.write(entry[: self._log_room])
        self._log_room = max(self._log_room - len(entry), 0)

    def write_receipt(self, results: list[Result], node: str, started: float) -> None:
        """Write the receipt, whole or not at all."""
        ended = time.time()
        head = {
            "version": 1,
            "attempt": self.id,
            "node": node[:128],
            "started_at": _iso(started),
            "ended_at": _iso(ended),
            "seconds": round(max(ended - started, 0.0), 3),
        }
        target = self._folder / f"r-{self.id}.json"
        unfinished = self._folder / f"tmp-{self.id}"
        unfinished.write_bytes(fitting_receipt(head, results))
        unfinished.replace(target)
        _remove(self._tries)


def fitting_receipt(head: Mapping[str, object], results: Sequence[Result]) -> bytes:
    """Encode a receipt; cut the tails if it would be too large."""
    content = encode({**head, "items": results})
    for length in (500, 100, 0):
        if len(content) <= RECEIPT_BYTES:
            break
        cut = [{**result, "tail": _last(result["tail"], length)} for result in results]
        content = encode({**head, "items": cut})
    return content


def _last(text: str, length: int) -> str:
    return text[max(len(text) - length, 0) :]


def encode(value: object) -> bytes:
    """Encode as compact JSON."""
    return json.dumps(value, ensure_ascii=False, separators=(",", ":")).encode()


def visible(output: bytes) -> str:
    """Decode what a program printed, and spell out control characters."""
    text = output.decode(errors="replace").replace("\r\n", "\n").replace("\r", "\n")
    if text.replace("\n", "").replace("\t", "").isprintable():
        return text
    return "".join(
        c if c.isprintable() or c in "\n\t" else c.encode("unicode_escape").decode() for c in text
    )


def tail_of(text: str, note: str) -> str:
    """Return the last whole lines of an output, and then the runner's own note."""
    room = max(TAIL_CHARACTERS - len(note) - 1, 0)
    text = text.rstrip()
    kept = _last(text, room)
    if len(kept) < len(text):  # the first line is cut
        kept = kept.split("\n", 1)[-1]
    return f"{kept}\n{note}".strip("\n")[:TAIL_CHARACTERS]


def _check_end(ended: guard.Ended, limit_s: float) -> None:
    """Raise Unfit unless the program succeeded."""
    if ended.timed_out:
        raise items.Unfit("timed-out", f"The program was stopped after {limit_s:g} s.")
    if ended.missing:
        raise items.Unfit("program-missing", f"The program cannot be started: {ended.missing}.")
    if ended.refused:
        raise items.Unfit("program-failed", f"The program cannot be started: {ended.refused}.")
    if ended.guardian_killed:
        raise items.Unfit("program-failed", "The program killed its parent.")
    if ended.exit_code is not None and ended.exit_code < 0:
        name = signal.strsignal(-ended.exit_code)
        note = f"The program was ended by signal {-ended.exit_code} ({name})."
        raise items.Unfit("program-failed", note)
    if ended.exit_code:
        raise items.Unfit("program-failed", f"The program exited with code {ended.exit_code}.")


def _remove(folder: Path) -> None:
    try:
        shutil.rmtree(folder, ignore_errors=True)
    except RecursionError:  # a hostile depth of folders; they are deleted with the node
        sys.stderr.write(f"{folder.name} stays: its folders are too deep.\n")


def _iso(moment: float) -> str:
    text = datetime.fromtimestamp(moment, timezone.utc).isoformat(timespec="milliseconds")
    return text.replace("+00:00", "Z")


def _read_task(folder: Path, number: int) -> tuple[_Page, _Task]:
    page: _Page = json.loads((folder / "page.json").read_bytes())
    for task in page["tasks"]:
        if task["number"] == number:
            return page, task
    raise ValueError(f"page.json has no task {number}")


def _stop(*_: object) -> NoReturn:
    raise SystemExit(128 + signal.SIGTERM)


def main(argv: Sequence[str], environ: Mapping[str, str]) -> int:
    """Run the task that FANFARE_TASK names; return 0 if its receipt is written."""
    del argv
    signal.signal(signal.SIGTERM, _stop)
    started, folder = time.time(), Path.cwd()
    try:
        page, task = _read_task(folder, int(environ["FANFARE_TASK"]))
        attempt = Attempt(page, task, environ, folder)
        results = [attempt.run_item(item) for item in task["items"]]
        attempt.write_receipt(results, environ.get("AZ_BATCH_NODE_ID", ""), started)
    except (OSError, ValueError, KeyError) as error:
        sys.stderr.write(f"The task left no receipt: {type(error).__name__}: {error}\n")
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:], os.environ))
