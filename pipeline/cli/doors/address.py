"""Where an app answers over HTTP, and how a caller proves who he is."""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from urllib.parse import urlsplit

from pipeline.cli.exits import CommandError, Exit
from pipeline.cli.stack.process import LocalStack

KEY, CLIENT, URL, APP = (
    "FANFARE_HTTP_KEY",
    "FANFARE_HTTP_CLIENT_ID",
    "AZURE_FUNCTION_URL",
    "AZURE_FUNCTION_APP",
)
_HERE = frozenset({"127.0.0.1", "localhost", "::1"})
_CLIENT = r"[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}"
_HOW = "docs/http.md#tokens"


@dataclass(frozen=True)
class Address:
    """The URL of an app, and a function key or the client id that tokens are for."""

    url: str
    key: str = field(default="", repr=False)
    client: str = ""


def is_here(url: str) -> bool:
    """Return whether a URL leads to this machine."""
    return urlsplit(url).hostname in _HERE


def of_url(
    url: str, stack: LocalStack | None, environ: Mapping[str, str], client: str = ""
) -> Address:
    """Return the address of an app by its URL.

    An app on this machine takes a function key, of the environment or of `stack`; any other
    takes tokens for a client id. Raises CommandError.
    """
    checked = _checked(url)
    if is_here(checked):
        own = stack.function_key() if stack and stack.app_url() == checked else ""
        key = environ.get(KEY, "") or own
        if not key:
            raise CommandError(
                f"{url} takes a function key, and no local stack of this project has this "
                f"address: put the key into the variable {KEY}, or name another --target.",
                Exit.UNREACHABLE,
            )
        return Address(checked, key=key)
    return Address(checked, client=_client(client or environ.get(CLIENT, ""), f"The app {url}"))


def of_env(values: Mapping[str, str], name: str) -> Address | None:
    """Return the address that an env file of azd has, or None if it names no app.

    Raises CommandError if the app has no registration, so that nobody could get a token for it.
    """
    url = values.get(URL, "")
    if not url and (app := values.get(APP, "")):
        url = f"https://{app}.azurewebsites.net"
    if not url:
        return None
    return Address(_checked(url), client=_client(values.get(CLIENT, ""), f"The target {name}"))


def _checked(url: str) -> str:
    try:
        parts = urlsplit(url)
        host, _ = parts.hostname, parts.port
    except ValueError:
        host = None
    if not host or parts.username or parts.query or parts.fragment or parts.path.strip("/"):
        raise CommandError(
            f"{url!a} is not the address of an app, such as https://NAME.azurewebsites.net.",
            Exit.USAGE,
        )
    if parts.scheme != "https" and host not in _HERE:
        raise CommandError(
            f"{url} is not encrypted, so others could read the token: use https.", Exit.USAGE
        )
    return url.rstrip("/")


def _client(client: str, whose: str) -> str:
    if not client:
        raise CommandError(
            f"{whose} has no app registration that callers get tokens for: make one, and set "
            f"{CLIENT} ({_HOW}). With --direct and an env file the command works without it.",
            Exit.UNREACHABLE,
        )
    if not re.fullmatch(_CLIENT, client):
        raise CommandError(f"{CLIENT} must be the client id of an app registration ({_HOW}).")
    return client
