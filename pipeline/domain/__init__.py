"""Decisions and values: pure functions and frozen models, no I/O.

runs/         a run, its states, names, messages, receipts, reports of Batch, events
plans/        a run's work: items, bundles, pages
definitions/  pipelines and pools as their authors write them
catalogue/    all definitions together: parsed, compared, described
outputs/      how the outputs of items become one
pools/        a pool as Batch gets it
money/        what it costs
health/       what `fanfare doctor` checks
notation/     durations, schedules, placeholders, JSON arrays
access        who may call the HTTP functions
"""
