"""What maintainers run: `python -m tools.execute`, `tools.quote`, `tools.exercises`, ..."""
