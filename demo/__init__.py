"""The main job for real: trains adapters on Django's translations and takes them through every room of the hub."""
