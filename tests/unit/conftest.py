import sys

import pytest


@pytest.fixture(scope="module", autouse=True)
def one_thread():
    """Tensors here are tiny; more threads only wait for each other. Tests without torch do without."""
    torch = sys.modules.get("torch")
    if torch is None:
        yield
        return
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)
