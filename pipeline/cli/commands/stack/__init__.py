"""Commands of the local stack besides `fanfare up` and `down`."""
