"""Emulators for the Azure services that Fanfare uses: storage, Event Grid, Batch, Functions."""
