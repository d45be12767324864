"""What is kept for how long: parts, tombstones, backups; and a ledger that is rebuilt from them."""
