"""Figures of the whole, printed with the machine they were taken on; nothing is asserted."""
