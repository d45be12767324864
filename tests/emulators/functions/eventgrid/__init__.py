"""The Event Grid trigger: handshakes and events of a real host."""
