"""How runs end, and what people can do with a run: cancel, redrive, purge."""
