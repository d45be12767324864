"""The Event Grid trigger: the webhook that receives handshakes and events."""
