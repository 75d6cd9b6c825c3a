"""``/adapters/{ns}/{name}/files/{ref}/{path}``: bytes, with Range and ETag."""

import re

from django.http import HttpResponse, StreamingHttpResponse
from django.http.response import HttpResponseBase
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import extend_schema
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from catalog.adapters.blobs import require_stored
from catalog.adapters.queries import FoundFile, get_file
from catalog.search.downloads import count_download
from catalog.store import blob_store

_RANGE = re.compile(r"bytes=([0-9]{0,18})-([0-9]{0,18})")
_WEIGHTS = (".safetensors",)
# Below this, the detour costs more than the bytes.
_DIRECT_FROM_BYTES = 1 << 20


class FileView(APIView):
    """One file of a revision."""

    @extend_schema(summary="Download a file", responses={(200, "application/octet-stream"): OpenApiTypes.BINARY})
    def get(self, request: Request, namespace: str, name: str, ref: str, path: str) -> HttpResponseBase:
        file = get_file(request.user, f"{namespace}/{name}", ref, path)
        response = serve_file(request, file, name=path.rpartition("/")[2])
        if request.method == "GET" and path.endswith(_WEIGHTS) and _starts_here(request, response):
            count_download(file.adapter_id)
        return response


def serve_file(request: Request, file: FoundFile, *, name: str) -> HttpResponseBase:
    """A file as 200, 206, 302, 304 or 416; its ETag is the quoted SHA-256, and it is never shown inline.

    The caller has asked for permission already: the 302 leads to the store itself, by a URL that soon runs out.
    """
    require_stored(file.state)
    etag = f'"{file.sha256}"'
    headers = {
        "ETag": etag,
        "Accept-Ranges": "bytes",
        "Content-Disposition": f'attachment; filename="{name}"',
        "Cache-Control": "private, max-age=0, must-revalidate",
    }
    if _matches(request.headers.get("If-None-Match", ""), etag):
        return HttpResponse(status=304, headers=headers)
    direct = blob_store().direct
    if direct is not None and request.method == "GET" and file.size_bytes > _DIRECT_FROM_BYTES:
        url = direct.blob_url(file.sha256, filename=name)
        return HttpResponse(status=302, headers={"Location": url, "ETag": etag, "Cache-Control": "no-store"})
    wanted = _range(request, file, etag)
    if wanted is None:
        start, length, status = 0, file.size_bytes, 200
    else:
        start, length = wanted
        if length <= 0:
            headers["Content-Range"] = f"bytes */{file.size_bytes}"
            detail = f"the file has {file.size_bytes} bytes; received {request.headers.get('Range')}"
            return Response({"code": "range_not_satisfiable", "detail": detail}, status=416, headers=headers)
        headers["Content-Range"] = f"bytes {start}-{start + length - 1}/{file.size_bytes}"
        status = 206
    headers["Content-Length"] = str(length)
    if request.method == "HEAD":
        return HttpResponse(status=status, headers=headers, content_type="application/octet-stream")
    chunks = blob_store().read(file.sha256, start=start, length=length)
    return StreamingHttpResponse(chunks, status=status, headers=headers, content_type="application/octet-stream")


def _starts_here(request: Request, response: HttpResponseBase) -> bool:
    """Whether this answer holds, or leads to, the beginning of the file: later ranges are no further download."""
    if response.status_code == 302:
        return request.headers.get("Range", "bytes=0-").replace(" ", "").startswith("bytes=0-")
    return response.status_code == 200 or response.get("Content-Range", "").startswith("bytes 0-")


def _matches(header: str, etag: str) -> bool:
    return etag in (tag.strip().removeprefix("W/") for tag in header.split(",")) or header.strip() == "*"


def _range(request: Request, file: FoundFile, etag: str) -> tuple[int, int] | None:
    """Start and length of the one range asked for; None for the whole file, a length of 0 if it cannot be met."""
    header = request.headers.get("Range", "")
    match = _RANGE.fullmatch(header.replace(" ", ""))
    if match is None or not any(match.groups()) or request.headers.get("If-Range", etag) != etag:
        return None
    first, last = match.groups()
    if not first:
        length = min(int(last), file.size_bytes)
        return file.size_bytes - length, length
    if last and int(last) < int(first):
        return None
    start, end = int(first), min(int(last) if last else file.size_bytes, file.size_bytes - 1)
    return start, max(end - start + 1, 0)
