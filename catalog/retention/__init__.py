"""What is kept, what may go, and whether the database and the store still agree."""
