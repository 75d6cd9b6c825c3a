"""The scale model of docs/SCALE.md as arithmetic: change a figure, run it again (``python -m benchmarks.scale_model``).

Which unit costs were measured by ``make bench-service`` and which are estimates, docs/SCALE.md says.
"""

from dataclasses import dataclass, fields


@dataclass(frozen=True)
class Demand:
    """What people ask of the hub."""

    adapters: int = 1_000_000
    pulls_a_minute: int = 10_000
    validations_a_day: int = 100_000
    lists_a_second: int = 100
    revisions_an_adapter: float = 1.0
    mean_adapter_mb: float = 50.0
    files_an_adapter: int = 3
    peak_over_mean: float = 3.0
    """How much more the busiest minute asks than the mean one, for pushes; pulls and lists are given at their peak."""


@dataclass(frozen=True)
class Costs:
    """What one of each costs, on one core of the measured machine."""

    list_web_ms: float = 2.2
    list_database_ms: float = 0.2
    resolve_web_ms: float = 2.5
    resolve_database_ms: float = 0.6
    redirect_web_ms: float = 1.4
    redirect_database_ms: float = 0.3
    push_web_ms: float = 50.0
    push_database_ms: float = 10.0
    validation_worker_ms: float = 150.0
    validation_database_ms: float = 14.0
    row_kb_of_an_adapter: float = 5.4
    facts_kb_of_a_revision: float = 12.0
    database_writes_of_a_push: int = 60
    database_writes_of_a_validation: int = 25
    s3_requests_of_a_push: int = 14
    s3_requests_of_a_validation: int = 3
    busy_share: float = 0.6
    """How much of a core may be busy before waiting grows."""


def needs(demand: Demand, costs: Costs) -> dict[str, str]:
    """Every line of the page's second table."""
    pulls = demand.pulls_a_minute / 60
    redirects = pulls * demand.files_an_adapter
    pushes = demand.validations_a_day / 86_400 * demand.peak_over_mean
    web = (
        demand.lists_a_second * costs.list_web_ms
        + pulls * costs.resolve_web_ms
        + redirects * costs.redirect_web_ms
        + pushes * costs.push_web_ms
    ) / 1e3
    database = (
        demand.lists_a_second * costs.list_database_ms
        + pulls * costs.resolve_database_ms
        + redirects * costs.redirect_database_ms
        + pushes * (costs.push_database_ms + costs.validation_database_ms)
    ) / 1e3
    workers = pushes * costs.validation_worker_ms / 1e3
    rows_gb = demand.adapters * demand.revisions_an_adapter
    rows_gb *= (costs.row_kb_of_an_adapter + costs.facts_kb_of_a_revision) / 1e6
    writes = pushes * (costs.database_writes_of_a_push + costs.database_writes_of_a_validation)
    s3 = redirects + pushes * (costs.s3_requests_of_a_push + costs.s3_requests_of_a_validation)
    egress = pulls * demand.mean_adapter_mb * 8 / 1e3
    return {
        "web, busy cores": f"{web:.1f}",
        "web processes at the busy share": f"{web / costs.busy_share:.0f}",
        "database, busy cores": f"{database:.1f}",
        "database cores at the busy share": f"{database / costs.busy_share:.0f}",
        "worker processes at the busy share": f"{max(2, workers / costs.busy_share):.0f}",
        "database size, GB": f"{rows_gb:.0f}",
        "database writes, rows/s": f"{writes:.0f}",
        "S3 requests/s": f"{s3:.0f}",
        "store, TB": f"{demand.adapters * demand.revisions_an_adapter * demand.mean_adapter_mb / 1e6:.0f}",
        "egress of the store, Gbit/s": f"{egress:.0f}",
        "ingress and reading again for hashes, Gbit/s": f"{pushes * demand.mean_adapter_mb * 8 * 2 / 1e3:.1f}",
    }


def main() -> None:
    """Print the model as Markdown."""
    for title, given in (("Demand", Demand()), ("Unit cost", Costs())):
        print(f"| {title} | |\n|---|---:|")
        print(
            "\n".join(f"| {field.name.replace('_', ' ')} | {getattr(given, field.name):g} |" for field in fields(given))
        )
        print()
    print("| Need | |\n|---|---:|")
    print("\n".join(f"| {name} | {value} |" for name, value in needs(Demand(), Costs()).items()))


if __name__ == "__main__":
    main()
