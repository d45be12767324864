"""The verbs: what requests and passing time do to the model, with
agent, transfers and store at their side."""
