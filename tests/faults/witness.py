"""What really happened, read from PostgreSQL and the bucket behind the hub's back."""

from dataclasses import dataclass

from tests.faults.people import FINAL, Pushed, digest
from tests.faults.topology import Topology, wait_until


@dataclass(frozen=True)
class Outcome:
    """One push as the rows tell it."""

    revision: str
    verdict: str | None
    version: str | None
    published: int
    job: str
    attempts: int
    revisions: int


ONCE = ("published", "accepted", "published", 1, "succeeded")
"""What every good push to a namespace without review must come to: state, verdict, version, audit events, job."""


def outcome(hub: Topology, push: Pushed) -> Outcome:
    """The rows of a push: its revision's state and verdict, its version, its audit events and its job."""
    row = hub.rows(
        """
        SELECT r.state, r.report ->> 'verdict', v.state, j.state, j.attempts,
               (SELECT count(*) FROM reviews_auditevent e
                 WHERE e.action = 'publish' AND e.subject = n.name || '/' || a.name || '@' || left(r.commit_id, 12)),
               (SELECT count(*) FROM adapters_revision s WHERE s.adapter_id = a.id AND s.commit_id = r.commit_id)
          FROM adapters_revision r
          JOIN adapters_adapter a ON a.id = r.adapter_id
          JOIN accounts_namespace n ON n.id = a.namespace_id
          JOIN jobs_job j ON j.id = r.validation_job_id
          LEFT JOIN adapters_version v ON v.revision_id = r.id
         WHERE n.name || '/' || a.name = %s AND r.commit_id = %s
        """,
        push.name,
        push.commit,
    )[0]
    return Outcome(row[0], row[1], row[2], row[5], row[3], row[4], row[6])


def assert_done_once(hub: Topology, pushes: list[Pushed], *, most_attempts: int = 3) -> None:
    """Every push ended as one good push does: one verdict, one version, one event, its bytes in the store."""
    for push in pushes:
        told = outcome(hub, push)
        assert (told.revision, told.verdict, told.version, told.published, told.job) == ONCE, (push.name, told)
        assert told.revisions == 1
        assert 1 <= told.attempts <= most_attempts, (push.name, told)
    wanted = {digest(content) for push in pushes for content in push.files.values()}
    assert wanted <= hub.blobs()


def wait_until_ended(hub: Topology, pushes: list[Pushed], *, seconds: float) -> float:
    """Seconds until the jobs of all pushes have ended."""
    ids = [push.job for push in pushes]

    def left() -> list[tuple[object, ...]]:
        return hub.rows(
            "SELECT id, state, attempts, lease_until, sent_at, error FROM jobs_job "
            "WHERE id = ANY(%s::uuid[]) AND state <> ALL(%s)",
            ids,
            list(FINAL),
        )

    return wait_until(lambda: not left(), seconds=seconds, what=lambda: f"after {seconds} s these wait: {left()}")


def assert_nothing_half_done(hub: Topology) -> None:
    """Revisions, versions, refs, events and bytes tell one story, for everything that was ever pushed."""
    broken = hub.rows(
        """
        SELECT r.commit_id, r.state, v.state
          FROM adapters_revision r LEFT JOIN adapters_version v ON v.revision_id = r.id
         WHERE (r.state IN ('published', 'yanked') AND v.state <> r.state)
            OR (r.state = 'withdrawn' AND v.state NOT IN ('withdrawn', 'reserved'))
            OR (r.state IN ('invalid', 'rejected') AND v.id IS NOT NULL)
            OR (r.state IN ('validating', 'pending') AND v.state IS NOT NULL AND v.state <> 'reserved')
            OR (r.state IN ('validating', 'pending', 'published', 'yanked')
                AND NOT EXISTS (SELECT 1 FROM adapters_file f WHERE f.revision_id = r.id))
            OR (r.state = 'validating'
                AND NOT EXISTS (SELECT 1 FROM jobs_job j
                                 WHERE j.id = r.validation_job_id AND j.state IN ('queued', 'running')))
        """
    )
    assert not broken, broken
    twice = hub.rows(
        "SELECT subject, count(*) FROM reviews_auditevent WHERE action = 'publish' GROUP BY subject HAVING count(*) > 1"
    )
    assert twice == []
    uploads = hub.rows("SELECT id FROM uploads_upload WHERE state = 'committed' AND revision_id IS NULL")
    assert uploads == []
    named = {row[0] for row in hub.rows("SELECT DISTINCT blob_id FROM adapters_file")}
    assert named <= hub.blobs(), "a revision names bytes that the store does not have"
