"""The course: a user of the public interface of Pushforward."""
