"""The HTTP shell: which path is which operation, and how requests and answers look."""
