"""Judges the policies that may deny what the templates make: as far as their texts tell.

A policy is judged by its effect, and by the resource types that its rule mentions. Whether the rule
holds for the very resource only Azure can tell, so a finding is a warning and never a refusal.
"""

import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from pipeline.domain.definitions.nodes.security import DiskTarget
from pipeline.domain.money.idle import TYPES
from pipeline.domain.preflight.findings import Found, Intent, Row, State, row, rows, text

PRIVATE = "Microsoft.Network/"  # only a private network has resources of this provider
_DENYING = frozenset({"deny", "denyaction"})
_ENFORCED = "Default"
_PARAMETER = re.compile(r"\[\s*parameters\('([^']+)'\)\s*\]")
_SHOWN = 3
# What the built-in policy "Azure Batch pools should have disk encryption enabled" looks at.
_ENCRYPTION = "diskencryptionconfiguration.targets"


@dataclass(frozen=True)
class _Rule:
    """A definition as an assignment applies it: its parameters have their values."""

    name: str
    body: Row
    values: Mapping[str, object]

    @property
    def effect(self) -> str:
        then = row(row(self.body.get("policyRule")).get("then"))
        return str(_valued(then.get("effect"), self.values)).lower()

    def reach(self, intent: Intent) -> str:
        """Say what of the deployment the rule is about; empty if it is about something else."""
        rule = row(row(self.body.get("policyRule")).get("if"))
        said, values = json.dumps(rule).lower(), json.dumps(self.values).lower()
        if _ENCRYPTION in said:
            return _unencrypted(said + values, intent)
        by_region = '"location"' in said
        if by_region and f'"{intent.location}"' in values.replace(" ", ""):
            return ""  # the usual list of allowed regions, and ours is on it
        types = (kind for kind in TYPES if intent.private or not kind.startswith(PRIVATE))
        met = [kind for kind in types if kind.lower() in said + values]
        if met:
            more = f" and {len(met) - _SHOWN} more" if len(met) > _SHOWN else ""
            return ", ".join(met[:_SHOWN]) + more
        if by_region:
            return f"regions, and does not name {intent.location}"
        return "" if '"type"' in said or "microsoft." in said else "resources of every type"


def _unencrypted(said: str, intent: Intent) -> str:
    """Say which pools lack the disk encryption that a rule names, and which key gives it."""
    wanted = {disk for disk in DiskTarget if disk.batch in said} or {DiskTarget.TEMPORARY}
    lack = [pool.name for pool in intent.pools if not wanted <= {*pool.security.disk_encryption}]
    if not lack:
        return ""
    names = " and ".join(f"pools/{name}.yaml" for name in lack)
    disks = ", ".join(disk for disk in DiskTarget if disk in wanted | {DiskTarget.TEMPORARY})
    return f"disk encryption: add `security: {{disk_encryption: [{disks}]}}` to {names}"


def policies(intent: Intent, assignments: object, definitions: object, sets: object) -> list[Found]:
    """Warn of each policy assignment that may deny what the templates make."""
    known = {text(one, "id").lower(): one for one in [*rows(definitions), *rows(sets)]}
    enforced = [one for one in rows(assignments) if one.get("enforcementMode") in (_ENFORCED, None)]
    found = [one for assignment in enforced for one in _assignment(assignment, known, intent)]
    if found:
        return found
    said = f"none of {len(enforced)} assignments denies what the templates make"
    return [Found("policies", State.OK, said)]


def _assignment(assignment: Row, known: Mapping[str, Row], intent: Intent) -> list[Found]:
    """Judge one assignment, of a definition or of an initiative."""
    title = str(assignment.get("displayName") or assignment.get("name"))
    check = f"policy {title}"
    fix = f"az policy assignment list --subscription {intent.subscription} -o table"
    body = known.get(text(assignment, "policyDefinitionId").lower())
    if body is None:
        said = "its definition cannot be read, so what it denies is not known"
        return [Found(check, State.UNKNOWN, said, fix)]
    given = _given(assignment.get("parameters"))
    met = [
        f"{rule.name} is about {reach}"
        for rule in _rules(body, given, known)
        if rule.effect in _DENYING and (reach := rule.reach(intent))
    ]
    if not met:
        return []
    more = f"; and {len(met) - _SHOWN} more" if len(met) > _SHOWN else ""
    said = f"may deny the deployment: {'; '.join(met[:_SHOWN])}{more}"
    return [Found(check, State.WARNS, said, fix)]


def _rules(body: Row, given: Mapping[str, object], known: Mapping[str, Row]) -> Iterator[_Rule]:
    values = {**_defaults(body), **given}
    if "policyRule" in body:
        yield _Rule(str(body.get("displayName") or body.get("name")), body, values)
        return
    for member in rows(body.get("policyDefinitions") or []):
        one = known.get(text(member, "policyDefinitionId").lower())
        if one and "policyRule" in one:
            passed = {
                name: _valued(value, values)
                for name, value in _given(member.get("parameters")).items()
            }
            yield from _rules(one, passed, {})


def _given(parameters: object) -> dict[str, object]:
    """Return the values that an assignment, or an initiative, gives to parameters."""
    return {name: row(one).get("value") for name, one in row(parameters or {}).items()}


def _defaults(body: Row) -> dict[str, object]:
    declared = row(body.get("parameters") or {})
    return {name: row(one).get("defaultValue") for name, one in declared.items()}


def _valued(value: object, values: Mapping[str, object]) -> object:
    """Return the value of a parameter that a text names, or else the value itself."""
    named = _PARAMETER.fullmatch(value) if isinstance(value, str) else None
    return values.get(named[1]) if named else value
