"""What an app says of itself: settings and host.json."""
