"""One image for the server, the workers and every command; how it starts, and its secrets."""
