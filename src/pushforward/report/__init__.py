"""The comparison: rows, measuring, the page."""
