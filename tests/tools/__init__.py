"""Scripts of whoever maintains this."""
