"""The HTTP trigger: routes, and requests to a real host."""
