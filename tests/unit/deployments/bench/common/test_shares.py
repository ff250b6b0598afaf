"""Values shared out over seeds: evenly, and by the seed alone."""

from collections import Counter

from deployments.bench.common.shares import share, shuffled

VALUES = ("a", "b", "c", "d", "e")


def test_each_block_of_seeds_has_every_value_once():
    for block in range(20):
        got = [share("x", VALUES, block * 5 + place) for place in range(5)]
        assert Counter(got) == Counter(VALUES)


def test_a_share_is_the_names_and_the_seeds_alone():
    assert share("x", VALUES, 17) == share("x", VALUES, 17)
    assert shuffled("x", VALUES) == shuffled("x", VALUES)
    assert len({tuple(shuffled(str(name), VALUES)) for name in range(50)}) > 20
