"""The ledger: every row of Table Storage, the only truth about a run.

Every change is one conditional transaction in one partition. Nothing here decides; it records.
Nothing outside this package names a table or a row key, or builds an operation: an import contract
and `tests/repo` check this.

runs      a run, claimed and moved                  places      concurrency limits, pauses
index     which runs exist, and which are active    pools       demand of runs, pushed formulas
outbox    events to announce, runs to release       watermarks  how far timers have looked
deployed  what the app runs                   steps       how far long steps have come
tasks     results of tasks, and forgetting them     waiting     runs that wait for a place
progress  finished tasks and pages, as sets         rows        values as columns and back
keeping   retention, export, and rows put back
"""
