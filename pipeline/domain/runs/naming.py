"""All names that the engine gives to blobs, folders, jobs and ids, and how it reads them back.

`tests/repo` checks that no other module spells one. Names are derived from what they name, so a
step that runs twice finds what it left the first time.
"""

import hashlib
import hmac
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from json import dumps

CONTAINERS = ("input", "work", "receipts", "engine", "output", "scripts", "dead-letter")
INPUT, WORK, RECEIPTS, ENGINE, OUTPUT, SCRIPTS, DEAD_LETTER = CONTAINERS
# The engine itself writes there: a trigger on one of them would start runs from its own files.
RESERVED = frozenset({WORK, RECEIPTS, ENGINE, SCRIPTS, DEAD_LETTER})
UPLOADED = (WORK, RECEIPTS)  # containers in which nodes may create blobs
SPLIT, ASSEMBLE = STAGES = ("split", "assemble")
TASK = "task"
MANIFEST = "manifest.json"
MANIFEST_PAGE = re.compile(r"manifest-[0-9]{6,}\.json")
# Files of a task's working directory: what the runner reads, and patterns of what it leaves.
PAGE_FILE, PARTS_FILE, ITEMS_FILE = "page.json", "parts.json", "items.json"
FILE_LIST, SECRETS_FILE = "files.jsonl", "secrets.json"  # the list is of files to be fetched
JOURNAL_FILES, FINISHED_FILE = "p-*.jsonl", "finished.jsonl"
# A task without the runner: its output folder, which a file keeps, its streams, its last file.
OUTPUT_FOLDER, KEEP_FILE = "fanfare-output", "fanfare-output/.keep"
BATCH_STREAMS, END_FILE = "../std*.txt", ".ended"
OUTPUT_FILES, LOG_FILES, STREAM_FILES, RECEIPT_FILES = "o-*", "l-*.txt", "s-*.txt", "r-*.json"

_RUN = re.compile(r"(?P<pipeline>[a-z][a-z0-9-]{0,31})-[0-9a-f]{20}")
_UNIT = re.compile(r"t(?P<number>[0-9]{6})|split|assemble")
_RECEIPT = re.compile(
    r"(?P<run>[a-z0-9-]{1,60})/g(?P<generation>[1-9][0-9]{0,3})/"
    r"(?P<address>(?P<unit>[a-z0-9]{5,8})(?:/x[0-9]{1,4}-[0-9a-f]{32})?)/"
    r"(?:r-(?P<attempt>[0-9a-f]{16})\.json|\.ended)"
)
_ADDRESS = re.compile(r"[a-z0-9]{5,8}/x([0-9]{1,4})-[0-9a-f]{32}")
_OUTPUT = re.compile(r"o-([0-9a-f]{16})-[0-9]{1,6}")  # of an attempt, as the runner names it
PROBED = (INPUT, RECEIPTS)  # containers whose events the engine receives
_UPLOADS, _PROBES, _LATEST, _BY_NAME = "uploads/", ".fanfare-doctor/", "latest", "by-name"
_LONGEST_ALIAS = 900  # characters of an input's name; a blob name takes 1,024


@dataclass(frozen=True, order=True)
class BlobRef:
    """A blob by name, or one immutable snapshot of it."""

    container: str
    name: str
    snapshot: str | None = None


@dataclass(frozen=True)
class Generation:
    """One generation of a run, and the names of everything that belongs to it.

    An address is the folder of one execution of a unit, below the folders of outputs, logs,
    journals and receipts. Nobody can guess it who does not know the generation's `seal`, 128
    random bits. Runs that an older release began have no seal; their addresses are the names of
    the units.
    """

    run: str
    number: int
    seal: str = ""

    @property
    def folder(self) -> str:
        """The folder in `work`, `receipts` and `engine`."""
        return f"{self.run}/g{self.number}"

    def plan(self, attempt: str) -> str:
        """Return the folder of one planner's work, or of a stage program's own plan."""
        return f"{self.folder}/plan/{attempt}"

    def pin(self, ref: BlobRef, etag: str) -> BlobRef:
        """Return where a copy of one version of a blob lies."""
        text = f"{ref.container}/{ref.name}\n{etag}".encode()
        return BlobRef(ENGINE, f"{self.folder}/pins/{hashlib.sha256(text).hexdigest()[:32]}")

    def address(self, unit: str, execution: int = 0) -> str:
        """Return the address of one execution of a unit."""
        if not self.seal:
            return unit
        text = f"{self.run}/{self.number}/{unit}/{execution}".encode()
        secret = hmac.digest(bytes.fromhex(self.seal), text, "sha256").hex()[:32]
        return f"{unit}/x{execution}-{secret}"

    def knows(self, address: str) -> bool:
        """Return whether an address is one of this generation's."""
        unit = address.partition("/")[0]
        expected = self.address(unit, execution_of(address))
        return hmac.compare_digest(address.encode(), expected.encode())

    def outputs(self, address: str = "") -> str:
        """Return the folder of an address's outputs, or the prefix of all numbered tasks."""
        return f"{self.folder}/out/{address or 't'}"

    def output_of(self, address: str, blob: str) -> BlobRef:
        """Return one output of an execution, as the runner named it."""
        return BlobRef(WORK, f"{self.outputs(address)}/{blob}")

    def logs(self, address: str = "") -> str:
        """Return the folder of the logs of a unit or address, or of all."""
        return f"{self.folder}/log/{address}"

    def journals(self, address: str) -> str:
        """Return the folder of the journals of a unit or address; they count without a receipt."""
        return f"{self.folder}/journal/{address}"

    def receipts(self, address: str = "") -> str:
        """Return the folder of the receipts of a unit or address, or of all."""
        return f"{self.folder}/{address}"

    def assembled(self, attempt: str) -> str:
        """Return the folder of one assembler's work."""
        return f"{self.folder}/assembled/{attempt}"

    def kept(self, step: str, name: str) -> BlobRef:
        """Return what a step keeps for its next slice or for readers, often by a digest."""
        return BlobRef(ENGINE, f"{self.folder}/{step}/{name}")

    @property
    def empty(self) -> BlobRef:
        """An empty blob, of which tasks without the runner get copies."""
        return BlobRef(ENGINE, f"{self.folder}/empty")

    @property
    def chosen(self) -> BlobRef:
        """The blob that says which assembler's files are committed."""
        return BlobRef(ENGINE if self.seal else WORK, f"{self.folder}/assembled/chosen.json")

    @property
    def parts(self) -> BlobRef:
        """The list of parts that an assembler program gets."""
        return BlobRef(ENGINE, f"{self.plan(ASSEMBLE)}/{PARTS_FILE}")

    def file_list(self, unit: str, execution: int, digest: str) -> BlobRef:
        """The list of the files that one execution of a unit fetches, by what it names."""
        return BlobRef(ENGINE, f"{self.folder}/files/{unit}-x{execution}-{digest}.jsonl")

    def secrets(self, stage: str = "") -> BlobRef:
        """Return the secrets of a stage's program, named by the seal, or the prefix of all."""
        name = self.address(f"secrets-{stage}") if stage else ""
        return BlobRef(ENGINE, f"{self.folder}/secrets/{name}")

    @property
    def output_folder(self) -> str:
        """The immutable folder of the committed output."""
        return f"{pipeline_of(self.run)}/{self.run}/g{self.number}"

    def output(self, name: str) -> BlobRef:
        """Return one file of the committed output."""
        return BlobRef(OUTPUT, f"{self.output_folder}/{name}")

    @property
    def manifest(self) -> BlobRef:
        """The manifest: writing it is the commit."""
        return self.output(MANIFEST)

    def manifest_page(self, number: int) -> str:
        """Name a file of the output that lists others."""
        return f"manifest-{number:06d}.json"

    def job(self, execution: int = 0, stage: str = "") -> str:
        """Return the Batch job of an execution of the plan's tasks, or of a stage program."""
        parts = [self.run, f"g{self.number}", stage, f"r{execution}" if execution else ""]
        return "-".join(part for part in parts if part)

    def event(self, verdict: str) -> str:
        """Return the completion event's id, by which consumers drop duplicates."""
        return f"{self.run}-g{self.number}-{verdict}"


def run_id(pipeline: str, cause: Sequence[str]) -> str:
    """Derive a run's id from its pipeline and what caused it."""
    text = "\n".join((pipeline, *cause))
    return f"{pipeline}-{hashlib.sha256(text.encode()).hexdigest()[:20]}"


def pipeline_of(run: str) -> str | None:
    """Return the pipeline that a run id names, or None if the text is not a run id."""
    return match["pipeline"] if (match := _RUN.fullmatch(run)) else None


def pool_id(name: str, fixed: Mapping[str, object]) -> str:
    """Return a pool's id in Batch: its name and a digest of what cannot be changed."""
    text = dumps(fixed, sort_keys=True, separators=(",", ":"))
    return f"{name}-{hashlib.sha256(text.encode()).hexdigest()[:8]}"


def inverted_time(moment: datetime) -> str:
    """Render a time so that later sorts first."""
    return f"{10**13 - int(moment.timestamp() * 1000):013d}"


def unit_name(task: int) -> str:
    """Name a task of the plan; stage programs are units named `split` and `assemble`."""
    return f"t{task:06d}"


def unit_number(unit: str) -> int | None:
    """Return the task number of a unit, or None for a stage program."""
    match = _UNIT.fullmatch(unit)
    return int(match["number"]) if match and match["number"] else None


@dataclass(frozen=True)
class ReceiptPath:
    """What a receipt's path says: its identity; and when the blob came, if that is known."""

    run: str
    generation: int
    unit: str
    attempt: str
    address: str
    came_at: datetime | None = field(default=None, compare=False)

    @property
    def execution(self) -> int:
        """The execution that left the receipt."""
        return execution_of(self.address)

    @property
    def is_engines(self) -> bool:
        """Whether the engine wrote it, for a task without the runner."""
        return self.attempt == attempt_of(self.address)

    @property
    def blob(self) -> BlobRef:
        """The receipt's blob."""
        folder = Generation(self.run, self.generation).receipts(self.address)
        return BlobRef(RECEIPTS, f"{folder}/r-{self.attempt}.json")


def parse_receipt_path(name: str) -> ReceiptPath | None:
    """Parse a blob name of container `receipts`; return None if it is not a receipt's name."""
    match = _RECEIPT.fullmatch(name)
    return _receipt_path(match, match["attempt"]) if match and match["attempt"] else None


def parse_end_path(name: str) -> ReceiptPath | None:
    """Parse the name of the last file of a task without the runner; None for another name.

    The path is that of the receipt which the engine writes in place of the runner.
    """
    match = _RECEIPT.fullmatch(name)
    if match is None or match["attempt"]:
        return None
    return _receipt_path(match, attempt_of(match["address"]))


def attempt_of(address: str) -> str:
    """Derive the attempt of an execution without the runner from its address."""
    return hashlib.sha256(address.encode()).hexdigest()[:16]


def _receipt_path(match: re.Match[str], attempt: str) -> ReceiptPath | None:
    if not _UNIT.fullmatch(match["unit"]) or not pipeline_of(match["run"]):
        return None
    run, generation, unit = match["run"], int(match["generation"]), match["unit"]
    return ReceiptPath(run, generation, unit, attempt, match["address"])


def execution_of(address: str) -> int:
    """Return the execution that an address belongs to; 0 for an address of an older release."""
    return int(match[1]) if (match := _ADDRESS.fullmatch(address)) else 0


def is_output_of(blob: str, attempt: str) -> bool:
    """Return whether a blob's name is that of an output of this attempt."""
    return (match := _OUTPUT.fullmatch(blob)) is not None and match[1] == attempt


def is_output_named(blob: str, name: str) -> bool:
    """Return whether Batch may have given an output this blob, without the runner.

    It is not documented whether the fixed folder of a pattern is part of the blob's name.
    """
    return blob in (name, f"{OUTPUT_FOLDER}/{name}")


def plan_page(folder: str, page: int, container: str = ENGINE) -> BlobRef:
    """Name a page within a plan's folder."""
    return BlobRef(container, f"{folder}/p-{page:05d}.json")


def plan_part(folder: str, name: str) -> BlobRef:
    """Name what a planner keeps beside its pages: lists of their digests, a page that it began."""
    return BlobRef(ENGINE, f"{folder}/{name}")


def plan_sheet(page: BlobRef, digest: str) -> BlobRef:
    """Name the part of a page that some of its tasks read, by its content."""
    return BlobRef(page.container, f"{page.name.removesuffix('.json')}/{digest}.json")


def script(name: str, digest: str) -> BlobRef:
    """Name a file of task_scripts/ by its SHA-256, so that a version never changes.

    A folder, whose name ends in a slash, is one archive.
    """
    return BlobRef(SCRIPTS, f"{digest[:24]}/{name[:-1] + '.zip' if name.endswith('/') else name}")


def upload(token: str, name: str) -> BlobRef:
    """Name a blob that a request uploads, where no trigger looks: it starts no run by itself."""
    return BlobRef(WORK, f"{_UPLOADS}{token}/{name}")


def is_upload(ref: BlobRef) -> bool:
    """Return whether a request uploaded a blob."""
    return ref.container == WORK and ref.name.startswith(_UPLOADS)


def is_program_log(ref: BlobRef) -> bool:
    """Return whether a log is that of the task's program; others are the runner's own."""
    return "/l-" in ref.name or ref.name.endswith(("/stdout.txt", "/stderr.txt"))


def probe(container: str, token: str) -> BlobRef:
    """Name an empty blob with which `fanfare doctor` follows an event."""
    return BlobRef(container, f"{_PROBES}{token}")


def is_probe(ref: BlobRef) -> bool:
    """Return whether a blob is a probe of `fanfare doctor`."""
    return ref.container in PROBED and ref.name.startswith(_PROBES)


def alias_latest(pipeline: str) -> BlobRef:
    """Name the manifest where people find a pipeline's latest output."""
    return BlobRef(OUTPUT, f"{pipeline}/{_LATEST}/{MANIFEST}")


def alias_of_input(pipeline: str, name: str) -> BlobRef:
    """Name the manifest where people find the output of an input; long names are cut."""
    if len(name) > _LONGEST_ALIAS:
        digest = hashlib.sha256(name.encode()).hexdigest()[:16]
        name = f"{name[:_LONGEST_ALIAS].rstrip('/.')}-{digest}"
    return BlobRef(OUTPUT, f"{pipeline}/{_BY_NAME}/{name}/{MANIFEST}")


def belongings(run: str, *, output: bool) -> list[BlobRef]:
    """Name the folders that hold all blobs of a run; its output only on request."""
    folders = [BlobRef(container, f"{run}/") for container in (WORK, RECEIPTS, ENGINE)]
    return [*folders, BlobRef(OUTPUT, f"{pipeline_of(run)}/{run}/")] if output else folders
