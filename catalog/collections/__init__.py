"""Collections: named, ordered lists of adapters and records, in which every change is a numbered revision."""
