"""Names from outside are read for their meaning, and never trusted."""

import pytest

from pipeline.domain.notation.accounts import account_of


@pytest.mark.parametrize(
    ("url", "account"),
    [
        ("https://media.blob.core.windows.net/input/a.txt", "media"),
        ("https://MEDIA.blob.core.windows.net:443/input/a.txt", "media"),
        ("https://media.z12.blob.storage.azure.net/input/a.txt", "media"),
        ("https://media.dfs.core.windows.net/input/a.txt", "media"),
        ("https://media.blob.core.chinacloudapi.cn/input/a.txt", "media"),
        ("http://media.blob.localhost:10000/input/a.txt", "media"),
        ("http://127.0.0.1:10000/fanfare/input/a.txt", "fanfare"),
        ("http://127.0.0.1:53211/fanfare/input/a.txt", "fanfare"),
        ("http://[::1]:10000/fanfare/input/a.txt", "fanfare"),
        ("http://localhost:10000/fanfare/input/a.txt", "fanfare"),
        ("http://azurite:10000/fanfare/input/a.txt", "fanfare"),
        ("https://files.example.com/input/a.txt", "files.example.com"),
        ("http://127.0.0.1:10000", ""),
        ("", ""),
        ("http://[x/fanfare/input", ""),
    ],
)
def test_the_account_of_a_blob_is_named_by_its_url(url, account):
    assert account_of(url) == account
