"""metrics.md §2: a billionth, and a refund, shared to the last unit."""

from roi_engine.metrics.allocation import largest_remainder


def test_ten_nano_units_over_three_equal_keys():
    shares, rest = largest_remainder([10], [0, 0, 0], [1, 1, 1], ["a", "b", "c"])
    assert shares.tolist() == [4, 3, 3]
    assert rest.tolist() == [0]


def test_the_spare_unit_goes_to_the_lowest_key_in_whatever_order_keys_come():
    shares, _ = largest_remainder([10], [0, 0, 0], [1, 1, 1], ["c", "a", "b"])
    assert shares.tolist() == [3, 4, 3]


def test_a_refund_of_one_over_two_to_one():
    shares, _ = largest_remainder([-1_000_000_000], [0, 0], [2, 1], ["a", "b"])
    assert shares.tolist() == [-666_666_667, -333_333_333]
