"""Doctests of what needs an extra are left out where it is not installed, and never imported."""

collect_ignore_glob = ["pushforward_course/extensions/*"]
