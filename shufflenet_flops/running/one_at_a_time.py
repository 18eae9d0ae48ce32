"""One trace, and one run of a counter, at a time in the whole process."""

from __future__ import annotations

import threading

# Held by whoever changes a user's model, torch or the process for a while, as every trace and every
# run of a counter does: another thread that wants to waits. The same thread may take it again.
ONE_AT_A_TIME = threading.RLock()
