"""Azure Key Vault through azure-keyvault-secrets, as the app's identity.

A secret that is disabled is refused with 403, as a role that is missing is; only the inner code
tells them apart. Nobody is kept from reading one that has expired:
https://learn.microsoft.com/azure/key-vault/secrets/about-secrets.
"""

import json
from threading import Lock

from azure.core.credentials import TokenCredential
from azure.core.exceptions import AzureError, HttpResponseError
from azure.core.pipeline.transport import RequestsTransport
from azure.keyvault.secrets import SecretClient

from pipeline.adapters.translate import KEY_VAULT, code_of, status_of, translate
from pipeline.adapters.transport import transport_to
from pipeline.errors import FanfareError, SecretRefused, Transient

_RETRIES, _BACKOFF_S = 2, 0.5
_DENIED, _MISSING, _BUSY = (401, 403), 404, 429
_SERVER_ERROR = 500
_ROLE = "give the app's identity the role Key Vault Secrets User there (docs/deploy.md, Secrets)"


class Vaults:
    """Reads secrets of any vault of one cloud; `transport` is how it reaches them."""

    def __init__(
        self, credential: TokenCredential, domain: str, transport: RequestsTransport | None = None
    ) -> None:
        self._credential, self._domain = credential, domain
        self._transport = transport or transport_to("https://")
        self._lock, self._clients = Lock(), dict[str, SecretClient]()

    def read(self, secret: str) -> str:
        """Return the present value of a secret. Raises SecretRefused and Transient."""
        vault, _, name = secret.partition("/")
        try:
            found = self._client(vault.lower()).get_secret(name)
        except AzureError as error:
            # Without its cause: what a vault answers is in no log.
            raise _error(error, vault, name) from None
        except ValueError:  # it asks for a token of another cloud or service
            answered = f"https://{vault}.{self._domain} answers what no vault answers"
            raise SecretRefused(f"{answered}: no secret {name} from there.") from None
        if found.value is None:
            raise SecretRefused(f"Vault {vault} has no value of secret {name}.")
        return found.value

    def _client(self, vault: str) -> SecretClient:
        with self._lock:
            if vault not in self._clients:
                self._clients[vault] = SecretClient(
                    f"https://{vault}.{self._domain}",
                    self._credential,
                    transport=self._transport,
                    retry_total=_RETRIES,
                    retry_backoff_factor=_BACKOFF_S,
                )
            return self._clients[vault]


def _error(error: AzureError, vault: str, name: str) -> FanfareError:
    status, code = status_of(error), _inner_code(error) or code_of(error)
    if code == "SecretDisabled":
        return SecretRefused(f"Secret {name} of vault {vault} is disabled: enable it.")
    if status == _MISSING:
        return SecretRefused(f"Vault {vault} has no secret {name}: add it there.")
    what = f"Vault {vault} does not give secret {name}"
    if status in _DENIED:
        found: FanfareError = Transient(f"{what} ({status} {code}): {_ROLE}")
    elif status is None or status == _BUSY or status >= _SERVER_ERROR:
        found = translate(error, what)
    else:
        return SecretRefused(f"{what} ({status} {code}).")
    found.service = KEY_VAULT
    return found


def _inner_code(error: AzureError) -> str:
    """Return the code that says more than `Forbidden`; clouds spell its key in two ways."""
    if not isinstance(error, HttpResponseError) or error.response is None:
        return ""
    try:
        told = json.loads(error.response.text())["error"]
        inner = told.get("innererror") or told.get("innerError") or {}
        code = str(inner.get("code", ""))
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError):
        return ""
    return code if code.isalnum() and code.isascii() else ""
