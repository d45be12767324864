"""Loads Microsoft's live tests as they are in the source package of azure-batch."""

import importlib.util
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import ModuleType
from typing import Any

from tests.emulators.batch.live import stand_ins
from tests.emulators.batch.running import ROOT

FOLDER = ROOT / ".venv/batch-live/tests"
_STAND_INS: dict[str, dict[str, Any]] = {
    "batch_preparers": {
        "AccountPreparer": stand_ins.AccountPreparer,
        "PoolPreparer": stand_ins.PoolPreparer,
        "JobPreparer": stand_ins.JobPreparer,
    },
    "decorators": {
        "recorded_by_proxy_async": stand_ins.recorded,
        "client_setup": stand_ins.client_setup,
    },
    "devtools_testutils": {
        "AzureMgmtRecordedTestCase": stand_ins.LiveTestCase,
        "AzureRecordedTestCase": stand_ins.LiveTestCase,
        "recorded_by_proxy": stand_ins.recorded,
        "EnvironmentVariableLoader": stand_ins.EnvironmentPreparer,
        "StorageAccountPreparer": stand_ins.ResourceGroupPreparer,
        "CachedResourceGroupPreparer": stand_ins.ResourceGroupPreparer,
        "set_custom_default_matcher": stand_ins.set_matcher,
    },
}


def live_tests() -> type:
    """Return the class of Microsoft's tests."""
    with _imported_instead():
        return _load(FOLDER / "test_batch.py").TestBatch


@contextmanager
def _imported_instead() -> Iterator[None]:
    for name, members in _STAND_INS.items():
        module = ModuleType(name)
        vars(module).update(members)
        sys.modules[name] = module
    sys.modules["async_wrapper"] = _load(FOLDER / "async_wrapper.py")
    try:
        yield
    finally:
        for name in (*_STAND_INS, "async_wrapper"):
            del sys.modules[name]


def _load(path: Path) -> ModuleType:
    spec = importlib.util.spec_from_file_location(f"azure_batch_{path.stem}", path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module
