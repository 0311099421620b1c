"""Broken and odd files, made by scripts: the same ones in every run."""
