"""One running function app: the host connects worker, triggers and keys, and reports on them."""
