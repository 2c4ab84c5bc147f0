"""Half away from zero, at any size."""

from decimal import ROUND_HALF_UP, Decimal, localcontext

import pytest
from hypothesis import given, strategies as st

from roi_engine.metrics.rounding import half_away


@given(numerator=st.integers(-(10**40), 10**40), places=st.integers(1, 20))
def test_it_rounds_as_decimal_does(numerator, places):
    with localcontext() as context:
        context.prec = 60
        exact = Decimal(numerator).scaleb(-places)
        # ROUND_HALF_UP of decimal is away from zero
        expected = int(exact.quantize(Decimal(1), rounding=ROUND_HALF_UP))
    assert half_away([numerator], 10**places)[0] == expected


def test_a_denominator_must_be_positive():
    with pytest.raises(ValueError, match="positive"):
        half_away([1], 0)
