"""Runs that take longer than a chapter may: `make experiments SLUG=NAME` repeats one."""
