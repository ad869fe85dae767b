"""One module a command; the only layer that sees both server and results."""
