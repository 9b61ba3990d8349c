"""The core: the contract, the spaces, data, checkpoints."""
