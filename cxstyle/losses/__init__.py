"""Loss functions. Each file follows one paper; none of them knows networks, pictures or configurations."""
