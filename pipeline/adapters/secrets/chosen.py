"""The secrets port: a file of this machine where the stack is local, and else Key Vault."""

from pipeline.adapters.identity.credentials import identity
from pipeline.adapters.secrets.local import LocalSecrets
from pipeline.ports.secrets import Secrets
from pipeline.settings import Settings


def connect(settings: Settings) -> Secrets:
    """Read secrets of this machine's user on a local stack, and else as the app's identity."""
    if settings.local:
        return LocalSecrets(settings.secrets_file)
    # Most pipelines need no secret, and the SDK takes time to import.
    from pipeline.adapters.secrets.vaults import Vaults  # noqa: PLC0415 see above

    return Vaults(identity(settings.client_id), settings.vault_domain)
