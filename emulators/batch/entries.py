"""What each route of the emulator requires of a request's headers, and how it refuses one."""

import hmac
import json

from aiohttp import web

from emulators._gate import JSON, UNAUTHORIZED, Entry, Refusal, header_bytes
from emulators._porter import Porter
from emulators.batch.document import Doc
from emulators.batch.errors import BatchError
from emulators.batch.options import Options

KEY_HEADER = "x-batch-key"
ENTRIES = (
    Entry("/_admin/page/{file}"),  # style and script, which tell nothing of the account
    Entry("/_admin/", key=True, kinds=JSON),
    Entry("/{path}", kinds=JSON),  # the service, which verifies signatures itself
)


def porter(options: Options) -> Porter:
    """Return the porter of one emulator."""
    key = options.key.encode()

    def shows_key(request: web.Request) -> bool:
        shown = request.headers.get(KEY_HEADER, "")
        return hmac.compare_digest(header_bytes(shown), key)

    return Porter(ENTRIES, KEY_HEADER, shows_key, _answer, options.allowed_hosts)


def _answer(_: web.Request, refused: Refusal) -> web.Response:
    code = "AuthenticationFailed" if refused.status == UNAUTHORIZED else "InvalidHeaderValue"
    error = BatchError(
        code, str(refused), status=refused.status, HeaderName=refused.header,
        HeaderValue=ascii(refused.value),
    )  # fmt: skip
    document: Doc = {"odata.metadata": "$metadata#Container.errors/@Element", **error.summary()}
    return web.Response(
        status=refused.status, text=json.dumps(document), content_type="application/json"
    )
