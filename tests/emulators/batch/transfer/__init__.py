"""Files into nodes and out of them."""
