"""Words that many adapters share: tasks, domains, modalities, methods, languages, licences."""
