"""Reads the manifest of a run's output as it was committed, or says why there is none."""

from collections.abc import Iterator
from dataclasses import dataclass

from pydantic import ValidationError

from pipeline.cli.doors.door import Outputs
from pipeline.cli.exits import CommandError
from pipeline.cli.lookup import needed
from pipeline.cli.session import Session
from pipeline.domain.runs import naming
from pipeline.domain.runs.manifest import Manifest, ManifestPage, OutputFile, files_of
from pipeline.domain.runs.run import Run
from pipeline.domain.texts.visible import visible
from pipeline.errors import NotFound

_SHOWN = 100


@dataclass(frozen=True)
class Committed:
    """A committed output: the run, its manifest and its bytes, and where its files come from."""

    run: Run
    manifest: Manifest
    content: bytes
    outputs: Outputs

    def files(self) -> Iterator[OutputFile]:
        """Yield the files that the manifest or its pages list. Raises CommandError."""
        return files_of(self.manifest, self.page)

    def page(self, page: ManifestPage) -> bytes:
        """Read a page of the manifest. Raises CommandError if it is gone."""
        content = b""
        try:
            for chunk in self.outputs.stream(page.name, 0):
                content += chunk
                if len(content) > page.size:
                    break  # it was changed: whoever compares the digest will say so
        except NotFound as error:
            raise gone(self.run, self.run.names.output(page.name).name) from error
        return content

    @property
    def folder_name(self) -> str:
        """The name of a folder for this output alone. Raises CommandError for none.

        A run comes from outside, and its id must not lead to another folder.
        """
        if naming.pipeline_of(self.run.id) is None:
            raise CommandError(f"{visible(self.run.id[:_SHOWN])} is no run id: name a folder.")
        number = self.run.generation
        return f"{self.run.id}-generation-{number}" if number > 1 else self.run.id


def committed(session: Session, run_id: str) -> Committed:
    """Read the output of a run that has to be over. Raises CommandError."""
    return output_of(session, ended(session, run_id))


def output_of(session: Session, run: Run) -> Committed:
    """Read the output of a run. Raises CommandError if it has none, or if somebody changed it."""
    if run.output is None:
        raise CommandError(f"Run {run.id} {run.state} without an output: {_why(session, run)}.")
    outputs = session.door.outputs(run)
    content = _manifest(outputs, run)
    try:
        manifest = Manifest.model_validate_json(content)
    except ValidationError as error:
        raise CommandError(
            f"This release cannot read the manifest of run {run.id}: fetch its output with the "
            "release that made it, or with another tool, such as azcopy."
        ) from error
    if (manifest.run, manifest.generation) != (run.id, run.generation):
        raise _changed(run)
    return Committed(run, manifest, content, outputs)


def ended(session: Session, run_id: str) -> Run:
    """Return a run that is over. Raises CommandError for another one."""
    run = needed(session, run_id)
    if not run.over:
        follow = session.addressed(f"fanfare watch {run.id}")
        raise CommandError(f"Run {run.id} is {run.state}: `{follow}` follows it to its end.")
    return run


def _manifest(outputs: Outputs, run: Run) -> bytes:
    assert run.output is not None  # noqa: S101 - the caller looked
    found = outputs.manifest()
    if found is None:
        raise gone(run, run.names.manifest.name)
    etag, content = found
    if etag != run.output.manifest_etag:
        raise _changed(run)
    return content


def gone(run: Run, blob: str) -> CommandError:
    """Return the error for an output of which a blob is not there any more."""
    since = f" after its purge on {run.purged_at:%Y-%m-%d}" if run.purged_at else ""
    return CommandError(
        f"The output of run {run.id} was deleted{since}: there is no blob {blob}. "
        "Start a new run of its input."
    )


def _changed(run: Run) -> CommandError:
    return CommandError(
        f"The manifest of run {run.id} is not the one that was committed: somebody wrote "
        f"{run.names.manifest.name} since. Start a new run of its input."
    )


def _why(session: Session, run: Run) -> str:
    show = session.addressed(f"fanfare show {run.id}")
    return f"`{show}` says why" + (f" ({run.cause})" if run.cause else "")
