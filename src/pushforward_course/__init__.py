"""The course that Pushforward was written for: thirteen lectures that run.

`pushforward-course build` makes the site; the lectures are Markdown in `lectures/`. Building needs
more than reading does: `pip install "pushforward[course]"`.
"""
