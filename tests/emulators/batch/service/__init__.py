"""The verbs, in the folders of their package."""
