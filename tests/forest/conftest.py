"""Fitted stages that several modules look at; none of them changes one."""

import pytest

from tests.toys import make_pictures

from .dots import BODY, N_PEOPLE, make_beliefs, small


@pytest.fixture(scope="session")
def data():
    """Pictures of dots and where the dots are."""
    return make_pictures(N_PEOPLE)


@pytest.fixture(scope="session")
def previous():
    """Beliefs of a stage of three levels before."""
    return make_beliefs(N_PEOPLE, 9)


@pytest.fixture(scope="session")
def first(data):
    """A first stage of one level."""
    return small().fit(data[0], None, data[1])


@pytest.fixture(scope="session")
def second(data, previous):
    """A later stage of three levels, after one of three levels."""
    return small().fit(data[0], previous, data[1], skeleton=BODY)
