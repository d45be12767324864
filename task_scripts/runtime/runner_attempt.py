"""One execution of a task on a node: its items in turn, with retries by cause, then the receipt."""

import os
import signal
import time
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO

if TYPE_CHECKING or __package__:
    from task_scripts.runtime import runner_gpu as gpus
    from task_scripts.runtime import runner_guard as guard
    from task_scripts.runtime import runner_item as items
    from task_scripts.runtime import runner_journal as journals
    from task_scripts.runtime import runner_missing as missing
    from task_scripts.runtime import runner_page as pages
    from task_scripts.runtime import runner_processes as processes
    from task_scripts.runtime import runner_receipt as receipts
    from task_scripts.runtime.files import runner_cut as cuts
    from task_scripts.runtime.files import runner_disk as disks
    from task_scripts.runtime.files import runner_fetch as fetch
    from task_scripts.runtime.files import runner_folder as folders
    from task_scripts.runtime.files import runner_pack as packs
    from task_scripts.runtime.secrecy import runner_capture as captures
    from task_scripts.runtime.secrecy import runner_secrets as secrets
else:  # on a node the files are in one folder
    import runner_capture as captures
    import runner_cut as cuts
    import runner_disk as disks
    import runner_fetch as fetch
    import runner_folder as folders
    import runner_gpu as gpus
    import runner_guard as guard
    import runner_item as items
    import runner_journal as journals
    import runner_missing as missing
    import runner_pack as packs
    import runner_page as pages
    import runner_processes as processes
    import runner_receipt as receipts
    import runner_secrets as secrets

LOG_BYTES = 8 * 1024 * 1024
LIVE_FILE = "live.txt"
_OWN = ("FANFARE_ATTEMPT", gpus.MISSING, fetch.BEGAN, *fetch.VARIABLES)


class Attempt:
    """One execution of a task on a node: what its items share, and the counters over all items."""

    def __init__(
        self, page: pages.Page, task: pages.Task, environ: Mapping[str, str], folder: folders.Folder
    ) -> None:
        """Take the secrets, and lease the GPU, that the program wants. Raises Untaken, NoGpu."""
        # A page of an older release has none.
        self._secrets = secrets.take(folder, page["program"].get("secrets") or ())
        granted = gpus.grant(page["program"].get("gpu"), environ)  # None: of an older release
        self._device = granted.report
        self.id = os.urandom(8).hex()
        self._page, self._task, self._folder = page, task, folder
        self._tries = folder.make(f"try-{self.id}")
        files = [*page["inputs"], *task["inputs"]]
        self._names = {file["file"]: file["name"] for file in files}
        self._sizes = {file["file"]: file["size"] for file in files}
        self._environ = {
            "FANFARE_ATTEMPT": self.id,
            **{name: value for name, value in environ.items() if name not in _OWN},
            "FANFARE_RUN": page["run"],
            "FANFARE_GENERATION": str(page["generation"]),
            "FANFARE_TASK": str(task["number"]),
            **granted.variables,
        }
        self._node, self._started = environ.get("AZ_BATCH_NODE_ID", ""), time.time()
        again = any(folder.path.glob("l-*.txt"))
        began = "" if again else environ.get(fetch.BEGAN, "")  # else of the attempt before
        self._download = receipts.download_seconds(began, self._started)
        self._scripts = Path(__file__).resolve().parent
        self._receipt_room = receipts.RECEIPT_BYTES - receipts.ITEM_BYTES * (len(task["items"]) + 1)
        self._outputs, self._worker, self._leash = 0, "", 0
        self._pack = packs.Pack(folder, self._next_output, page.get("pack", 0))
        self._log_file, self._log_room = folder.create(f"l-{self.id}.txt"), LOG_BYTES
        self._live = captures.Live(self._shown_live())
        self._journal = journals.Journal(folder, self.id)
        self._journal.begin(journals.earlier(folder))
        self._kills, self._reached = missing.memory_kills(), 0

    def work(self, leash: int) -> int:
        """Run the items that have no result yet, then write the receipt; return 0."""
        self._leash, self._worker = leash, os.urandom(8).hex()
        past = self._journal.past()
        for result in past.results.values():
            self._receipt_room -= len(receipts.encode(result["outputs"]))
        for item in self._task["items"]:
            if item["id"] not in past.results:
                ended = self._run_item(item, past)
                self._journal.result(ended)
                past.results[item["id"]] = dict(ended)
        self._pack.close()
        results = [past.results[item["id"]] for item in self._task["items"]]
        self._write_receipt(results, past.after)
        return 0

    def killed(self, number: int) -> bool:
        """End what a killed runner left, and note it; return whether another one makes sense."""
        processes.hunt(f"FANFARE_ATTEMPT={self.id}")
        if self._secrets.on_disk:
            self._tries.clear()
        past, reached = self._journal.past(), self._journal.size
        if past.begun is None or reached == self._reached:
            return False
        kills = missing.memory_kills()
        cause = missing.cause_of("program-failed", self._kills, kills, -number)
        own = cause == "program-failed"
        note = f"The program killed the runner (signal {number}). " if own else ""
        note += missing.explain_kill(self._kills, kills, killed=number == signal.SIGKILL)
        self._kills = kills
        self._journal.failed(past.begun, cause, note.rstrip())
        self._log(f"== item {past.begun}: {note.rstrip()}\n")
        self._reached = self._journal.size
        return True

    def _run_item(self, item: items.Item, past: journals.Past) -> receipts.Result:
        """Run one item until it succeeds or its tries are used up."""
        failures = past.failures.get(item["id"], {})
        seconds, most, result = 0.0, (0, 0), receipts.failed(item["id"], failures, past.notes)
        while not self._used_up(failures):
            number = sum(failures.values()) + 1
            self._journal.begun(item["id"])
            result = self._run_once(item, number)
            seconds += result["seconds"]
            most = max(most[0], result["memory"]), max(most[1], result["disk"])
            result |= {"tries": number, "seconds": round(seconds, 3)}
            result |= {"memory": most[0], "disk": most[1]}
            cause = result["cause"]
            if cause is None:
                return result
            self._journal.failed(item["id"], cause)
            failures[cause] = failures.get(cause, 0) + 1
        return result

    def _used_up(self, failures: Mapping[str, int]) -> bool:
        return any(count >= self._page["tries"].get(cause, 1) for cause, count in failures.items())

    def _run_once(self, item: items.Item, number: int) -> receipts.Result:
        folder = self._tries.make_like(f"{item['id']}-{number}")
        work, output, own = (folder.make(name) for name in ("work", "output", "secrets"))
        place = items.Place(self._folder.path, work.path, output.path)
        ended, cause, note, outputs, disk = guard.Ended(0.0, b""), None, "", [], 0
        before = missing.memory_kills()
        try:
            given = self._secrets.variables(own)
            order = self._order(item, number, place, folder)
            # Secrets come last: whoever looks for a marker reads the beginning of an environment.
            order = order._replace(environ={**order.environ, **given})
            self._live.add(f"== item {item['id']}, try {number}: begins\n".encode())
            ended = guard.run_guarded(order)
            disk = work.used() + output.used()
            items.check_end(ended, self._page["item_timeout_s"])
            outputs = self._collect(output)
        except items.Unfit as unfit:
            cause, note = unfit.cause, self._secrets.redactor.hide_text(str(unfit))
        finally:
            for made in (work, output, own):
                folder.remove_with_all(made)
            self._tries.remove(folder)
        text = receipts.visible(ended.output)
        if cause in ("program-failed", "program-missing"):
            kills = missing.memory_kills()
            cause = missing.cause_of(cause, before, kills, ended.exit_code)
            note = f"{note} {self._explained(ended, text, before, kills)}".rstrip()
        head = f"item {item['id']}, try {number}: {cause or 'succeeded'}, {ended.seconds:.2f} s"
        self._live.add(f"\n== {head}\n{note}".rstrip().encode() + b"\n")
        self._log(f"== {head}\n{text}\n{note}".rstrip() + "\n")
        return {
            "id": item["id"],
            "outcome": "failed" if cause else "succeeded",
            "cause": cause,
            "exit_code": ended.exit_code,
            "tries": number,
            "seconds": ended.seconds,
            "memory": ended.memory,
            "disk": disk,
            "tail": receipts.tail_of(text, note) if cause else "",
            "outputs": outputs,
        }

    def _explained(
        self, ended: guard.Ended, text: str, before: "tuple[int, ...]", after: "tuple[int, ...]"
    ) -> str:
        program = self._page["program"]
        command = (program["command"] or [""])[0] if ended.missing else None
        memory = missing.explain_kill(before, after, killed=missing.was_killed(ended.exit_code))
        return memory or missing.explain(command, program["environment"], text)

    def _order(
        self, item: items.Item, number: int, place: items.Place, folder: folders.Folder
    ) -> guard.Order:
        program = self._page["program"]
        items.check_inputs(item, self._folder.path, self._sizes)
        files = self._cut(item, folder)
        if "{parts}" in "".join(program["arguments"]):
            items.check_inputs({**item, "inputs": ["parts.json"]}, self._folder.path, {})
        own = items.environment_for(item, place, self._names)
        return guard.Order(
            argv=items.argument_list(program, self._scripts, item, place, files),
            cwd=str(place.work),
            environ={
                **self._environ,
                **own,
                "FANFARE_TRY": str(number),
                "FANFARE_RUNNER": self._worker,
            },
            marker=f"FANFARE_RUNNER={self._worker}",
            limit_s=self._page["item_timeout_s"],
            leash=self._leash,
            redactor=self._secrets.redactor,
            disk=disks.Disk(str(folder.path), self._environ, folder.taken),
            live=self._live,
        )

    def _cut(self, item: items.Item, folder: folders.Folder) -> "dict[str, str]":
        """Write the item's part of the input into a file; return its placeholder. Raises Unfit."""
        cut = self._page.get("cut")  # a page of an older release has none
        if not cut:
            return {}
        source = self._folder.path / item["inputs"][0]
        name = f"part{source.suffix}"
        try:
            with folder.create(name) as target:
                cuts.Cutter(cut, self._tries).part(source, item["spans"], target)
        except (OSError, UnicodeDecodeError) as error:
            note = f"The item's part of the input cannot be cut: {error}."
            raise items.Unfit("input-missing", note) from None
        return {cut["placeholder"]: str(folder.path / name)}

    def _collect(self, folder: folders.Folder) -> list[items.Output]:
        given = self._page.get("output_limits") or {}  # a page of an older release has none
        limits = items.Limits.of(given, self._secrets.redactor.shows)
        target = items.Target(self._folder, self._next_output, self._pack)
        outputs = items.collect(folder, target, limits)
        if not outputs and self._page.get("require_output"):
            note = "The program ended well, but wrote no file into its output folder."
            raise items.Unfit("output-unusable", note)
        needed = len(receipts.encode(outputs))
        if needed > self._receipt_room:
            for output in outputs:
                if "offset" not in output:  # others lie in that pack, too
                    self._folder.unlink(output["blob"])
            note = "The task's outputs do not fit one receipt: use fewer files, or fewer items."
            raise items.Unfit("output-unusable", note)
        self._receipt_room -= needed
        return outputs

    def _next_output(self) -> str:
        while True:  # a runner that was killed may have left some
            self._outputs += 1
            name = f"o-{self.id}-{self._outputs - 1}"
            if not self._folder.has(name):
                return name

    def _shown_live(self) -> "BinaryIO | None":
        """Make the file that shows what programs print; its name is always the same."""
        if self._page["program"].get("secrets"):
            return None
        try:
            self._folder.unlink(LIVE_FILE)  # of an earlier attempt in this folder
            return self._folder.create(LIVE_FILE)
        except OSError:  # it is only for people who watch
            return None

    def _log(self, text: str) -> None:
        entry = text.encode()
        self._log_file.write(entry[: self._log_room])
        self._log_file.flush()
        self._log_room = max(self._log_room - len(entry), 0)

    def _write_receipt(self, results: "list[dict[str, Any]]", after: "list[str]") -> None:
        """Write the receipt, whole or not at all; then the journal says nothing more."""
        ended = time.time()
        head = {
            "version": 1,
            "attempt": self.id,
            "after": after,
            "node": self._node[:128],
            "device": self._device,
            "started_at": receipts.iso(self._started),
            "ended_at": receipts.iso(ended),
            "seconds": round(max(ended - self._started, 0.0), 3),
            "download_seconds": self._download,
        }
        unfinished = f"tmp-{os.urandom(8).hex()}"
        with self._folder.create(unfinished) as stream:
            stream.write(receipts.fitting_receipt(head, results))
        self._folder.rename(unfinished, f"r-{self.id}.json")
        self._journal.close()
        self._folder.remove(self._tries)
        self._folder.unlink_empty("s-")  # the shell's streams, which nothing was written to
