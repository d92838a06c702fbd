import pytest

from posemachines._utils import formatting as form


@pytest.mark.parametrize(
    ("function", "value", "expected"),
    [
        (form.duration, 0.0123, "12 ms"),
        (form.duration, 59.96, "1 min 0 s"),
        (form.duration, 312.4, "5 min 12 s"),
        (form.duration, 3599.7, "1 h 0 min"),
        (form.duration, 7500, "2 h 5 min"),
        (form.duration, None, "–"),
        (form.milliseconds, 0.004, "< 0.01 ms"),
        (form.duration, 0.0, "< 0.01 ms"),
        (form.p_value, 0.0004, "p < 0.001"),
        (form.p_value, 0.054, "p = 0.054"),
        (form.p_value, 0.4, "p = 0.40"),
        (form.p_value, None, "–"),
        (form.mebibytes, 1812.3, "1.8 GiB"),
        (form.mebibytes, None, "–"),
        (form.joules, None, "–"),
        (form.milliseconds, 9.1, "9.1 ms"),
        (form.milliseconds, 38.4, "38 ms"),
        (form.milliseconds, 1234, "1.2 s"),
        (form.byte_size, 500, "500 B"),
        (form.byte_size, 5123456, "4.9 MiB"),
        (form.byte_size, 2.2 * 2**30, "2.2 GiB"),
        (form.byte_size, float("nan"), "–"),
        (form.number, -0.04, "0.0"),
        (form.number, -1.24, "−1.2"),
        (form.counts, {}, "–"),
        (form.counts, {"nodes": 345678, "parameters": 1234567}, "345\xa0678 nodes, 1.23 million parameters"),
    ],
)
def test_numbers_in_words(function, value, expected):
    assert function(value) == expected
