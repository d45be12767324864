"""The Event Grid topic of completion events."""
