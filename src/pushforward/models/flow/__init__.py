"""The flow family."""
