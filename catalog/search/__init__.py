"""Search over published adapters: one service behind page, API and every other listing."""
