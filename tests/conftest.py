"""Property tests search anew on a developer's machine, and repeat themselves where others wait."""

import os

from hypothesis import settings

settings.register_profile("ci", derandomize=True)
if os.environ.get("CI"):
    settings.load_profile("ci")
