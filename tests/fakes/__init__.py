"""Every port of the engine, in memory and deterministic."""
