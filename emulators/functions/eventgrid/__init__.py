"""The Event Grid trigger: the webhook that takes handshakes and events."""
