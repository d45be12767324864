"""The verbs, in their rooms."""
