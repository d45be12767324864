"""Microsoft's live tests of azure-batch, unmodified, against the emulator."""

import pytest

from tests.emulators.batch.live.source import FOLDER, live_tests

if not FOLDER.exists():
    pytest.skip("for want of Microsoft's live tests (make clients)", allow_module_level=True)

# A client's own advice about a body of a megabyte.
pytestmark = pytest.mark.filterwarnings("ignore:Sending a large body:ResourceWarning")
TestBatch = live_tests()
