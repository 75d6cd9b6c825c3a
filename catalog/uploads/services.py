"""Everything that may be done with an upload, one file for each verb: the walk of every push."""

from catalog.uploads.expiring import abort_upload, expire_uploads
from catalog.uploads.finishing import Finished, finish_upload
from catalog.uploads.opening import AnnouncedFile, get_upload, open_upload
from catalog.uploads.parts import PartPlan, direct_url, plan_parts, receive_part
from catalog.uploads.staging import drop_stale_staging
from catalog.uploads.whole import SentFile, push_whole

__all__ = [
    "AnnouncedFile",
    "Finished",
    "PartPlan",
    "SentFile",
    "abort_upload",
    "direct_url",
    "drop_stale_staging",
    "expire_uploads",
    "finish_upload",
    "get_upload",
    "open_upload",
    "plan_parts",
    "push_whole",
    "receive_part",
]
