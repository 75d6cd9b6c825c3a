"""Users, namespaces, membership and tokens."""
