"""Reviews and the audit log."""
