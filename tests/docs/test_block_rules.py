"""The rules for code blocks bite: what a page may say, and what must be noticed."""

from __future__ import annotations

import pytest

from tests.docs.blocks import PageError, blocks_of
from tests.docs.test_code_blocks import conversations, matches

PAGE = """\
Words.

```python
one = 1
```

<!-- continues -->
<!-- raises: KETCH-BIND-002 -->
```python
two = one + 1
```

<!-- setup
hidden = True
-->

```python
assert hidden
```

<!-- file: shop/app.toml -->
Words in between end the directive.

1. A list

   ```toml
   a = 1
   ```
"""


def test_blocks_are_found_with_their_marks_and_lines() -> None:
    one, two, three, four = blocks_of(PAGE)
    assert (one.text, one.line, one.marks, one.checked) == ("one = 1\n", 4, {}, True)
    assert two.marks == {"continues": "", "raises": "KETCH-BIND-002"}
    assert three.marks == {"setup": "hidden = True\n"}
    assert (four.text, four.marks, four.checked) == ("a = 1\n", {}, False)


def test_a_block_without_an_end_is_a_mistake() -> None:
    with pytest.raises(PageError, match="line 1: a code block without an end"):
        blocks_of("```python\nx = 1\n")


def test_a_misspelt_directive_is_a_mistake() -> None:
    with pytest.raises(PageError, match="line 2: a comment above a code block that is no directive"):
        blocks_of("<!-- contineus -->\n```python\nx = 1\n```\n")


def test_a_skipped_block_is_not_checked() -> None:
    (block,) = blocks_of("<!-- skip: needs a cloud account -->\n```python\nx\n```\n")
    assert not block.checked


def test_conversations_join_continued_lines() -> None:
    text = '$ curl -s \\\n    -d x 127.0.0.1:8000\n{"a": 1}\n$ ketch routes\n'
    assert conversations(text) == [("curl -s -d x 127.0.0.1:8000", '{"a": 1}\n'), ("ketch routes", "")]


@pytest.mark.parametrize(
    ("expected", "printed", "same"),
    [
        ("", "anything", True),
        ("a\nb\n", "a\nb\n", True),
        ("a\nb\n", "a\nc\n", False),
        ("a\n...\nz\n", "a\nb\nc\nz\n", True),
        ("a\n...\n", "a\n", True),
        ("date: ...\n", "date: Sun, 22 Nov\n", True),
        ("date: ...\n", "server: x\ndate: Sun\n", False),
    ],
)
def test_output_is_compared_with_gaps(expected: str, printed: str, same: bool) -> None:
    assert matches(expected, printed) is same
