"""Entra and managed identities, as tests need them."""
