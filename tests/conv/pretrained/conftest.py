import pytest

from tests.conv.pretrained.pretrained_toys import pretrained_machine
from tests.toys import draw_dots


@pytest.fixture(scope="module")
def dots():
    return draw_dots(16, height=36, width=44)


@pytest.fixture(scope="module")
def machine(dots):
    """Two stages on the first five blocks, the first two of them frozen."""
    return pretrained_machine().fit(*dots)
