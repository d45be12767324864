"""The autoscale formula language as a library: evaluate a formula for given samples at a given
time.

>>> from datetime import UTC, datetime, timedelta
>>> from emulators.batch.autoscale.evaluate import Situation, evaluate
>>> from emulators.batch.autoscale.grammar import parse
>>> from emulators.batch.autoscale.samples import Samples
>>> now = datetime(2030, 1, 2, 3, 4, tzinfo=UTC)
>>> samples = Samples()
>>> _ = samples.record(now - timedelta(seconds=30), {"$PendingTasks": 7.0})
>>> formula = parse("$TargetDedicatedNodes = ceil(max($PendingTasks.GetSample(1)) / 2);")
>>> evaluate(formula, Situation(now, samples)).dedicated
4

A `Dialect` in the situation settles what the documentation leaves open, and
`Samples.under(dialect)` delays and loses samples as it says. From a shell:
`python -m emulators.batch.autoscale FORMULA_FILE --samples FILE --time 2030-01-02T03:04:00Z`.
The language knows nothing of pools, files or sockets; only the command reads files.
"""
