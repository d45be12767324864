"""The error that ends the stack with a message."""


class StackError(Exception):
    """The stack cannot start or go on; the message says what to do."""
