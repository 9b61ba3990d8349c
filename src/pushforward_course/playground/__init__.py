"""The playground: a tab a family, each a file of plain functions, and a page over them.

A file knows what is asked (numbers, names), trains what must be trained by the one trainer, and
draws panels. `app.py` holds controls alone, and `pushforward-course play` serves it.
"""
