"""The model by itself, and how it looks to clients."""
