"""Deep learning in NumPy alone: one module per chapter, imported in the order of the book."""
