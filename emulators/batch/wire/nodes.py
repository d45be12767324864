"""The operations of nodes."""

from emulators.batch.document import Doc
from emulators.batch.errors import BatchError
from emulators.batch.model.addresses import login_settings
from emulators.batch.model.extensions import node_extension, node_extensions
from emulators.batch.model.node import READY, Node
from emulators.batch.model.pool import Pool
from emulators.batch.model.pool_settings import shown_settings
from emulators.batch.model.states import NodeState
from emulators.batch.query import properties
from emulators.batch.service.emulator import Emulator
from emulators.batch.service.nodes.life import (
    break_runs,
    deallocate,
    restart,
    set_scheduling,
    start,
)
from emulators.batch.service.nodes.log_upload import upload_logs
from emulators.batch.wire.call import Call, Reply, Route, described, in_order, numbered


def _find(app: Emulator, call: Call) -> tuple[Pool, Node]:
    pool = app.ctx.account.pool(call.params["poolId"])
    return pool, pool.node(call.params["nodeId"])


def _document(app: Emulator, call: Call, pool: Doc, node: Node) -> Doc:
    shown = node.document(call.base, pool)
    if node.recent:
        shown["recentTasks"] = [_recent(app, call, *one) for one in node.recent]
    return shown


def _recent(app: Emulator, call: Call, job_id: str, task_id: str) -> Doc:
    job = app.ctx.account.jobs.get(job_id.lower())
    task = job.tasks.get(task_id.lower()) if job else None
    shown: Doc = {
        "taskUrl": f"{call.base}/jobs/{job_id}/tasks/{task_id}",
        "jobId": job_id,
        "taskId": task_id,
        "taskState": str(task.state) if task else "completed",
    }
    if task:
        shown["executionInfo"] = dict(task.execution)
    return shown


def list_nodes(app: Emulator, call: Call) -> Reply:
    """List a pool's nodes."""
    pool = app.ctx.account.pool(call.params["poolId"])
    told = shown_settings(pool.spec)
    walk = in_order(
        pool.nodes.values(),
        lambda node: node.number,
        lambda node: _document(app, call, told, node),
    )
    return call.listed("nodes", properties.NODES, walk)


def get_node(app: Emulator, call: Call) -> Reply:
    """Show one node."""
    pool, node = _find(app, call)
    return call.one("nodes", _document(app, call, shown_settings(pool.spec), node))


def reboot_node(app: Emulator, call: Call) -> Reply:
    """Begin to reboot a node."""
    pool, node = _find(app, call)
    restart(app.ctx, pool, node, NodeState.REBOOTING, _option(call, "nodeRebootOption"))
    return Reply()


def reimage_node(app: Emulator, call: Call) -> Reply:
    """Begin to reimage a node."""
    pool, node = _find(app, call)
    restart(app.ctx, pool, node, NodeState.REIMAGING, _option(call, "nodeReimageOption"))
    return Reply()


def deallocate_node(app: Emulator, call: Call) -> Reply:
    """Begin to give a node's machine back."""
    _, node = _find(app, call)
    deallocate(app.ctx, node, _option(call, "nodeDeallocateOption"))
    return Reply()


def start_node(app: Emulator, call: Call) -> Reply:
    """Begin to start a deallocated node."""
    pool, node = _find(app, call)
    start(app.ctx, pool, node)
    return Reply()


def _option(call: Call, name: str) -> str:
    return str(call.body.get(name) or "requeue").lower()


def disable_node_scheduling(app: Emulator, call: Call) -> Reply:
    """Keep new tasks off a node."""
    _, node = _find(app, call)
    option = _option(call, "nodeDisableSchedulingOption")
    set_scheduling(app.ctx, node, "disabled")
    if option in ("requeue", "terminate"):
        break_runs(app.ctx, node, option)
    return Reply()


def enable_node_scheduling(app: Emulator, call: Call) -> Reply:
    """Let a node take tasks again."""
    _, node = _find(app, call)
    set_scheduling(app.ctx, node, "enabled")
    return Reply()


def _ready(app: Emulator, call: Call) -> Node:
    _, node = _find(app, call)
    if node.state not in READY:
        raise BatchError("OperationInvalidForCurrentState")
    return node


def create_node_user(app: Emulator, call: Call) -> Reply:
    """Note a user account; nobody can log in to an emulated node."""
    node, name = _ready(app, call), str(call.body["name"])
    if name in node.users:
        raise BatchError("NodeUserExists")
    node.users[name] = {"isAdmin": bool(call.body.get("isAdmin"))}
    app.ctx.keep(node)
    return Reply(location=f"{call.base}{call.path}/{name}")


def replace_node_user(app: Emulator, call: Call) -> Reply:
    """Change a user account."""
    node = _ready(app, call)
    if call.params["userName"] not in node.users:
        raise BatchError("NodeUserNotFound")
    return Reply()


def delete_node_user(app: Emulator, call: Call) -> Reply:
    """Forget a user account."""
    node = _ready(app, call)
    if node.users.pop(call.params["userName"], None) is None:
        raise BatchError("NodeUserNotFound")
    app.ctx.keep(node)
    return Reply()


def list_node_extensions(app: Emulator, call: Call) -> Reply:
    """List the extensions of a node."""
    pool, _ = _find(app, call)
    shown = shown_settings(pool.spec)
    walk = numbered(lambda: node_extensions(shown))
    return call.listed("nodeextensions", properties.NONE, walk)


def get_node_extension(app: Emulator, call: Call) -> Reply:
    """Show one extension of a node."""
    pool, _ = _find(app, call)
    found = node_extension(shown_settings(pool.spec), call.params["extensionName"])
    return call.one("nodeextensions", found)


def get_node_remote_login_settings(app: Emulator, call: Call) -> Reply:
    """Tell where a user would log in; nothing listens there."""
    pool, node = _find(app, call)
    metadata = described(call.base, "ComputeNodeGetRemoteLoginSettingsResult")
    shown = login_settings(node.number, pool.spec)
    return Reply(body={"odata.metadata": metadata, **shown})


def upload_node_logs(app: Emulator, call: Call) -> Reply:
    """Begin to upload the log of a node's agent."""
    _, node = _find(app, call)
    shown = upload_logs(app.ctx, node, call.body)
    metadata = described(call.base, "UploadBatchServiceLogsResult")
    return Reply(body={"odata.metadata": metadata, **shown})


_NODE = "/pools/{poolId}/nodes/{nodeId}"
ROUTES = (
    Route("create_node_user", "POST", f"{_NODE}/users", 201, create_node_user),
    Route("delete_node_user", "DELETE", f"{_NODE}/users/{{userName}}", 200, delete_node_user),
    Route("replace_node_user", "PUT", f"{_NODE}/users/{{userName}}", 200, replace_node_user),
    Route("get_node", "GET", _NODE, 200, get_node),
    Route("begin_reboot_node", "POST", f"{_NODE}/reboot", 202, reboot_node),
    Route("begin_start_node", "POST", f"{_NODE}/start", 202, start_node),
    Route("begin_reimage_node", "POST", f"{_NODE}/reimage", 202, reimage_node),
    Route("begin_deallocate_node", "POST", f"{_NODE}/deallocate", 202, deallocate_node),
    Route(
        "disable_node_scheduling",
        "POST",
        f"{_NODE}/disablescheduling",
        200,
        disable_node_scheduling,
    ),
    Route(
        "enable_node_scheduling", "POST", f"{_NODE}/enablescheduling", 200, enable_node_scheduling
    ),
    Route(
        "get_node_remote_login_settings",
        "GET",
        f"{_NODE}/remoteloginsettings",
        200,
        get_node_remote_login_settings,
    ),
    Route(
        "upload_node_logs",
        "POST",
        f"{_NODE}/uploadbatchservicelogs",
        200,
        upload_node_logs,
    ),
    Route("list_nodes", "GET", "/pools/{poolId}/nodes", 200, list_nodes),
    Route(
        "get_node_extension",
        "GET",
        f"{_NODE}/extensions/{{extensionName}}",
        200,
        get_node_extension,
    ),
    Route("list_node_extensions", "GET", f"{_NODE}/extensions", 200, list_node_extensions),
)
