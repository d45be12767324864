"""The ways by which commands reach a target: its Storage and Batch directly, or its app by HTTP."""
