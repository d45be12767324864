"""What a node does when it starts: it installs packages, and runs the script of its pool. Pure.

All of it travels in the command line, because nothing else reaches a node for as long as a pool
lives: nodes have no role on data, and a signed URL ends. Only base64 and fixed words stand there,
so no character of a package or a script ever reaches a shell as code of the engine.
"""

import base64
import re
from collections.abc import Sequence

MAX_SCRIPT_BYTES = 16 << 10
MAX_PACKAGES = 100
RETRIES = 2
# A start task has no limit of time in Batch, and a node that waits for one costs money.
INSTALL_S, SCRIPT_S = 1800, 900
# It does nothing, but its folder lives as long as the node. All tasks may read there, and only its
# own user may write: that of preparations, which keep environments there
# (https://learn.microsoft.com/azure/batch/files-and-directories).
IDLE: dict[str, object] = {
    "commandLine": "/bin/true",
    "userIdentity": {"autoUser": {"scope": "pool", "elevationLevel": "nonadmin"}},
    "waitForSuccess": True,
}
# apt takes a name that ends in a dash as an order to remove the package.
_PACKAGE = re.compile(r"[a-z0-9][a-z0-9+.-]{0,98}[a-z0-9+]", re.ASCII)
_STANDARD = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
_PROGRAM = """\
set -u
export DEBIAN_FRONTEND=noninteractive LC_ALL=C.UTF-8 PATH=@PATH@
packages='@PACKAGES@'
say() { echo "fanfare: $*"; }
fail() { say "$*"; echo "fanfare: $*" >&2; exit 1; }
limited() { # SECONDS WHAT COMMAND...
  seconds=$1 what=$2; shift 2
  timeout -k 10 "$seconds" "$@" </dev/null; code=$?
  [ $code = 0 ] && return
  [ $code = 124 ] && fail "$what did not end within $seconds s"
  [ $code = 137 ] && fail "$what was killed: it did not end within $seconds s, or memory ran out"
  fail "$what ended with code $code"
}
lacking() {
  for package in $packages; do
    case $(dpkg-query -W -f='${db:Status-Status}' "$package" 2>/dev/null) in
      installed*) ;; # once for each architecture
      *) echo "$package" ;;
    esac
  done
}
[ "$(id -u)" = 0 ] || fail "the start task has to run as root"
umask 022
# Preparations are another user: this is where the first one makes its folder of environments.
mkdir -p claimed && chmod 1777 claimed || fail "there is no room for environments"
lack=$(lacking)
if [ -n "$lack" ]; then
  command -v apt-get >/dev/null || fail "packages need Debian or Ubuntu: there is no apt-get"
  say "installing" $lack
  # What a start that was interrupted left; another program may hold the lock, and apt waits for it.
  timeout -k 10 @INSTALL@ dpkg --configure -a </dev/null || say "dpkg is not ready"
  for again in 1 2 3; do # while a node boots, the system itself may be reading the lists
    timeout -k 10 @INSTALL@ apt-get -q -o Acquire::Retries=3 -o APT::Update::Error-Mode=any \\
      update </dev/null && break
    [ $again = 3 ] && fail "the list of packages cannot be read"
    sleep 20
  done
  for package in $lack; do
    # apt would take an unknown name for a pattern.
    apt-cache show -- "$package" >/dev/null 2>&1 || fail "there is no package $package"
  done
  limited @INSTALL@ "the installation" apt-get -q -o Acquire::Retries=3 \\
    -o DPkg::Lock::Timeout=300 --yes --no-install-recommends install $lack
  lack=$(lacking)
  [ -z "$lack" ] || fail "these packages are still missing:" $lack
fi
[ -z "$packages" ] || say "there are" $packages
"""
_SCRIPT = """\
rm -rf script && mkdir -m 700 script && echo '@SCRIPT@' | base64 -d > script/@NAME@ &&
  chmod 700 script/@NAME@ || fail "the script cannot be written"
say "running @NAME@"
limited @LIMIT@ "the script @NAME@" ./script/@NAME@
say "@NAME@ has ended well"
"""


def package(name: str) -> str:
    """Return the name of a Debian package. Raises ValueError for anything else."""
    if not _PACKAGE.fullmatch(name):
        raise ValueError(f"{name[:60]!r} is not the name of a Debian package such as poppler-utils")
    return name


def objection(script: bytes) -> str | None:
    """Say why a script cannot be run when a node starts, or return None."""
    first = script.partition(b"\n")[0]
    if len(script) > MAX_SCRIPT_BYTES:
        return f"has more than {MAX_SCRIPT_BYTES >> 10} KiB: let it fetch what is large"
    if not first.startswith(b"#!"):
        return "does not say what runs it: begin it with a line such as #!/bin/sh"
    if first.endswith(b"\r"):
        return "has a carriage return in its first line: save it with line feeds"
    try:
        script.decode()
    except UnicodeDecodeError:
        return "is not a text in UTF-8"
    return None


def start_task(packages: Sequence[str], name: str | None, script: str) -> dict[str, object]:
    """Return the start task of a pool that installs packages and runs a script, in Batch's shape.

    It may run any number of times: after a restart only what is missing is installed.
    """
    if not packages and name is None:
        return IDLE
    program = base64.b64encode(program_of(packages, name, script).encode()).decode()
    return {
        "commandLine": f'/bin/sh -c "echo {program} | base64 -d > start.sh && exec sh start.sh"',
        "userIdentity": {"autoUser": {"scope": "pool", "elevationLevel": "admin"}},
        "maxTaskRetryCount": RETRIES,
        "waitForSuccess": True,
    }


def program_of(packages: Sequence[str], name: str | None, script: str) -> str:
    """Return the program of a start task, for `sh`."""
    text = _PROGRAM.replace("@PATH@", _STANDARD).replace("@INSTALL@", str(INSTALL_S))
    text = text.replace("@PACKAGES@", " ".join(package(one) for one in packages))
    if name is not None:
        coded = base64.b64encode(script.encode()).decode()
        text += _SCRIPT.replace("@LIMIT@", str(SCRIPT_S)).replace("@NAME@", name)
        text = text.replace("@SCRIPT@", coded)
    return text
