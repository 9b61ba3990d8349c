"""The gradebook: what was recorded, by whom and why, and the grades that follow from it."""
