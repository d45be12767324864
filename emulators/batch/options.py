"""Settings of one emulator process, fixed at its start."""

from dataclasses import dataclass, field
from pathlib import Path

from emulators.batch.autoscale.dialect import Dialect
from emulators.batch.timing import DEFAULT, Profile


@dataclass(frozen=True)
class Options:
    """The settings of the command line, with every guess about the service that can be switched."""

    account: str
    key: str
    data: Path
    identities: Path | None = None
    profile: str = "benign"
    seed: int = 0
    timing: str = "immediate"
    timing_profile: Profile = field(default_factory=lambda: DEFAULT)
    clock_speed: float = 1.0
    simulate: bool = False
    simulated_seconds: float = 60.0
    node_path: str = ""
    autoscale_min_seconds: float = 30.0
    autoscale_interval_scale: float = 1.0
    autoscale_resize_seconds: float = 900.0
    autoscale_dialect: Dialect = field(default_factory=Dialect)
    active_job_quota: int = 300
    pool_quota: int = 100
    node_quota: int = 100
    dedicated_core_quota: int | None = None
    low_priority_core_quota: int | None = None
    spot_preemptions_per_hour: float = 0.0
    spot_trace: Path | None = None
    faults: Path | None = None
    public_urls: bool = False
    auto_storage: str = ""
    container_engine: str = "auto"
    container_environment: str = "node"
    missing_gpu: str = "fail"
    users: str = "ignore"
    image_pulls: str = "pool"
    applications: Path | None = None
    authentication_modes: frozenset[str] = frozenset({"SharedKey"})
    entra_issuers: tuple[str, ...] = ()
    entra_audience: str = "https://batch.core.windows.net"
    entra_keys: str = ""
    entra_unverified: bool = False
    cert: Path | None = None
    key_file: Path | None = None
    allowed_hosts: frozenset[str] = frozenset()
    joinable_subnets: frozenset[str] = frozenset()
    published: bool = False
    versions_in_review: bool = False
