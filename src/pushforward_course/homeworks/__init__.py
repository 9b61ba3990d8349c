"""What students receive: written by `pushforward-course release all` from the masters."""
