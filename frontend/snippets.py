"""The lines that load an adapter, ready to copy."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Snippet:
    """One way to load it."""

    key: str
    title: str
    code: str


def load_snippets(hub_url: str, full_name: str, version: str, base: str) -> list[Snippet]:
    """Command line, Python with hubclient, and plain PEFT."""
    reference = f"{full_name}@{version}" if version else full_name
    folder = full_name.partition("/")[2]
    comment = f"# base_model: {base}, loaded by you" if base else "# base_model: loaded by you"
    return [
        Snippet("cli", "hubclient", f"export HUB_URL={hub_url}\nhubclient pull {reference} --dest {folder}"),
        Snippet(
            "python",
            "Python",
            f'from hubclient import Hub\n\n{comment}\nmodel = Hub("{hub_url}").stitch(base_model, "{reference}")',
        ),
        Snippet(
            "peft",
            "PEFT",
            f"# after: hubclient pull {reference} --dest {folder}\nfrom peft import PeftModel\n\n{comment}\n"
            f'model = PeftModel.from_pretrained(base_model, "{folder}")',
        ),
    ]
