"""Rules for the files of an upload: plain paths, one weights file, no pickles, no code; nothing is opened to run."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path, PurePosixPath

from .errors import Finding

CONFIG_NAME = "adapter_config.json"
PICKLE_SUFFIXES = frozenset({".bin", ".pt", ".pth", ".ckpt", ".pkl", ".pickle", ".joblib", ".dill", ".npy", ".npz"})
CODE_SUFFIXES = frozenset(
    {
        ".py", ".pyc", ".pyo", ".pyd", ".so", ".dll", ".dylib", ".exe", ".sh", ".bat", ".cmd", ".ps1", ".js", ".jar",
        ".wasm", ".class", ".rb", ".pl", ".php", ".whl", ".egg",
    }
)  # fmt: skip
_TEXT_SUFFIXES = frozenset(
    {".json", ".jsonl", ".txt", ".md", ".yaml", ".yml", ".csv", ".tsv", ".model", ".jinja", ".bib", ".cff", ".toml"}
)
_PICTURE_SUFFIXES = frozenset({".png", ".jpg", ".jpeg", ".gif", ".webp"})
_PLAIN_NAMES = frozenset(
    {"license", "licence", "notice", "readme", "copying", "authors", ".gitattributes", ".gitignore"}
)
_PREFERRED = ("adapter_model.safetensors", "adapter.safetensors", "adapters.safetensors")
_COMPANIONS = frozenset({"model_head.safetensors", "model_adapter_fusion.safetensors", "adapter_packed.safetensors"})
_LFS_POINTER = b"version https://git-lfs"
_ZIP, _PICKLE_PROTOCOLS = b"PK\x03\x04", frozenset({2, 3, 4, 5})
_SAVE_SAFELY = "Save it as safetensors: model.save_pretrained(..., safe_serialization=True)."


def check_files(files: Mapping[str, Path]) -> list[Finding]:
    """Findings about paths and kinds of all files, weights aside."""
    findings: list[Finding] = []
    for name, path in files.items():
        if not is_plain_path(name):
            findings.append(
                Finding(
                    "path_refused",
                    "error",
                    f"The path {name[:80]!a} is not a plain relative path.",
                    received=ascii(name[:200]),
                )
            )
            continue
        suffix = PurePosixPath(name).suffix.lower()
        if suffix in PICKLE_SUFFIXES:
            findings.append(pickle_finding(name, f"{name} is a pickle by its name"))
        elif suffix in CODE_SUFFIXES:
            findings.append(
                Finding(
                    "code_refused",
                    "error",
                    f"{name} is executable code.",
                    "An adapter is data; leave code out.",
                    file=name,
                )
            )
        elif suffix != ".safetensors":
            findings += _check_other(name, suffix, path)
    return findings


def choose_weights(files: Mapping[str, Path], *, is_mixture: bool = False) -> tuple[str | None, list[Finding]]:
    """The one weights file, or the finding that says why there is none; X-LoRA keeps members in sub-folders."""
    names = [name for name in files if name.lower().endswith(".safetensors") and is_plain_path(name)]
    names = [name for name in names if PurePosixPath(name).name not in _COMPANIONS]
    if is_mixture:
        names = [name for name in names if "/" not in name]
    if len(names) == 1:
        return names[0], []
    if not names:
        hint = _SAVE_SAFELY
        return None, [
            Finding("weights_missing", "error", "There is no safetensors weights file.", hint, expected="*.safetensors")
        ]
    chosen = next((name for name in _PREFERRED if name in names), None)
    finding = Finding(
        "weights_ambiguous", "error", f"There are {len(names)} weights files: {', '.join(sorted(names)[:5])}.",
        "Push one adapter at a time, with one weights file.", expected=1, received=len(names),
    )  # fmt: skip
    return chosen, [finding]


def pickle_finding(name: str, why: str) -> Finding:
    """A pickle is refused without being opened."""
    return Finding(
        "pickle_refused", "error", f"{why}, and a pickle can run code when it is opened; it was not opened.",
        _SAVE_SAFELY, file=name, expected="safetensors",
    )  # fmt: skip


def looks_like_pickle(path: Path) -> bool:
    """Whether the first bytes are those of a pickle stream or of the zip that torch writes."""
    with path.open("rb") as stream:
        start = stream.read(4)
    return start.startswith(_ZIP) or (len(start) > 1 and start[0] == 0x80 and start[1] in _PICKLE_PROTOCOLS)


def looks_like_lfs_pointer(path: Path) -> bool:
    """Whether the file is the small text that Git LFS leaves where it has not fetched the content."""
    with path.open("rb") as stream:
        return stream.read(len(_LFS_POINTER)) == _LFS_POINTER


def is_plain_path(name: str) -> bool:
    """Relative, forward slashes, no dots-only parts, printable, at most 255 characters a part."""
    parts = name.split("/")
    return (
        0 < len(name) <= 1024
        and name.isprintable()
        and not any(sign in name for sign in '\\:*?"<>|')
        and all(part not in ("", ".", "..") and len(part.encode()) <= 255 and part == part.strip() for part in parts)
    )


def _check_other(name: str, suffix: str, path: Path) -> list[Finding]:
    if suffix not in _PICTURE_SUFFIXES and looks_like_pickle(path):
        return [pickle_finding(name, f"{name} holds a pickle or a zip archive under another name")]
    stem = PurePosixPath(name).name.lower()
    if suffix in _TEXT_SUFFIXES | _PICTURE_SUFFIXES or stem.split(".")[0] in _PLAIN_NAMES or stem in _PLAIN_NAMES:
        return []
    return [
        Finding("file_kind_unknown", "warning", f"{name} is no file that adapters need.", "Leave it out.", file=name)
    ]
