"""Numbers of model calls in closed form, to hold the orders of levels to."""


def count_model_calls(steps: int, jump_length: int, jump_n_sample: int, start_resampling: int = 10_000) -> int:
    """Of RePaint: steps + (r - 1) * j * feet.

    The feet of jumps are the multiples of j below steps - j, none above start_resampling - j.
    """
    feet = max(0, -(-(steps - jump_length) // jump_length))
    feet = min(feet, max(0, (start_resampling - jump_length) // jump_length + 1))
    return steps + (jump_n_sample - 1) * jump_length * feet


def count_repeated(steps: int, repeats: int) -> int:
    """Of feedback: the top 31.25 % and the lowest 10 % of the levels are visited once, at least one of each."""
    once = max(1, int(0.3125 * steps)) + max(1, int(0.1 * steps))
    return steps + (repeats - 1) * max(0, steps - once)
