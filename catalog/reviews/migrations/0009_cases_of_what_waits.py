"""What waits for review has a case, and so has what was decided; old lines of the audit log get their namespace."""

from django.db import migrations

_BATCH = 500
_STATES = ('pending', 'published', 'yanked', 'rejected')


def open_cases(apps, schema_editor):
    """One case for each revision that waits or that a person decided, in its own thread."""
    revision_model, review_model = apps.get_model('adapters', 'Revision'), apps.get_model('reviews', 'Review')
    case_model, thread_model = apps.get_model('reviews', 'Case'), apps.get_model('reviews', 'Thread')
    wanted = revision_model.objects.filter(state__in=_STATES, case=None).select_related('version')
    last = 0
    while batch := list(wanted.filter(pk__gt=last).order_by('pk')[:_BATCH]):
        last = batch[-1].pk
        reviews = {}
        for review in review_model.objects.filter(revision__in=batch).order_by('pk'):
            reviews[review.revision_id] = review
        rows = [row for row in batch if row.state == 'pending' or row.pk in reviews]
        threads = [thread_model.objects.create() for _ in rows]
        case_model.objects.bulk_create(
            [_case(case_model, row, thread, reviews.get(row.pk)) for row, thread in zip(rows, threads, strict=True)],
            ignore_conflicts=True,
        )


def _case(case_model, revision, thread, review):
    findings = (revision.report or {}).get('findings') or []
    version = getattr(revision, 'version', None)
    is_closed = review is not None and revision.state != 'pending'
    waited = (review.created_at - revision.created_at).total_seconds() if is_closed else None
    return case_model(
        revision=revision,
        thread=thread,
        version=version.name if version else '',
        warnings=sum(1 for finding in findings if isinstance(finding, dict) and finding.get('severity') == 'warning'),
        disagreements=len((revision.report or {}).get('disagreements') or []),
        entered_at=revision.created_at,
        closed_at=review.created_at if is_closed else None,
        decision=review.decision if is_closed else '',
        waited_seconds=max(0, round(waited)) if is_closed else None,
    )


def name_namespaces(apps, schema_editor):
    """The part before the first slash, where a namespace of that name is there."""
    event_model, namespace_model = apps.get_model('reviews', 'AuditEvent'), apps.get_model('accounts', 'Namespace')
    last = 0
    while batch := list(event_model.objects.filter(pk__gt=last, namespace='').order_by('pk').only('pk', 'subject')[:_BATCH]):
        last = batch[-1].pk
        names = {event.subject.partition('/')[0] for event in batch if '/' in event.subject}
        known = set(namespace_model.objects.filter(name__in=names).values_list('name', flat=True))
        for name in known:
            found = [event.pk for event in batch if event.subject.partition('/')[0] == name]
            event_model.objects.filter(pk__in=found).update(namespace=name)


class Migration(migrations.Migration):

    atomic = False

    dependencies = [
        ('reviews', '0008_audit_indexes'),
        ('adapters', '0007_returned_revisions'),
        ('accounts', '0001_initial'),
    ]

    operations = [
        migrations.RunPython(open_cases, migrations.RunPython.noop),
        migrations.RunPython(name_namespaces, migrations.RunPython.noop),
    ]
