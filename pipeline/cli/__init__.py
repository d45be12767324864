"""How people look at the engine and steer it: one module a group of commands, `main` ties them."""
