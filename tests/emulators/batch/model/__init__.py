"""What the model knows by itself, and how it shows."""
