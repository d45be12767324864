"""Commands that change runs: cancel, pause, resume, purge and backfill."""
