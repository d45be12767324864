"""Application packages: which there are, since a folder stands in for the management plane."""
