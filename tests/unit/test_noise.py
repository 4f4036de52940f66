import pytest
import torch
from mask_guidance.sampler import ImageNoise

SHAPE = (3, 16, 16)


def draws(noise: ImageNoise, like: torch.Tensor, count: int = 2) -> list[torch.Tensor]:
    return [noise(like) for _ in range(count)]


def test_a_pictures_noise_does_not_depend_on_its_batch():
    together = draws(ImageNoise(3, range(4)), torch.empty(4, *SHAPE))
    alone = draws(ImageNoise(3, [2]), torch.empty(1, *SHAPE))
    torch.testing.assert_close([d[2:3] for d in together], alone, rtol=0, atol=0)


@pytest.mark.parametrize("dtype", [torch.float64, torch.float16, torch.bfloat16])
def test_noise_of_every_dtype_is_the_float32_noise_rounded(dtype):
    single = draws(ImageNoise(3, [0]), torch.empty(1, *SHAPE))
    other = draws(ImageNoise(3, [0]), torch.empty(1, *SHAPE, dtype=dtype))
    assert other[0].dtype == dtype
    torch.testing.assert_close(other, [d.to(dtype) for d in single], rtol=0, atol=0)


def test_noise_does_not_depend_on_anything_else_drawn():
    undisturbed = draws(ImageNoise(3, [0]), torch.empty(1, *SHAPE))
    noise, neighbour = ImageNoise(3, [0]), ImageNoise(4, [0])
    disturbed = []
    for _ in range(2):
        torch.randn(7)
        neighbour(torch.empty(1, *SHAPE))
        disturbed.append(noise(torch.empty(1, *SHAPE)))
    torch.testing.assert_close(disturbed, undisturbed, rtol=0, atol=0)


def test_noise_leaves_the_global_generator_alone():
    before = torch.get_rng_state()
    draws(ImageNoise(3, [0]), torch.empty(1, *SHAPE))
    torch.testing.assert_close(torch.get_rng_state(), before, rtol=0, atol=0)


@pytest.mark.parametrize(
    "other",
    [ImageNoise(4, [0]), ImageNoise(3, [1]), ImageNoise(3, [0], "start"), ImageNoise(-3, [0]), ImageNoise(2**80, [0])],
    ids=["seed", "index", "stream", "negative seed", "huge seed"],
)
def test_other_seed_index_or_stream_gives_unrelated_noise(other):
    like = torch.empty(1, *SHAPE)
    a, b = ImageNoise(3, [0])(like).flatten(), other(like).flatten()
    # 768 independent pairs: the correlation has standard deviation 0.036
    assert abs(float(torch.corrcoef(torch.stack([a, b]))[0, 1])) < 0.15


def test_seed_and_index_are_not_mixed_up():
    """Seed 1, picture 12 and seed 11, picture 2 would be the same if names were only strung together."""
    like = torch.empty(1, *SHAPE)
    assert not torch.isclose(ImageNoise(1, [12])(like), ImageNoise(11, [2])(like)).all()


def test_next_draw_is_fresh():
    first, second = draws(ImageNoise(3, [0]), torch.empty(1, *SHAPE))
    assert not torch.isclose(first, second).any()


def test_noise_is_standard_normal():
    drawn = ImageNoise(3, range(8))(torch.empty(8, 3, 64, 64))
    # 98304 values: standard errors 0.003 and 0.002
    torch.testing.assert_close(drawn.mean(), torch.tensor(0.0), rtol=0, atol=0.02)
    torch.testing.assert_close(drawn.std(), torch.tensor(1.0), rtol=0, atol=0.02)


def test_noise_for_another_number_of_pictures_is_refused():
    with pytest.raises(ValueError, match="seeded for 2 pictures, but 3 came"):
        ImageNoise(0, range(2))(torch.empty(3, *SHAPE))
