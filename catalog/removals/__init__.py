"""What was taken back: withdrawn at once with all that was derived from it, and removed for good, with a receipt."""
