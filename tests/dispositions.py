"""Signals of what tests start, whoever started the tests: below nohup, or as a shell's background
job, a process ignores some of them, and what it starts would, too."""

# Put before a command: it ends by these signals again, in the same process.
HEARING = ("/usr/bin/env", "--default-signal=TERM,INT,HUP")
