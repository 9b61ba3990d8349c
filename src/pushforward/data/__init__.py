"""Data sets: tensors in, tuples out."""
