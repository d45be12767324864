"""How runs end, and what people ask of a run that exists: cancel, redrive, purge."""
