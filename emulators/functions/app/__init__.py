"""The function app as the host sees it: settings, host.json, functions, and their invocations."""
