"""The form of request bodies."""
