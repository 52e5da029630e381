"""The object storage that the tests of this folder share."""

import pytest


@pytest.fixture
def bucket(monkeypatch):
    """The keys of a bucket of an S3 on this machine."""
    server = pytest.importorskip("moto.server", reason="moto, a local S3, is not installed")
    boto3 = pytest.importorskip("boto3")
    started = server.ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    started.start()
    host, port = started.get_host_and_port()
    for name, value in {
        "ENDPOINT_URL": f"http://{host}:{port}",
        "ACCESS_KEY": "some",
        "SECRET_KEY": "thing",
    }.items():
        monkeypatch.setenv(f"SNAKEMAKE_STORAGE_S3_{name}", value)
    client = boto3.client(
        "s3",
        endpoint_url=f"http://{host}:{port}",
        region_name="us-east-1",
        aws_access_key_id="some",
        aws_secret_access_key="thing",
    )
    client.create_bucket(Bucket="bucket")
    yield lambda: [one["Key"] for one in client.list_objects(Bucket="bucket").get("Contents", [])]
    started.stop()
