"""Pools with autoscale, on a clock that moves only on command."""

from datetime import timedelta

from azure.batch import models

from tests.emulators.batch.running import Emulator


def add_scaling(emulator: Emulator, name: str, formula: str, minutes: int = 5) -> None:
    emulator.add_pool(
        name,
        auto_scale_formula=formula,
        auto_scale_evaluation_interval=timedelta(minutes=minutes),
    )


def pass_time(emulator: Emulator, **by: float) -> None:
    emulator.admin("POST", "/_admin/clock", {"seconds": timedelta(**by).total_seconds()})


def evaluate(emulator: Emulator, name: str, formula: str) -> models.AutoScaleRun:
    options = models.BatchPoolEvaluateAutoScaleOptions(auto_scale_formula=formula)
    return emulator.client.evaluate_pool_auto_scale(name, options)
