"""Words of others in Markdown: they stay words."""

from __future__ import annotations

import pytest

from flows.common.markdown import escaped, link, table


@pytest.mark.parametrize(
    ("hostile", "harmless"),
    [
        ("<script>alert(1)</script>", r"&lt;script&gt;alert\(1\)&lt;/script&gt;"),
        ("a | b", r"a \| b"),
        ("[here](http://evil.org)", r"\[here\]\(http\://evil.org\)"),
        ("www.evil.org, me@evil.org", r"www\.evil.org, me\@evil.org"),
        ("one\n# two\u202e", r"one \# two"),
        ("`x` *y* _z_ \\", r"\`x\` \*y\* \_z\_ \\"),
    ],
)
def test_what_has_a_meaning_in_markdown_is_shown_as_it_is(hostile, harmless):
    assert escaped(hostile) == harmless


def test_a_long_text_is_cut():
    assert escaped("x" * 600) == "x" * 499 + "…"


def test_a_link_is_ours_whatever_it_is_called():
    assert link("a]b", "http://m/pcs/tasks/x y)") == r"[a\]b](http://m/pcs/tasks/x%20y%29)"


def test_a_table_has_a_line_for_each_row():
    assert table(("a", "b"), [["1", "2"]]) == "| a | b |\n| --- | --- |\n| 1 | 2 |"
