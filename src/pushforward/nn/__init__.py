"""Neural networks: tensors to tensors. They know nothing of probability."""
