"""A harness for atheris, and the inputs that they have found worth keeping."""
