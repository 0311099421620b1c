"""Picture files: reading, writing, and what is embedded in them beside the pixels."""
