"""Defines the command line, in groups that a newcomer can read, and turns it into options."""

import argparse
import os
import sys
from pathlib import Path
from typing import Any

from emulators import _keys
from emulators._entra import issuers_of
from emulators._gate import host_name
from emulators.batch.autoscale.dialect import Dialect, DialectError, read_dialect
from emulators.batch.options import Options
from emulators.batch.timing import Profile, TimingError, read_profile

ACCOUNT = "devbatch"
COMMAND = "batch-emulator"
_SWITCH = {"action": "store_true"}


def _profile(text: str) -> Profile:
    try:
        return read_profile(text)
    except TimingError as error:
        raise argparse.ArgumentTypeError(str(error)) from error


def _dialect(text: str) -> Dialect:
    try:
        return read_dialect(text)
    except DialectError as error:
        raise argparse.ArgumentTypeError(str(error)) from error


def _between(least: float, most: float, kind: type[int] | type[float] = float) -> Any:  # noqa: ANN401 - as argparse has it
    """Make the reader of a number within bounds."""

    def read(text: str) -> float:
        number = kind(text)
        if not least <= number <= most:
            raise argparse.ArgumentTypeError(f"{text} is not from {least:g} to {most:g}")
        return number

    read.__name__ = "whole number" if kind is int else "number"
    return read


_COUNT = _between(0, 1 << 31, int)
_SECONDS = _between(0, 1e9)
# Group → flag → arguments of argparse. The help text describes the flag; its default follows.
_GROUPS: dict[str, dict[str, dict[str, Any]]] = {
    "account": {
        "--port": {
            "type": _between(0, 65_535, int),
            "default": 0,
            "help": "port on 127.0.0.1; 0 takes any free one",
        },
        "--account": {"default": ACCOUNT, "help": "name of the Batch account"},
        "--key": {"help": _keys.HELP},
        "--allowed-host": {
            "action": "append",
            "default": [],
            "type": host_name,
            "metavar": "NAME",
            "help": "further name that requests may ask for; may be repeated",
        },
        "--published": {
            **_SWITCH,
            "help": "answer on this machine's other addresses, too: in a container",
        },
        "--versions-in-review": {
            **_SWITCH,
            "help": "serve the api-versions 2026-08-01 and 2026-10-01, too; see README.md",
        },
        "--data": {
            "type": Path,
            "default": Path(".batch"),
            "help": "folder for state and nodes; kept across restarts",
        },
        "--active-job-quota": {
            "type": _COUNT,
            "default": 300,
            "help": "jobs and job schedules that may be active at once",
        },
        "--pool-quota": {"type": _COUNT, "default": 100, "help": "pools that the account may have"},
        "--node-quota": {"type": _COUNT, "default": 100, "help": "nodes that the account may have"},
        "--joinable-subnet": {
            "action": "append",
            "default": [],
            "type": str.lower,
            "metavar": "RESOURCE_ID",
            "help": "subnet that pools may join; may be repeated; without it they may join any",
        },
        "--dedicated-core-quota": {
            "type": _COUNT,
            "default": None,
            "metavar": "CORES",
            "help": "cores that its dedicated nodes may have; by default no limit",
        },
        "--low-priority-core-quota": {
            "type": _COUNT,
            "default": None,
            "metavar": "CORES",
            "help": "cores that its spot nodes may have; by default no limit",
        },
    },
    "nodes and tasks": {
        "--node-path": {
            "default": "",
            "help": "PATH of tasks; by default the system's folders and a Python without packages",
        },
        "--identities": {
            "type": Path,
            "help": "JSON file: identity resource id -> {account, key or clientId, blobEndpoint}",
        },
        "--public-urls": {
            **_SWITCH,
            "help": "let resource files come from URLs without SAS or identity",
        },
        "--auto-storage": {
            "default": "",
            "help": "storage account of --identities that autoStorageContainerName means",
        },
        "--applications": {
            "type": Path,
            "help": "folder with ID/VERSION.zip, and ID/default with the name of a version",
        },
        "--missing-gpu": {
            "choices": ("fail", "cpu"),
            "default": "fail",
            "help": "what a task of a pool with GPUs does if this machine has none",
        },
        "--users": {
            "choices": ("ignore", "map"),
            "default": "ignore",
            "help": "map runs tasks under unprivileged user ids; it needs root",
        },
        "--image-pulls": {
            "choices": ("pool", "task"),
            "default": "pool",
            "help": "when a pool's images are pulled: as its nodes start, or for a task",
        },
        "--container-engine": {
            "choices": ("auto", "podman", "docker", "none"),
            "default": "auto",
            "help": "what runs container tasks; auto takes the first that works",
        },
        "--container-environment": {
            "choices": ("node", "image"),
            "default": "node",
            "help": "whose PATH and HOME a container gets; Azure seems to give the node's",
        },
    },
    "time": {
        "--timing": {
            "choices": ("immediate", "timed", "manual"),
            "default": "immediate",
            "help": "pace of nodes and jobs: at once, realistic, or by POST /_admin/tick",
        },
        "--timing-profile": {
            "type": _profile,
            "default": "",
            "metavar": "PHASE=SECONDS,...",
            "help": "how long phases take when timed: 45, or 30-60 to draw by --seed; README.md "
            "lists them",
        },
        "--clock-speed": {
            "type": _between(0, 1e6),
            "default": 1.0,
            "help": "emulated seconds a second; 0 stands still until POST /_admin/clock",
        },
        "--simulate": {
            **_SWITCH,
            "help": "tasks take emulated time only, without processes and files",
        },
        "--simulated-seconds": {
            "type": _SECONDS,
            "default": 60.0,
            "help": "length of a simulated task that does not set SIMULATED_SECONDS",
        },
    },
    "autoscale": {
        "--autoscale-min-seconds": {
            "type": _SECONDS,
            "default": 30.0,
            "help": "minimum time between two enable calls",
        },
        "--autoscale-interval-scale": {
            "type": _between(1e-6, 1e6),
            "default": 1.0,
            "help": "factor on evaluation and sample intervals",
        },
        "--autoscale-resize-seconds": {
            "type": _SECONDS,
            "default": Options.autoscale_resize_seconds,
            "help": "time that a resize by autoscale may take; 0 is no limit",
        },
        "--autoscale-dialect": {
            "type": _dialect,
            "default": "",
            "metavar": "KEY=VALUE,...",
            "help": "how to read formulas where the documentation is silent; see README.md",
        },
    },
    "misbehaviour": {
        "--profile": {
            "choices": ("benign", "awkward"),
            "default": "benign",
            "help": "awkward makes the faults that the service may have, reproducibly",
        },
        "--seed": {"type": int, "default": 0, "help": "seed of everything that is random"},
        "--faults": {"type": Path, "help": "JSON file with rules, as for POST /_admin/faults"},
        "--spot-preemptions-per-hour": {
            "type": _between(0, 1e6),
            "default": 0.0,
            "help": "how often an hour a spot node is preempted, on average",
        },
        "--spot-trace": {
            "type": Path,
            "help": "CSV file seconds,pool,preempt,capacity: when spot nodes are preempted",
        },
    },
    "tokens and TLS": {
        "--authentication-modes": {
            "default": "",
            "help": "SharedKey, AAD, or both; by default SharedKey, and AAD if tokens are set up",
        },
        "--entra-tenant": {"default": "", "help": "tenant whose access tokens are valid"},
        "--entra-issuer": {
            "action": "append",
            "default": [],
            "help": "issuer whose access tokens are valid; may be repeated",
        },
        "--entra-audience": {
            "default": Options.entra_audience,
            "help": "audience that tokens must have; trailing slashes do not matter",
        },
        "--entra-keys": {
            "default": "",
            "help": "JWKS file or URL that verifies signatures",
        },
        "--entra-unverified": {
            **_SWITCH,
            "help": "accept tokens with any signature; lifetime, audience and issuer still count",
        },
        "--cert": {"type": Path, "help": "PEM certificate chain: serve https"},
        "--key-file": {"type": Path, "help": "PEM private key of --cert"},
    },
}


def read_options(argv: list[str]) -> tuple[int, Options, _keys.Key]:
    """Return port, options and key of the command line, or end the process with a message."""
    parser = make_parser()
    given = vars(parser.parse_args(argv))
    port = int(given.pop("port"))
    given["data"] = given["data"].resolve()
    if given["users"] == "map" and os.geteuid() != 0:
        parser.error("--users map needs root: only root can run tasks as other users")
    _settle_authentication(parser, given)
    if given["applications"] is not None and not given["applications"].is_dir():
        parser.error(f"--applications {given['applications']} is not a folder")
    given["allowed_hosts"] = frozenset(given.pop("allowed_host"))
    given["joinable_subnets"] = frozenset(given.pop("joinable_subnet"))
    try:
        key = _keys.take_key(given["key"], argv, given["data"])
    except _keys.KeyUnusable as error:
        parser.error(str(error))
    return port, Options(**{**given, "key": key.text}), key


def make_parser() -> argparse.ArgumentParser:
    """Build the parser; its groups match the chapters of the README's table."""
    parser = argparse.ArgumentParser(
        prog=_program(),
        usage="%(prog)s [options] [@FILE with one argument a line]",
        fromfile_prefix_chars="@",
        description="Azure Batch on this machine, for any client of the service: tasks run "
        "as real processes, without Azure. Without arguments it serves a development account; the "
        "page at its address shows its state. Ctrl-C stops it; the next start continues what ran.",
        formatter_class=_WithDefaults,
    )
    for title, flags in _GROUPS.items():
        group = parser.add_argument_group(title)
        for flag, how in flags.items():
            group.add_argument(flag, **how)
    return parser


def _program() -> str:
    """Return the command that started this process: what was installed, or a module."""
    name = Path(sys.argv[0]).name
    return name if name == COMMAND else "python -m emulators.batch"


def flags_table() -> str:
    """Return all flags as a Markdown table, with their values and defaults."""
    rows = ["| flag | meaning | default |", "|---|---|---|"]
    for flags in _GROUPS.values():
        rows += [
            f"| `{flag}` | {_meaning(how)} | {_default(flag, how)} |" for flag, how in flags.items()
        ]
    return "\n".join(rows) + "\n"


def _meaning(how: dict[str, Any]) -> str:
    choices = ", ".join(f"`{choice}`" for choice in how.get("choices", ()))
    return f"{how['help']} ({choices})" if choices else str(how["help"])


def _default(flag: str, how: dict[str, Any]) -> str:
    default = how.get("default")
    if not _says_something(default):
        return ""
    return f"`{default:g}`" if isinstance(default, float) else f"`{default}`"


def _says_something(default: object) -> bool:
    """Tell whether to show a default: not of switches and empty ones."""
    return default not in (None, "", [], False)


class _WithDefaults(argparse.ArgumentDefaultsHelpFormatter):
    """Shows the defaults that say something."""

    def _get_help_string(self, action: argparse.Action) -> str | None:
        shown = _says_something(action.default)
        return super()._get_help_string(action) if shown else action.help


def _settle_authentication(parser: argparse.ArgumentParser, given: dict[str, Any]) -> None:
    """Turn the flags for tokens, modes and TLS into options, or refuse a combination that has no
    sense."""
    tenant = given.pop("entra_tenant")
    given["entra_issuers"] = (*given.pop("entra_issuer"), *(issuers_of(tenant) if tenant else ()))
    tokens = bool(given["entra_keys"]) or given["entra_unverified"]
    if given["entra_keys"] and given["entra_unverified"]:
        parser.error("--entra-unverified checks no signature: remove --entra-keys")
    if given["entra_keys"] and not given["entra_issuers"]:
        parser.error(
            "--entra-keys needs --entra-tenant or --entra-issuer, which say whose tokens are valid"
        )
    modes = given["authentication_modes"] or ("SharedKey,AAD" if tokens else "SharedKey")
    given["authentication_modes"] = frozenset(one.strip() for one in modes.split(","))
    if not given["authentication_modes"] <= {"SharedKey", "AAD"}:
        parser.error("--authentication-modes takes SharedKey, AAD, or both with a comma")
    if ("AAD" in given["authentication_modes"]) is not tokens:
        parser.error("the mode AAD and one of --entra-keys, --entra-unverified go together")
    if (given["cert"] is None) is not (given["key_file"] is None):
        parser.error("--cert and --key-file go together")
