"""Jobs: the database row is the truth, the message only a hint."""
