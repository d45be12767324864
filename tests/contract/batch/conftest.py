import pytest
from azure.batch import BatchClient
from azure.core.credentials import AzureNamedKeyCredential

from tests.contract.batch.stub import running_stub
from tests.emulators.storage.processes import KEY


@pytest.fixture(scope="module")
def server():
    with running_stub() as stub:
        yield stub


@pytest.fixture
def stub(server):
    server.requests.clear()
    server.conditions.clear()
    server.etag = ""
    return server


@pytest.fixture
def client(stub):
    credential = AzureNamedKeyCredential("fanfare", KEY)
    with BatchClient(stub.endpoint, credential, retry_backoff_factor=0) as client:
        yield client
