"""What a node of a pool is: how its machine is secured, and what it does when it starts."""
