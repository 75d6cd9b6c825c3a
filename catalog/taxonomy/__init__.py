"""Words that many adapters share: licences, languages, tasks."""
