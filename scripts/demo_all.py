"""Runs every pipeline that an upload starts on its sample; shows all outputs in demo.html.

Starts the local stack, uploads each sample as a user would, waits for the completion event as a
subscriber would, and exits 0 only if every run succeeded.
"""

import argparse
import json
import sys
import time

import demo
import demo_page
from azure.storage.blob import BlobServiceClient

from pipeline.bootstrap import APP_ROOT
from pipeline.cli.commands import up_down
from pipeline.cli.exits import CommandError, Exit
from pipeline.cli.samples.samples import SAMPLES, Sample
from pipeline.cli.session import Deadline, Session
from pipeline.cli.stack.config import Wishes
from pipeline.cli.stack.process import LocalStack
from pipeline.cli.stack.signals import end_in_order
from pipeline.cli.starting.uploads import wait_for_start
from pipeline.domain.runs import naming
from pipeline.domain.runs.naming import BlobRef, Generation
from pipeline.errors import FanfareError
from pipeline.handlers.starting.lost_events import event_of
from pipeline.handlers.starting.start import blob_key

PAGE = APP_ROOT / "demo.html"
RUN_S = 600.0
PIECE = 8 << 20  # an output is shown up to this size


def main() -> int:
    """Run all samples; return 0 if all succeeded."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("names", nargs="*", help="pipelines; default: all that an upload starts")
    given = parser.parse_args()
    session = Session()
    stack = session.stack()
    keep = stack.running()
    end_in_order()
    try:
        return show(session, stack, [SAMPLES[name] for name in given.names or started(session)])
    except KeyError as error:
        return session.fail(CommandError(f"There is no sample for {error}.", Exit.USAGE))
    except FanfareError as error:
        return session.fail(error)
    finally:
        if not keep:
            up_down.stop(session, stack, force=False)


def started(session: Session) -> list[str]:
    """Name the pipelines with a sample that an upload starts; others need images."""
    pipelines = session.definitions().pipelines  # the stack need not be up yet
    return [name for name in SAMPLES if pipelines[name].trigger.blob]


def show(session: Session, stack: LocalStack, samples: list[Sample]) -> int:
    """Run samples one after another, and write the page."""
    started = up_down.bring_up(session, stack, Wishes())
    connection = started.values["AzureWebJobsStorage"]
    demo.step(session, "stack", f"is up, data in {stack.data}")
    shown = []
    for sample in samples:
        shown.append(one(session, connection, sample))
        PAGE.write_text(demo_page.page(shown), encoding="utf-8")
    failed = [part.name for part in shown if not part.succeeded]
    demo.step(session, "page", f"{PAGE}: open it in a browser")
    if failed:
        raise CommandError(f"These pipelines did not succeed: {', '.join(failed)}.")
    return Exit.OK


def one(session: Session, connection: str, sample: Sample) -> demo_page.Part:
    """Run one sample, and read what came out."""
    definition = session.engine.catalogue.pipelines[sample.pipeline]
    trigger = definition.trigger.blob
    if trigger is None:
        raise CommandError(f"No upload starts {sample.pipeline}.")
    name = f"{trigger.prefix}demo-{time.time_ns()}-{sample.file}"
    service = BlobServiceClient.from_connection_string(connection)
    for listed, content in sample.blobs().items():
        service.get_blob_client("input", listed).upload_blob(content, overwrite=True)
    began = time.monotonic()
    service.get_blob_client("input", name).upload_blob(sample.make())
    facts = session.engine.ports.blobs.head(BlobRef("input", name))
    if facts is None:
        raise CommandError("The uploaded blob has disappeared.")
    run = naming.run_id(sample.pipeline, blob_key(event_of(session.engine, facts)))
    with session.busy(f"{sample.pipeline}: {sample.about}"):
        wait_for_start(session, run, Deadline.begun(session, demo.EVENT_S))
        event = demo.receive(session, connection, run, RUN_S)
    seconds = time.monotonic() - began
    data = event["data"]
    demo.step(session, sample.pipeline, f"{data['verdict']} after {seconds:.1f} s")
    return demo_page.Part(
        sample.pipeline,
        definition.description,
        sample.about,
        seconds,
        event,
        _files(session, Generation(run, data["generation"])) if data["output"] else {},
    )


def _files(session: Session, names: Generation) -> dict[str, tuple[str, bytes]]:
    """Return type and content of each file of an output."""
    blobs = session.engine.ports.blobs
    manifest = json.loads(blobs.read(names.manifest))
    return {
        file["name"]: (file["content_type"], blobs.read(names.output(file["name"]), 0, PIECE))
        for file in manifest["files"]
    }


if __name__ == "__main__":
    sys.exit(main())
