"""Prepare Mask; its steps, and with them its inputs, are the rows of sampler/mask/preparation.py."""

from typing import Any

import torch
from comfy_api.latest import io

from ..sampler.mask import Setting, prepare, settings_by_age
from .checked import checked
from .compute import on_device
from .convert import masks_from
from .coverage import coverage_in_words
from .preview import shown_under_node
from .views import masks_seen

__all__ = ["PrepareMask"]

KINDS = {bool: io.Boolean.Input, int: io.Int.Input, float: io.Float.Input, str: io.Combo.Input}


def input_for(setting: Setting, late: bool) -> io.Input:
    """A setting as an input of the node; what came later than saved workflows may be missing in them."""
    more: dict[str, Any] = {"options": list(setting.options)} if setting.options else {}
    if setting.span:
        more = {"min": setting.span[0], "max": setting.span[1], "step": setting.step}
    return KINDS[type(setting.default)](
        setting.name,
        default=setting.default,
        tooltip=setting.tooltip,
        optional=late,
        advanced=setting.advanced or None,
        **more,
    )


class PrepareMask(io.ComfyNode):
    @classmethod
    def define_schema(cls) -> io.Schema:
        return io.Schema(
            node_id="MaskGuidancePrepareMask",
            display_name="Prepare Mask",
            category="mask guidance",
            essentials_category="Image Tools",
            description=(
                "Everything a drawn mask may need, in the order of the settings from top to bottom; each does nothing "
                "at its default. Pixels are pixels: grow by 32 grows by 32, on every side, also at the picture's border."
            ),
            search_aliases=[
                "grow mask",
                "shrink mask",
                "expand mask",
                "erode",
                "dilate",
                "feather mask",
                "blur mask",
                "invert mask",
                "threshold mask",
                "fill holes",
                "remove specks",
                "smooth mask",
            ],
            inputs=[
                io.Mask.Input(
                    "mask", tooltip="One mask or a batch; soft values are kept soft unless you set a threshold."
                ),
                *(input_for(setting, late) for setting, late in settings_by_age()),
            ],
            outputs=[
                io.Mask.Output(display_name="MASK"),
                io.String.Output(
                    display_name="report", tooltip="The steps that were done, in their order, and coverage."
                ),
            ],
        )

    @classmethod
    @checked
    def execute(cls, mask: torch.Tensor, **settings: bool | int | float | str) -> io.NodeOutput:
        given = masks_from(mask)
        done: list[str] = []

        def step(part: torch.Tensor) -> torch.Tensor:
            result, done[:] = prepare(part, **settings)
            return result

        prepared = on_device(step, given)
        order = ", ".join(done) or "nothing to do"
        report = f"{order}\n{coverage_in_words(given)} before, {coverage_in_words(prepared)} after"
        return io.NodeOutput(prepared, report, ui=shown_under_node(lambda: masks_seen(prepared)))
