"""The operations of the account itself: applications, images, usage."""

from emulators.batch.document import Doc
from emulators.batch.errors import BatchError
from emulators.batch.query import properties
from emulators.batch.service.emulator import Emulator
from emulators.batch.wire.call import Call, Reply, Route, numbered


def _image(publisher: str, offer: str, sku: str, agent: str) -> Doc:
    reference = {"publisher": publisher, "offer": offer, "sku": sku, "version": "latest"}
    return {
        "nodeAgentSKUId": agent,
        "imageReference": reference,
        "osType": "linux",
        "capabilities": [],
        "verificationType": "verified",
    }


_IMAGES = (
    _image("canonical", "0001-com-ubuntu-server-jammy", "22_04-lts", "batch.node.ubuntu 22.04"),
    _image("canonical", "ubuntu-24_04-lts", "server", "batch.node.ubuntu 24.04"),
    _image("microsoft-dsvm", "ubuntu-hpc", "2204", "batch.node.ubuntu 22.04"),
    _image("debian", "debian-12", "12", "batch.node.debian 12"),
)


def list_applications(app: Emulator, call: Call) -> Reply:
    """List the applications that have packages."""
    walk = numbered(app.ctx.catalogue.applications)
    return call.listed("applications", properties.NONE, walk)


def get_application(app: Emulator, call: Call) -> Reply:
    """Show an application with its versions."""
    found = app.ctx.catalogue.application(call.params["applicationId"])
    if found is None:
        raise BatchError("ApplicationNotFound")
    metadata = f"{call.base}/$metadata#applications/@Element"
    return Reply(body={"odata.metadata": metadata, **found})


def list_pool_usage_metrics(app: Emulator, call: Call) -> Reply:
    """List usage; it is empty, because the emulator bills nobody."""
    return call.listed("poolusagemetrics", properties.USAGE, numbered(list))


def list_supported_images(app: Emulator, call: Call) -> Reply:
    """List a few images; every node runs the system of this machine."""
    return call.listed("supportedimages", properties.IMAGES, numbered(lambda: list(_IMAGES)))


ROUTES = (
    Route("list_applications", "GET", "/applications", 200, list_applications),
    Route("get_application", "GET", "/applications/{applicationId}", 200, get_application),
    Route("list_pool_usage_metrics", "GET", "/poolusagemetrics", 200, list_pool_usage_metrics),
    Route("list_supported_images", "GET", "/supportedimages", 200, list_supported_images),
)
