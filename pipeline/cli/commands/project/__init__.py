"""Commands that make projects, and pipelines in them, and what is deployed of them."""
