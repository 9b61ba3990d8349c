"""Pictures and the comparison page."""
