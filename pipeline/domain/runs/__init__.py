"""A run and all that belongs to it: states, names, messages, receipts, reports, events."""
