"""The ledger: every row of Table Storage, the only truth about a run.

Every change is one conditional transaction in one partition. Nothing here decides; it records.
Nothing outside this package names a table or a row key, or builds an operation: a contract and
`tests/repo` see to it.

runs      a run, claimed and moved                  places      concurrency limits, pauses
index     which runs there are, and which go        pools       demand of runs, pushed formulas
outbox    events to announce, ends to release       watermarks  how far timers have looked
tasks     what became of tasks                      purge       forgetting a run
progress  finished tasks and pages, as sets         rows        values as columns and back
"""
