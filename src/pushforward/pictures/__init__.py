"""Pictures that explain, one a file, for the docs and the course: `pushforward draw NAME`."""
