"""Long steps of a run: how far each has come, and who may go on with it."""
