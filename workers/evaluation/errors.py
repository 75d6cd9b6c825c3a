"""What an evaluation can refuse: a stable code, what was received, and what to do."""


class Refused(ValueError):
    """This set, or this adapter on it, cannot be measured. ``code`` is stable, ``hint`` says what to do."""

    def __init__(self, code: str, detail: str, hint: str = "") -> None:
        super().__init__(detail)
        self.code, self.detail, self.hint = code, detail, hint

    def as_dict(self) -> dict[str, str]:
        """The form that an evaluation's row keeps."""
        return {"code": self.code, "detail": self.detail[:2000]} | ({"hint": self.hint} if self.hint else {})


class OutOfMemory(RuntimeError):
    """A batch did not fit, whatever the device calls that."""


def is_out_of_memory(error: BaseException) -> bool:
    """Whether ``error`` says that memory ran out: CUDA, this machine's allocator, or Python."""
    import torch

    said = str(error)
    return isinstance(error, MemoryError | torch.OutOfMemoryError | OutOfMemory) or (
        isinstance(error, RuntimeError) and ("allocate memory" in said or "out of memory" in said)
    )
