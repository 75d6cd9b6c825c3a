"""What training can fail of, as one kind of refusal with a stable code."""

from collections.abc import Iterator
from contextlib import contextmanager

from kernels.formats.errors import FormatError
from kernels.stitch.errors import CannotStitch
from workers.evaluation.errors import Refused, is_out_of_memory
from workers.evaluation.subjects import reason_of


@contextmanager
def refusing() -> Iterator[None]:
    """Turn what files and memory say into Refused: ``not_low_rank`` and the like, ``resource_limit``."""
    try:
        yield
    except CannotStitch as error:
        raise reason_of(error) from error
    except FormatError as error:
        raise Refused(error.code, error.detail, error.hint) from error
    except (MemoryError, RuntimeError) as error:
        if not is_out_of_memory(error):
            raise
        raise Refused("resource_limit", "the training does not fit into the memory of the device") from error
