"""The score family."""
