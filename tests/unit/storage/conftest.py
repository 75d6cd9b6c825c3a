"""The credentials of the S3 server, where boto3 looks for them."""

from collections.abc import Iterator

import pytest

from tests.servers.swift import SwiftServer


@pytest.fixture(scope="module")
def aws_environment(swift: SwiftServer) -> Iterator[None]:
    """AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY of the server, and no other source of credentials."""
    with pytest.MonkeyPatch.context() as patch:
        for name in ("AWS_PROFILE", "AWS_SESSION_TOKEN"):
            patch.delenv(name, raising=False)
        patch.setenv("AWS_EC2_METADATA_DISABLED", "true")
        for name, value in swift.environment.items():
            patch.setenv(name, value)
        yield
