"""Fixtures of all tests of sources."""

from tests.sources.fixtures import no_network as no_network
from tests.sources.fixtures import torchvision_ops as torchvision_ops
from tests.sources.fixtures import user_code as user_code
