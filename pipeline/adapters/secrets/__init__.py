"""Secrets from Azure Key Vault, or from a file of this machine."""
