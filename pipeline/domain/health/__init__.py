"""What `fanfare doctor` checks: each reading becomes a finding with the command that fixes it."""
