"""Which files a push may hold: plain relative paths, no pickles, no programs."""

import re

from catalog.errors import InvalidInput, TooLarge, Unprocessable

_SEGMENT = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.+@=-]{0,119}")
_WINDOWS = re.compile(r"(?i)(con|prn|aux|nul|com\d|lpt\d)(\..*)?")
PICKLES = frozenset({".bin", ".pt", ".pth", ".ckpt", ".pkl", ".pickle", ".joblib", ".npy", ".npz"})
PROGRAMS = frozenset({".py", ".pyc", ".so", ".dll", ".dylib", ".exe", ".sh", ".bat", ".js", ".jar", ".whl", ".ipynb"})
MAX_DEPTH = 5


def check_files(files: list[tuple[str, int]], *, max_files: int, max_file_bytes: int) -> None:
    """Refuse a list of (path, size in bytes) that cannot become an adapter.

    Raises:
        InvalidInput: empty list, a path twice (also when only case differs) or as file and folder, or a negative size.
        Unprocessable: ``path_refused``, ``pickle_refused``. TooLarge: too many files, or one too large.
    """
    if not files:
        raise InvalidInput(detail="an upload needs at least one file", field="files")
    if len(files) > max_files:
        raise TooLarge(detail=f"{len(files)} files; at most {max_files} are allowed", field="files")
    seen: set[str] = set()
    for path, size_bytes in files:
        check_path(path)
        if path.casefold() in seen:
            raise InvalidInput(detail=f"{path!r} is listed twice (case does not count)", field="files")
        seen.add(path.casefold())
        if size_bytes < 0:
            raise InvalidInput(detail=f"{path!r} has size {size_bytes}", field="files")
        if size_bytes > max_file_bytes:
            raise TooLarge(
                detail=f"{path!r} has {size_bytes} bytes; at most {max_file_bytes} are allowed", field="files"
            )
    both = sorted({folder for path in seen for folder in _folders(path)} & seen)
    if both:
        raise InvalidInput(detail=f"{both[0]!r} is listed as a file and as a folder", field="files")


def _folders(path: str) -> list[str]:
    parts = path.split("/")
    return ["/".join(parts[:depth]) for depth in range(1, len(parts))]


def check_path(path: str) -> None:
    """Refuse a path that is not plain, or a kind of file that is never stored. Raises Unprocessable."""
    segments = path.split("/")
    plain = all(_SEGMENT.fullmatch(s) and not s.endswith(".") and not _WINDOWS.fullmatch(s) for s in segments)
    if not plain or len(segments) > MAX_DEPTH or len(path) > 300:
        raise Unprocessable(
            "path_refused",
            f"{path[:200]!r} is not a plain relative path",
            field="files",
            hint="Use letters, digits, _ . + @ = - and at most five levels; no hidden files.",
        )
    suffix = "." + path.rpartition(".")[2].casefold()
    if suffix in PICKLES:
        raise Unprocessable(
            "pickle_refused",
            f"{path!r} can hold a pickle, which runs code when it is opened; the hub stores none and did not open it",
            field="files",
            hint="Save with save_pretrained(..., safe_serialization=True) and push adapter_model.safetensors.",
        )
    if suffix in PROGRAMS:
        raise Unprocessable(
            "path_refused",
            f"{path!r} is a program; the hub stores no code",
            field="files",
            hint="Leave it out of the push.",
        )
