"""Application packages: a folder stands in for the management plane that holds them in Azure."""
