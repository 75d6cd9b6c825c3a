"""What the child of an evaluation job does. Plain values in, plain values out; no database, no Django."""
