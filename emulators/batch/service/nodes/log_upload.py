"""Uploads the log files of a node to a container on request."""

from uuid import uuid4

from emulators.batch.document import Doc, parse_stamp
from emulators.batch.errors import BatchError
from emulators.batch.model.node import Node
from emulators.batch.model.states import NodeState
from emulators.batch.service.context import Context
from emulators.batch.transfer.identities import TransferFailed
from emulators.batch.transfer.output_files import Upload, upload_all

_WITHOUT_AGENT = frozenset(
    {
        NodeState.CREATING,
        NodeState.LEAVING_POOL,
        NodeState.PREEMPTED,
        NodeState.DEALLOCATING,
        NodeState.DEALLOCATED,
    }
)


def upload_logs(ctx: Context, node: Node, wanted: Doc) -> Doc:
    """Begin to upload a node's logs of a period; return where they will be and how many.

    As in Azure nobody looks whether the URL opens before the agent tries.
    """
    if node.state in _WITHOUT_AGENT:
        raise BatchError("OperationInvalidForCurrentState")
    url, identity = str(wanted["containerUrl"]), wanted.get("identityReference")
    end = wanted.get("endTime")
    files = ctx.machine.logs(
        node, parse_stamp(str(wanted["startTime"])), parse_stamp(str(end)) if end else None
    )
    directory = f"{node.pool_id}/{node.id}/{uuid4()}"
    uploads = [
        Upload(one, one.parent, url, f"{directory}/{one.name}", identity, {}) for one in files
    ]
    ctx.spawn(_uploaded(ctx, node, uploads), f"logs of {node.id}")
    return {"virtualDirectoryName": directory, "numberOfFilesUploaded": len(uploads)}


async def _uploaded(ctx: Context, node: Node, uploads: list[Upload]) -> None:
    try:
        await upload_all(uploads, ctx.blobs, ctx.identities, _at_once)
    except TransferFailed as error:
        told = ", ".join(f"{name}: {value}" for name, value in error.failure.details.items())
        ctx.machine.note(node, f"Logs not uploaded, {error.failure.code}: {told}")


async def _at_once(_: Upload) -> None:
    """Let an upload begin at once."""
