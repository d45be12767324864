"""The HTTP trigger: routes, and the translation of requests and responses."""
