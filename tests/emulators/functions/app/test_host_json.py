"""host.json: overrides from the settings, and refusals."""

import pytest

from emulators.functions.app.host_json import Surroundings, apply_overrides, parse_host_options


def test_host_json_is_overridden_by_settings_in_any_case():
    document = {"version": "2.0", "extensions": {"queues": {"batchSize": 4}}}
    settings = {
        "AzureFunctionsJobHost__extensions__Queues__BATCHSIZE": "8",
        "AzureFunctionsJobHost__extensions__queues__maxPollingInterval": "00:00:00.120",
        "AzureFunctionsJobHost__functionTimeout": "-1",
    }
    options = parse_host_options(apply_overrides(document, settings), Surroundings())
    assert (options.queues.batch_size, options.queues.max_polling_s) == (8, 0.12)
    assert options.function_timeout_s is None


def test_dynamic_concurrency_is_refused():
    with pytest.raises(ValueError, match="not supported"):
        parse_host_options({"concurrency": {"dynamicconcurrencyenabled": True}}, Surroundings())
