"""What a task knows of secrets: how its program gets them, and how logs lose them."""
