"""The ledger: runs, tasks and progress as rows of Table Storage, the only truth about a run.

Every change is one conditional transaction in one partition. Nothing here decides; it records.
"""
