"""What `fanfare smoke` does: small runs through every part of a deployment, and their removal."""
