"""What `pushforward-course` can be told, one file a group."""
