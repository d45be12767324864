"""One module an event: parse, decide, act. Any may run twice, run late, or die at any line."""
