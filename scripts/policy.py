"""Checks infra/ against checkov's policies, except those that are skipped here for a reason.

`policy.py CHECKOV`. Fails on a policy that is not met, on a skip that is no longer needed, and on a
file that checkov cannot parse: checkov itself would ignore that file.
"""

import json
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

INFRA = Path(__file__).resolve().parents[1] / "infra"
# Bicep has this decorator since 0.38, but checkov's parser does not: it is removed from the copy.
UNKNOWN = "@onlyIfNotExists()\n"
PUBLIC = (
    "public endpoints are the default; privateNetwork=true closes them, and identities guard both"
)
SKIPS = {
    ("CKV_AZURE_193", "Microsoft.EventGrid/topics.topic"): PUBLIC,
    ("CKV_AZURE_222", "Microsoft.Web/sites.site"): PUBLIC,
    ("CKV_AZURE_35", "Microsoft.Storage/storageAccounts.account"): PUBLIC,
    ("CKV_AZURE_225", "Microsoft.Web/serverfarms.plan"): (
        "zones cost idle instances; runs survive the loss of one, since all state is in storage"
    ),
    ("CKV_AZURE_17", "Microsoft.Web/sites.site"): (
        "callers bring Entra tokens, and certificates would be secrets to keep"
    ),
    ("CKV_AZURE_212", "Microsoft.Web/sites.site"): "Flex Consumption scales from and to zero",
    ("CKV_AZURE_213", "Microsoft.Web/sites.site"): (
        "Flex Consumption replaces instances itself, and a probe would keep one running"
    ),
    ("CKV_AZURE_78", "Microsoft.Web/sites.site"): (
        "Flex Consumption refuses ftpsState; the policy `ftp` accepts no password"
    ),
    ("CKV_AZURE_206", "Microsoft.Storage/storageAccounts.account"): (
        "locally redundant is the cheapest; whoever needs more changes one line, the sku"
    ),
    ("CKV_AZURE_43", "Microsoft.Storage/storageAccounts.account"): (
        "checkov reads 'st${token}' as the name; uniqueString gives 13 letters and digits"
    ),
    ("CKV_AZURE_76", "Microsoft.Batch/batchAccounts.account"): (
        "the account stores no data of users; a key vault would be a secret to keep"
    ),
}


def problems(report: dict) -> list[str]:
    """Return what is wrong according to checkov's report."""
    summary = report["summary"]
    found = {
        (check["check_id"], check["resource"]): f"{check['check_name']} ({check['file_path']})"
        for check in report["results"]["failed_checks"]
    }
    faults = [f"{i} {what}: {found[i, what]}" for i, what in sorted(set(found) - set(SKIPS))]
    faults += [f"{i} {what}: remove this skip" for i, what in sorted(set(SKIPS) - set(found))]
    if summary["parsing_errors"]:
        faults.append(f"checkov cannot parse {summary['parsing_errors']} files")
    if not summary["resource_count"]:
        faults.append("checkov found no resource")
    return faults


def report_of(checkov: str) -> dict:
    with tempfile.TemporaryDirectory() as folder:
        copy = Path(shutil.copytree(INFRA, Path(folder) / "infra"))
        for path in copy.rglob("*.bicep"):
            path.write_text(path.read_text("utf-8").replace(UNKNOWN, ""), "utf-8")
        command = [checkov, "--framework", "bicep", "--skip-download", "--quiet", "-o", "json"]
        done = subprocess.run(
            [*command, "-d", str(copy)], capture_output=True, text=True, check=False
        )
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
