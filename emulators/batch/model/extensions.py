"""The virtual machine extensions of a node as clients see them; nothing is installed."""

from emulators.batch.document import Doc
from emulators.batch.errors import BatchError

# With this one the service brings its agent onto a node.
_AGENT: Doc = {
    "name": "batchNodeExtension",
    "publisher": "Microsoft.Azure.Extensions",
    "type": "CustomScript",
    "typeHandlerVersion": "2.0",
    "autoUpgradeMinorVersion": True,
}
_MESSAGE = "An emulated node has no virtual machine: nothing was installed."


def node_extensions(pool: Doc) -> list[Doc]:
    """Return the extensions that the settings of a pool ask for, then the service's own."""
    asked: list[Doc] = (pool.get("virtualMachineConfiguration") or {}).get("extensions") or []
    return [_shown(one) for one in (*asked, _AGENT)]


def node_extension(pool: Doc, name: str) -> Doc:
    """Return one extension by its name, or refuse."""
    for one in node_extensions(pool):
        if one["vmExtension"]["name"].lower() == name.lower():
            return one
    raise BatchError("ResourceNotFound")


def _shown(extension: Doc) -> Doc:
    status = {
        "code": "ProvisioningState/succeeded",
        "level": "Info",
        "displayStatus": "Provisioning succeeded",
        "message": _MESSAGE,
    }
    return {
        "vmExtension": extension,
        "instanceView": {"name": extension["name"], "statuses": [status]},
    }
