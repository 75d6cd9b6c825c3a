"""What can go wrong between an adapter's folder and a model that runs with it."""

from __future__ import annotations

from typing import Any


class CannotStitch(ValueError):
    """This adapter cannot be attached to this model; `code` is stable, `hint` says what to do."""

    def __init__(self, code: str, detail: str, hint: str = "") -> None:
        super().__init__(detail)
        self.code = code
        self.hint = hint


class StitchIncomplete(CannotStitch):
    """After loading, a tensor of the file is not in the model, or one of the model was not in the file."""

    def __init__(self, detail: str, tensor: str, expected: Any = None, received: Any = None) -> None:
        super().__init__("stitch_incomplete", detail, "Inspect the folder with `hubclient check`.")
        self.tensor = tensor
        self.expected = expected
        self.received = received
