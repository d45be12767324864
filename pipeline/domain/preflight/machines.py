"""Judges what Batch offers in the region: sizes, images, accounts and cores.

The account's pools are allocated by the Batch service (infra/modules/batch.bicep). So its own core
quotas apply, and those of the subscription, which `az vm list-usage` shows, do not
(https://learn.microsoft.com/azure/batch/batch-quota-limit#core-quotas).
"""

from collections.abc import Mapping
from datetime import date, datetime

from pipeline.domain.definitions.pool import Pool
from pipeline.domain.health import lifetimes
from pipeline.domain.health import quotas as health_quotas
from pipeline.domain.health.findings import Deployment, Finding, Level
from pipeline.domain.health.quotas import Quotas, Size
from pipeline.domain.preflight.findings import (
    Found,
    Intent,
    Row,
    State,
    Unexpected,
    number,
    row,
    rows,
    text,
)
from pipeline.domain.preflight.questions import names_of, own_account
from pipeline.domain.waiting.remedies import BY_HAND

# Neither refuses a deployment: pools are made with zero nodes, and runs wait for the first one.
_STATES = {Level.OK: State.OK}


def sizes(intent: Intent, listed: object) -> list[Found]:
    """Judge whether Batch offers the VM size of each pool that the deployment makes."""
    there = {text(one, "name").lower(): one for one in rows(listed)}
    return [_size(pool, there.get(pool.size.lower()), intent) for pool in intent.pools]


def _size(pool: Pool, sku: Row | None, intent: Intent) -> Found:
    check = f"size of pool {pool.name}"
    fix = (
        f"az batch location list-skus -l {intent.location} --subscription {intent.subscription}; "
        f"{BY_HAND}change `size` in pools/{pool.name}.yaml, then make render; "
        f"or add {pool.name} to FANFARE_WITHOUT_POOLS, by azd env set"
    )
    if sku is None:
        why = f"{intent.location} does not offer {pool.size} to Batch: its pool is not made"
        return Found(check, State.REFUSES, why, fix)
    end = _day(sku.get("batchSupportEndOfLife"))
    if end and end - intent.today < lifetimes.WARNED:
        return Found(check, State.WARNS, f"Batch retires {pool.size} on {end}", fix)
    if pool.nodes.spot_share and capabilities(sku).get("LowPriorityCapable") == "False":
        return Found(check, State.WARNS, f"{pool.size} has no spot capacity", fix)
    return Found(check, State.OK, f"{intent.location} offers {pool.size}")


def capabilities(sku: Row) -> dict[str, str]:
    """Return what Batch tells of a size. Raises Unexpected."""
    return {text(one, "name"): text(one, "value") for one in rows(sku.get("capabilities") or [])}


def _day(value: object) -> date | None:
    if value is None:
        return None
    try:
        return datetime.fromisoformat(str(value)).date()
    except ValueError as error:
        raise Unexpected(f"the answer has {str(value)[:40]!r} as a date") from error


def account_quota(intent: Intent, quota: object, accounts: object) -> list[Found]:
    """Judge whether the region takes one more Batch account."""
    check, most = "quota of Batch accounts", number(row(quota), "accountQuota")
    here = [one for one in rows(accounts) if text(one, "location") == intent.location]
    if own_account(intent, accounts):
        return [Found(check, State.OK, "this environment has its account already")]
    said = f"{len(here)} of {most} in {intent.location}"
    if len(here) < most:
        return [Found(check, State.OK, said)]
    fix = (
        f"az batch account list --subscription {intent.subscription} -o table; "
        f"{BY_HAND}delete one, ask for more in the portal (Quotas), or choose another region"
    )
    return [Found(check, State.REFUSES, said, fix)]


def cores(intent: Intent, accounts: object, listed: object) -> list[Found]:
    """Judge whether the account has cores for each pool; a new account tells only when it is made.

    Cores that other pools of the account use are not counted: `fanfare doctor` does that.
    """
    account = own_account(intent, accounts)
    if account is None:
        return [_untold(pool) for pool in intent.pools]
    if account.get("poolAllocationMode") != "BatchService":
        said = f"the account allocates pools as {account.get('poolAllocationMode')}"
        return [Found("core quota", State.UNKNOWN, said, "az vm list-usage -l " + intent.location)]
    offered = {
        text(one, "name").lower(): Size(text(one, "familyName"), _cores(one))
        for one in rows(listed)
    }
    quotas, where = _quotas(account), _deployment(intent)
    return [
        _told(health_quotas.cores(pool, offered, quotas, (), where))
        for pool in intent.pools
        if pool.size.lower() in offered
    ]


def _untold(pool: Pool) -> Found:
    said = "is told only by an account, and this one is not there yet. New accounts often have 0"
    fix = f"fanfare doctor; {BY_HAND}after `azd provision`, ask for quota in the portal (Quotas)"
    return Found(f"core quota of pool {pool.name}", State.UNKNOWN, said, fix)


def _told(finding: Finding) -> Found:
    """Translate a judgement of the doctor: too few cores let runs wait, and refuse nothing."""
    state = _STATES.get(finding.level, State.WARNS)
    why = f": {finding.why}" if finding.why else ""
    return Found(f"core {finding.check}", state, f"{finding.what}{why}", finding.mend)


def _quotas(account: Row) -> Quotas:
    # `az` spells VmFamily what the REST interface spells VMFamily.
    families = rows(account.get("dedicatedCoreQuotaPerVmFamily") or [])
    return Quotas(
        number(account, "dedicatedCoreQuota"),
        number(account, "lowPriorityCoreQuota"),
        {text(one, "name").lower(): number(one, "coreQuota") for one in families},
        bool(account.get("dedicatedCoreQuotaPerVmFamilyEnforced")),
        None,
        None,
    )


def _cores(sku: Row) -> int:
    found = capabilities(sku).get("vCPUs", "")
    if not found.isdecimal():
        raise Unexpected(f"the answer has no number of cores of {text(sku, 'name')}")
    return int(found)


def _deployment(intent: Intent) -> Deployment:
    names = names_of(intent)
    return Deployment(
        intent.subscription, intent.group, names.batch, names.storage, names.app, intent.location
    )


def images(intent: Intent, listed: object) -> list[Found]:
    """Judge whether Batch supports the image of each pool, with the node agent of its file."""
    there = {
        (*(str(reference.get(key)).lower() for key in ("publisher", "offer", "sku")), agent): one
        for one in rows(listed)
        for reference, agent in [(row(one.get("imageReference")), text(one, "nodeAgentSkuId"))]
    }
    return [_image(pool, there, intent) for pool in intent.pools]


def _image(pool: Pool, there: Mapping[tuple[str, ...], Row], intent: Intent) -> Found:
    check, image = f"image of pool {pool.name}", pool.image
    key = (image.publisher.lower(), image.offer.lower(), image.sku.lower(), image.agent)
    fix = (
        f"az batch account login -n {names_of(intent).batch} -g {intent.group}; "
        f"az batch pool supported-images list; {BY_HAND}change `image` in pools/{pool.name}.yaml"
    )
    if key not in there:
        said = f"Batch does not list {image.offer} {image.sku} with {image.agent}"
        return Found(check, State.REFUSES, said, fix)
    end = _day(there[key].get("batchSupportEndOfLife"))
    if end and end - intent.today < lifetimes.WARNED:
        return Found(check, State.WARNS, f"its support by Batch ends on {end}", fix)
    return Found(check, State.OK, f"Batch lists {image.offer} {image.sku}")


def ends(intent: Intent) -> list[Found]:
    """Judge images and sizes by the table of announced ends of support; nothing is asked."""
    where = _deployment(intent)
    return [
        Found(
            f"support of {told.check}", _STATES.get(told.level, State.WARNS), told.what, told.mend
        )
        for pool in intent.pools
        for judge in (lifetimes.image, lifetimes.size)
        for told in [judge(pool, intent.today, where)]
    ]
