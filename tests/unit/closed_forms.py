"""Numbers of model calls in closed form, to hold the orders of levels to."""


def count_model_calls(steps: int, jump_length: int, jump_n_sample: int, start_resampling: int = 10_000) -> int:
    """Of RePaint: steps + (r - 1) * j * feet.

    The feet of jumps are the multiples of j below steps - j, none above start_resampling - j.
    """
    feet = max(0, -(-(steps - jump_length) // jump_length))
    feet = min(feet, max(0, (start_resampling - jump_length) // jump_length + 1))
    return steps + (jump_n_sample - 1) * jump_length * feet


def count_calls_with_bouts(steps: int, jump_length: int, bouts: int, every: int) -> int:
    """Of jumps at every n-th level: those that end above the chain's start are not made."""
    return steps + bouts * jump_length * sum(foot + jump_length <= steps for foot in range(1, steps + 1, every))


def count_repeated(ratios: list[float], repeats: int, largest: float) -> int:
    """Of feedback: levels above a fifth of `largest` or below .02 are visited once, and so are the first and the last."""
    return len(ratios) + (repeats - 1) * sum(0.02 < ratio <= largest / 5 for ratio in sorted(ratios)[1:-1])
