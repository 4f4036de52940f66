"""The page in a real browser, with Nodes 2.0."""

from page import every_case, passed


@every_case
def test_page_with_nodes_2(outcomes, case):
    passed(outcomes("vue"), case)
