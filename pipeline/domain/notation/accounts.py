"""Which storage account a URL belongs to."""

from urllib.parse import urlsplit

_SERVICES = frozenset({"blob", "dfs"})


def account_of(url: str) -> str:
    """Return the storage account of a blob's URL, or "" if it names none; ports do not count.

    Azure names the account in the host, a local stand-in in the first segment of the path.
    """
    try:
        parts = urlsplit(url)
        host = parts.hostname or ""
    except ValueError:
        return ""
    labels = host.split(".")
    if _SERVICES.intersection(labels[1:]):
        return labels[0]
    local = len(labels) == 1 or ":" in host or labels[-1].isdigit()
    return parts.path.removeprefix("/").split("/")[0] if local else host
