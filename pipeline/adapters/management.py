"""Azure's management plane by plain REST: importing its SDKs takes longer than the requests."""

from collections.abc import Callable, Iterator, Mapping

import requests

from pipeline.adapters.identity.credentials import identity
from pipeline.adapters.translate import translated
from pipeline.domain.health.azure import BATCH_API
from pipeline.domain.health.findings import SYSTEM_TOPIC, Deployment
from pipeline.domain.health.quotas import Quotas, Size
from pipeline.domain.health.roles import Assignment, Bearer
from pipeline.errors import Permanent, Transient

ENDPOINT = "https://management.azure.com"
_TIMEOUT_S = 15
_ROLES, _PROVIDERS, _SITES = "2022-04-01", "2021-04-01", "2024-04-01"
_IDENTITIES, _TOPICS = "2024-11-30", "2025-02-15"
_PAGES, _NOT_FOUND = 50, 404

type Body = Mapping[str, object]


class Refused(Permanent):
    """The management plane refused a read."""

    def __init__(self, message: str, status: int) -> None:
        super().__init__(message)
        self.status = status


class Management:
    """What Azure reports about a deployment's resources."""

    def __init__(
        self, where: Deployment, token: Callable[[], str], endpoint: str = ENDPOINT
    ) -> None:
        self._where, self._token, self._endpoint = where, token, endpoint
        self._subscription = f"/subscriptions/{where.subscription}"
        self._group = f"{self._subscription}/resourceGroups/{where.group}"
        self._account = f"{self._group}/providers/Microsoft.Batch/batchAccounts/{where.batch}"

    def quotas(self) -> Quotas:
        """Read the quotas of the Batch account."""
        found = _mapping(self._get(self._account, BATCH_API).get("properties"))
        families = found.get("dedicatedCoreQuotaPerVMFamily")
        return Quotas(
            _number(found.get("dedicatedCoreQuota")),
            _number(found.get("lowPriorityCoreQuota")),
            {
                str(family["name"]).lower(): _number(family.get("coreQuota")) or 0
                for family in _mappings(families)
                if "name" in family
            },
            bool(found.get("dedicatedCoreQuotaPerVMFamilyEnforced")),
            _number(found.get("activeJobAndJobScheduleQuota")),
            _number(found.get("poolQuota")),
        )

    def sizes(self) -> dict[str, Size]:
        """Read the VM sizes that Batch offers in the region, by name in lower case."""
        region = f"{self._subscription}/providers/Microsoft.Batch/locations/{self._where.location}"
        return {
            str(sku.get("name", "")).lower(): Size(str(sku.get("familyName", "")), _cores(sku))
            for sku in self._all(f"{region}/virtualMachineSkus", BATCH_API)
        }

    def providers(self) -> set[str]:
        """Name the resource providers that are registered for the subscription."""
        return {
            str(found.get("namespace"))
            for found in self._all(f"{self._subscription}/providers", _PROVIDERS)
            if found.get("registrationState") == "Registered"
        }

    def subscriptions(self, topic: str) -> dict[str, Body]:
        """Return the properties of the event subscriptions of a custom topic, by name."""
        path = f"{self._group}/providers/Microsoft.EventGrid/topics/{topic}/eventSubscriptions"
        return {
            str(found.get("name")): _mapping(found.get("properties"))
            for found in self._all(path, _TOPICS)
        }

    def roles(self, bearer: Bearer) -> list[Assignment] | None:
        """Return the roles of an identity of the deployment, or None if it does not exist."""
        principals = self._principals(bearer)
        path = f"{self._group}/providers/Microsoft.Authorization/roleAssignments"
        if not principals:
            return None
        return [
            Assignment(str(held.get("roleDefinitionId", "")).rpartition("/")[2], str(held["scope"]))
            for principal in principals
            for found in self._all(path, _ROLES, {"$filter": f"principalId eq '{principal}'"})
            if "scope" in (held := _mapping(found.get("properties")))
        ]

    def _principals(self, bearer: Bearer) -> list[str]:
        """Return the principal ids of a resource's own and assigned identities."""
        where = self._where
        path, version = {
            Bearer.APP: (f"{self._group}/providers/Microsoft.Web/sites/{where.app}", _SITES),
            Bearer.NODES: (where.node_identity, _IDENTITIES),
            Bearer.EVENTS: (
                f"{self._group}/providers/Microsoft.EventGrid/systemTopics/{SYSTEM_TOPIC}",
                _TOPICS,
            ),
        }[bearer]
        try:
            body = self._get(path, version) if path else {}
        except Refused as error:
            if error.status != _NOT_FOUND:
                raise
            return []
        identity = _mapping(body.get("identity"))
        users = _mapping(identity.get("userAssignedIdentities")).values()
        holders = [identity, *map(_mapping, users), _mapping(body.get("properties"))]
        return [str(holder["principalId"]) for holder in holders if holder.get("principalId")]

    def _all(
        self, path: str, version: str, query: Mapping[str, str] | None = None
    ) -> Iterator[Body]:
        """Yield the values of all pages; a link to another host is not followed."""
        body = self._get(path, version, query)
        for _ in range(_PAGES):
            yield from _mappings(body.get("value"))
            following = str(body.get("nextLink") or "")
            if not following.startswith(f"{self._endpoint}/"):
                return
            body = self._ask(following, {})

    def _get(self, path: str, version: str, query: Mapping[str, str] | None = None) -> Body:
        return self._ask(f"{self._endpoint}{path}", {"api-version": version, **(query or {})})

    def _ask(self, url: str, query: Mapping[str, str]) -> Body:
        with translated("management plane"):
            headers = {"Authorization": f"Bearer {self._token()}"}
        try:
            reply = requests.get(
                url, params=query, headers=headers, timeout=_TIMEOUT_S, allow_redirects=False
            )
            body = reply.json()
        except requests.RequestException as error:
            raise Transient(f"management plane: no answer ({type(error).__name__})") from error
        if not reply.ok or not isinstance(body, dict):
            code = _mapping(_mapping(body).get("error")).get("code", "")
            raise Refused(f"management plane: {reply.status_code} {code}", reply.status_code)
        return body


def connect(where: Deployment) -> Management:
    """Connect to the management plane with the user's own login."""

    def token() -> str:
        return identity("").get_token(f"{ENDPOINT}/.default").token

    return Management(where, token)


def _mapping(value: object) -> Body:
    return value if isinstance(value, Mapping) else {}


def _mappings(value: object) -> list[Body]:
    return [one for one in value if isinstance(one, Mapping)] if isinstance(value, list) else []


def _number(value: object) -> int | None:
    return value if isinstance(value, int) else None


def _cores(sku: Body) -> int:
    found = {
        str(one.get("name")): str(one.get("value")) for one in _mappings(sku.get("capabilities"))
    }
    return int(found["vCPUs"]) if found.get("vCPUs", "").isdecimal() else 1
