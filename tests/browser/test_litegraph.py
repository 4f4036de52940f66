"""The page in a real browser, nodes drawn by LiteGraph. Each way to draw has a file, which two processes run side by side."""

from page import every_case, passed


@every_case
def test_page_with_litegraph(outcomes, case):
    passed(outcomes("litegraph"), case)
