"""Checks what infra/ makes against checkov's policies, except those skipped for a reason.

`policy.py CHECKOV`. Fails on a policy that is not met, on a skip that is no longer needed, and on a
file that checkov cannot parse: checkov itself would ignore that file. It reads the resources that
Bicep evaluates for each set of parameters (tests/infra/snapshots), since it evaluates nothing.
"""

import json
import re
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

SNAPSHOTS = Path(__file__).resolve().parents[1] / "tests" / "infra" / "snapshots"
_SCHEMA = "https://schema.management.azure.com/schemas/2019-04-01/deploymentTemplate.json#"
PUBLIC = (
    "public endpoints are the default; privateNetwork=true closes them, and identities guard both"
)
SKIPS = {
    ("CKV_AZURE_193", "Microsoft.EventGrid/topics"): PUBLIC,
    ("CKV_AZURE_222", "Microsoft.Web/sites"): PUBLIC,
    ("CKV_AZURE_35", "Microsoft.Storage/storageAccounts"): PUBLIC,
    ("CKV_AZURE_59", "Microsoft.Storage/storageAccounts"): PUBLIC,
    ("CKV_AZURE_225", "Microsoft.Web/serverfarms"): (
        "zones cost idle instances; runs survive the loss of one, since all state is in storage"
    ),
    ("CKV_AZURE_17", "Microsoft.Web/sites"): (
        "callers bring Entra tokens, and certificates would be secrets to keep"
    ),
    ("CKV_AZURE_212", "Microsoft.Web/sites"): "Flex Consumption scales from and to zero",
    ("CKV_AZURE_213", "Microsoft.Web/sites"): (
        "Flex Consumption replaces instances itself, and a probe would keep one running"
    ),
    ("CKV_AZURE_78", "Microsoft.Web/sites"): (
        "Flex Consumption refuses ftpsState; the policy `ftp` accepts no password"
    ),
    ("CKV_AZURE_206", "Microsoft.Storage/storageAccounts"): (
        "locally redundant is the cheapest; whoever needs more sets storageSku"
    ),
    ("CKV_AZURE_76", "Microsoft.Batch/batchAccounts"): (
        "the account stores no data of users; a key vault would be a secret to keep"
    ),
}


def problems(report: dict) -> list[str]:
    """Return what is wrong according to checkov's report."""
    summary = report["summary"]
    found = {
        (check["check_id"], type_of(check["resource"])): (
            f"{check['check_name']} ({check['file_path']})"
        )
        for check in report["results"]["failed_checks"]
    }
    faults = [f"{i} {what}: {found[i, what]}" for i, what in sorted(set(found) - set(SKIPS))]
    faults += [f"{i} {what}: remove this skip" for i, what in sorted(set(SKIPS) - set(found))]
    if summary["parsing_errors"]:
        faults.append(f"checkov cannot parse {summary['parsing_errors']} files")
    if not summary["resource_count"]:
        faults.append("checkov found no resource")
    return faults


def type_of(resource: str) -> str:
    """Return the type of a resource that checkov names TYPE.NAME."""
    return re.sub(r"^([\w.]+/[\w/]+)\..*", r"\1", resource, flags=re.DOTALL)


def templates() -> Iterator[tuple[str, dict]]:
    """Yield the name of each set of parameters, and a template of the resources that it makes."""
    for path in sorted(SNAPSHOTS.glob("*.json")):
        made = json.loads(path.read_text("utf-8"))["resources"]
        yield path.name, {"$schema": _SCHEMA, "contentVersion": "1.0.0.0", "resources": made}


def report_of(checkov: str) -> dict:
    with tempfile.TemporaryDirectory() as folder:
        for name, template in templates():
            (Path(folder) / name).write_text(json.dumps(template, indent=2), "utf-8")
        command = [checkov, "--framework", "arm", "--skip-download", "--quiet", "-o", "json"]
        done = subprocess.run([*command, "-d", folder], capture_output=True, text=True, check=False)
    try:
        report = json.loads(done.stdout)
    except ValueError:
        sys.exit(f"checkov gave no report (exit code {done.returncode}): {done.stderr[-2000:]}")
    return report[0] if isinstance(report, list) else report


def main() -> None:
    report = report_of(sys.argv[1])
    if faults := problems(report):
        sys.exit("\n".join(faults))
    count, passed = report["summary"]["resource_count"], report["summary"]["passed"]
    print(f"checkov: {passed} policies met over {count} resources, {len(SKIPS)} skipped")


if __name__ == "__main__":
    main()
