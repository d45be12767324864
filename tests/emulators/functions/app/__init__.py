"""What an app declares: settings and host.json."""
