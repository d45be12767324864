"""The Event Grid custom topic through azure-eventgrid."""

from collections.abc import Mapping

from azure.core.credentials import AzureKeyCredential
from azure.core.messaging import CloudEvent
from azure.eventgrid import EventGridPublisherClient

from pipeline.adapters import limits
from pipeline.adapters.identity.credentials import identity
from pipeline.adapters.translate import translated
from pipeline.adapters.transport import transport_to
from pipeline.errors import Permanent
from pipeline.settings import Settings


class AzureEvents:
    """Publishes CloudEvents one by one."""

    def __init__(self, client: EventGridPublisherClient) -> None:
        self._client = client

    def publish(self, event: Mapping[str, object]) -> None:
        """Publish one CloudEvent 1.0 in its JSON form: id, source, type, subject, time, data."""
        limits.check_event(event)
        try:
            cloud_event: CloudEvent[object] = CloudEvent.from_dict(dict(event))
        except (ValueError, TypeError) as error:
            raise Permanent(f"The event is not a CloudEvent: {error}") from error
        with translated("publish an event"):
            self._client.send(cloud_event)


def connect(settings: Settings) -> AzureEvents:
    """Connect to the custom topic."""
    key, endpoint = settings.topic_key, settings.topic_endpoint
    credential = AzureKeyCredential(key) if key else identity(settings.client_id)
    return AzureEvents(
        EventGridPublisherClient(endpoint, credential, transport=transport_to(endpoint))
    )
