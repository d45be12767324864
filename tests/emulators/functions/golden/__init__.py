"""The host against recordings of Microsoft's own libraries; where from, says README.md."""
