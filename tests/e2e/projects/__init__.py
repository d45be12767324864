"""Projects of users: made, packaged, and run by an installed engine."""
