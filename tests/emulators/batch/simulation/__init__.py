"""The service in emulated time alone."""
