"""Classes by name and number."""

import pytest
from mask_guidance.sampler.checkpoint import class_numbers

NAMES = ("cat", "Dog", "house, white", "10", "dog")


@pytest.mark.parametrize(
    ("said", "labels"),
    [
        ("cat", (0,)), (" CAT ", (0,)), ("dog", (4,)), ("DOG", (1,)), ("house, white", (2,)), ("2", (2,)), ("10", (3,)),
        ("10, 2", (3, 2)), ("cat,1 , dog", (0, 1, 4)),
    ],
)  # fmt: skip
def test_a_class_is_meant_by_its_name_or_else_by_its_number(said, labels):
    assert class_numbers(said, len(NAMES), NAMES) == labels


def test_numbers_do_where_nothing_is_known():
    assert class_numbers("2", None) == (2,)
    assert class_numbers("7, 2", None) == (7, 2)


@pytest.mark.parametrize(
    ("said", "classes", "names", "words"),
    [
        ("5", 5, NAMES, "This model has no class '5'; choose a number from 0 to 4 or one of cat, Dog"),
        ("fox", 5, (), "This model has no class 'fox'; choose a number from 0 to 4."),
        ("-1", 5, (), "no class '-1'"),
        ("fox", None, (), "class_name is 'fox', but no class names are known; connect the model, or use numbers."),
        ("1,,2", 5, NAMES, "Between the commas of '1,,2' a class is missing"),
        (",", None, (), "Between the commas of ',' a class is missing"),
    ],
)
def test_what_is_no_class_is_a_sentence(said, classes, names, words):
    with pytest.raises(ValueError) as caught:
        class_numbers(said, classes, names)
    assert words in str(caught.value)
