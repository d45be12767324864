"""A run and everything said about it: states, names, messages, receipts, reports, events."""
