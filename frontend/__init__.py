"""Pages of the hub: server-rendered, with htmx."""
