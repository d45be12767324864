"""Shows the main job on a real video: upload it, watch its encoding, and receive the event.

Starts the local stack, uploads Big Buck Bunny as a user would, waits for the completion event as a
subscriber would, and checks every frame of the output. Exits 0 only if all of this succeeds.
"""

import argparse
import base64
import json
import sys
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urlsplit

import imageio_ffmpeg  # type: ignore[import-untyped]  # has no type information
from azure.storage.blob import BlobServiceClient
from azure.storage.queue import QueueClient
from media_check import frames_and_ssim
from rich.text import Text

from pipeline.bootstrap import APP_ROOT
from pipeline.cli.commands import up_down
from pipeline.cli.exits import CommandError, Exit
from pipeline.cli.follow import follow
from pipeline.cli.samples import video
from pipeline.cli.session import Deadline, Session
from pipeline.cli.stack.config import COMPLETIONS, Wishes
from pipeline.cli.stack.process import LocalStack
from pipeline.cli.stack.signals import end_in_order
from pipeline.cli.starting.uploads import wait_for_start
from pipeline.cli.views import wording
from pipeline.cli.views.page import Page
from pipeline.domain.runs import naming
from pipeline.domain.runs.naming import BlobRef
from pipeline.errors import FanfareError
from pipeline.handlers.collecting.standing import Standing, manifest_of
from pipeline.handlers.starting.lost_events import event_of
from pipeline.handlers.starting.start import blob_key

PIPELINE = "media-encode"
FRAMES = 132
SSIM = 0.98
RUN_S, EVENT_S = 180.0, 30.0

type Event = Mapping[str, Any]


def main() -> int:
    """Run the demo; return 0 if the event arrived and the output is complete."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--keep", action="store_true", help="leave the local stack running")
    parser.add_argument("--data", type=Path, default=None, help="folder of the stack's data")
    given = parser.parse_args()
    session = Session()
    stack = session.stack(given.data)
    keep = given.keep or stack.running()
    end_in_order()
    try:
        return demonstrate(session, stack, keep=keep)
    except FanfareError as error:
        return session.fail(error)
    finally:
        if not keep:
            up_down.stop(session, stack, force=False)


def demonstrate(session: Session, stack: LocalStack, *, keep: bool = False) -> int:
    """Show every step, and check the result."""
    step(session, "sample", describe(film := fetch_sample(session)))
    started = up_down.bring_up(session, stack, Wishes())
    if keep:
        stack.release()
    connection = started.values["AzureWebJobsStorage"]
    step(
        session,
        "stack",
        f"{'was up already' if started.already else 'is up'}, data in {stack.data}",
    )
    began = time.monotonic()
    run = upload(session, connection, film)
    (where,) = follow(session, [run], Deadline.begun(session, RUN_S))
    event = receive(session, connection, run)
    waited = time.monotonic() - began
    session.out.print(Page(where, manifest_of(session.engine, where.run), [], session.engine.now))
    show_event(session, event, waited)
    if where.run.output is None:
        raise CommandError(
            f"The run ended as {where.run.state}: see `fanfare logs {run}` after `fanfare up`."
        )
    return judge(session, film, download(connection, event), where)


def step(session: Session, name: str, text: str) -> None:
    """Print a step that is done."""
    session.out.print(Text.assemble((f"{name:>8}  ", "bold cyan"), text))


def describe(film: Path) -> str:
    """Describe the sample: its name, size and frames."""
    return f"{film.name}, {wording.size(film.stat().st_size)}, {FRAMES} frames"


def fetch_sample(session: Session) -> Path:
    """Return the sample video; the first call fetches it."""
    with session.busy("Fetching the sample video"):
        return video.path()


def upload(session: Session, connection: str, film: Path) -> str:
    """Upload the video as a user would; return the id of the run that its event starts."""
    blob = BlobServiceClient.from_connection_string(connection).get_blob_client("input", film.name)
    with film.open("rb") as content:
        blob.upload_blob(content, overwrite=True)
    step(session, "upload", f"input/{film.name}; events do all the rest")
    facts = session.engine.ports.blobs.head(BlobRef("input", film.name))
    if facts is None:
        raise CommandError("The uploaded blob has disappeared.")
    run = naming.run_id(PIPELINE, blob_key(event_of(session.engine, facts)))
    with session.busy("Uploaded; waiting for its event"):
        wait_for_start(session, run, Deadline.begun(session, EVENT_S))
    return run


def receive(session: Session, connection: str, run: str, within_s: float = EVENT_S) -> Event:
    """Wait for the completion event of a run on the subscriber's own queue."""
    queue = QueueClient.from_connection_string(connection, COMPLETIONS)
    deadline = time.monotonic() + within_s
    with session.busy("Waiting for the completion event"):
        while time.monotonic() < deadline:
            for message in queue.receive_messages(messages_per_page=32):
                event: Event = json.loads(base64.b64decode(message.content))
                queue.delete_message(message)
                if event["data"]["run"] == run:
                    return event
            time.sleep(0.1)
    text = f"The completion event of {run} did not arrive within {within_s:g} s."
    raise CommandError(text, Exit.TIMED_OUT)


def show_event(session: Session, event: Event, waited: float) -> None:
    """Print the event as it was received, one value per line."""
    step(session, "event", f"received {waited:.1f} s after the upload began:")
    *envelope, data = sorted(event.items(), key=lambda entry: entry[0] == "data")
    lines = [f"  {json.dumps(name)}: {json.dumps(value)}" for name, value in envelope]
    inner = [f"    {json.dumps(name)}: {json.dumps(value)}" for name, value in data[1].items()]
    body = ",\n".join([*lines, '  "data": {\n' + ",\n".join(inner) + "\n  }"])
    session.out.print(Text(f"{{\n{body}\n}}", "dim"), soft_wrap=True)


def download(connection: str, event: Event) -> Path:
    """Download the output file that the event's manifest names."""
    service = BlobServiceClient.from_connection_string(connection)

    def content(url: str) -> bytes:
        _, _, container, name = unquote(urlsplit(url).path).split("/", 3)
        return service.get_blob_client(container, name).download_blob().readall()

    manifest = json.loads(content(event["data"]["output"]["manifest"]))
    (file,) = manifest["files"]
    target = APP_ROOT / ".cache" / "demo" / Path(file["name"]).name
    target.parent.mkdir(parents=True, exist_ok=True)
    target.write_bytes(content(file["url"]))
    return target


def judge(session: Session, source: Path, output: Path, where: Standing) -> int:
    """Compare the output with the source, frame by frame."""
    with session.busy("Checking every frame"):
        frames, ssim = frames_and_ssim(imageio_ffmpeg.get_ffmpeg_exe(), source, output)
    run = where.run
    step(session, "output", str(output))
    step(session, "frames", f"{frames} of {FRAMES}, SSIM against the source {ssim:.4f}")
    step(session, "cost", wording.cost(run.node_seconds, run.cost, run.currency))
    if frames != FRAMES or ssim < SSIM:
        raise CommandError(f"The output is wrong: {FRAMES} frames with SSIM > {SSIM} are expected.")
    return Exit.OK


if __name__ == "__main__":
    sys.exit(main())
