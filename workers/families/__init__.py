"""Jobs about families: what runs in the supervisor's process (reading by ranges), and what runs in children."""
