"""What may be done with jobs, from one place; each verb has a file of its own.

The row is the truth. A message only says that there is one job more to run in a queue, so lost, late and duplicate
messages are harmless: whoever gets one must first win a claim, and every later write is conditional on the fencing
token that the claim gave out.
"""

from catalog.jobs.claiming import Claim, LeaseLost, claim, is_waiting, renew
from catalog.jobs.deciding import acknowledge, cancel, retry
from catalog.jobs.ending import complete, fail, give_back, stop_cancelled
from catalog.jobs.submitting import send, submit
from catalog.jobs.sweeping import sweep

__all__ = [
    "Claim",
    "LeaseLost",
    "acknowledge",
    "cancel",
    "claim",
    "complete",
    "fail",
    "give_back",
    "is_waiting",
    "renew",
    "retry",
    "send",
    "stop_cancelled",
    "submit",
    "sweep",
]
