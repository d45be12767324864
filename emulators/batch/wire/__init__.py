"""The HTTP shell: routes of operations, and the form of requests and answers."""
