"""How many jobs run before one that waits."""

from django.db.models import Q

from catalog.jobs.models import Job, JobState

MOST_COUNTED = 1000


def ahead_of(job: Job) -> int:
    """Waiting jobs of the same queue that are more urgent, or as urgent and longer there; counted up to 1000."""
    if job.state != JobState.QUEUED:
        return 0
    longer = Q(available_at__lt=job.available_at) | Q(available_at=job.available_at, created_at__lt=job.created_at)
    before = Q(priority__gt=job.priority) | Q(longer, priority=job.priority)
    waiting = Job.objects.filter(before, state=JobState.QUEUED, queue=job.queue).exclude(pk=job.pk)
    return len(waiting.values_list("pk")[:MOST_COUNTED])
