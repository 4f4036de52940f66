"""Two nodes for the fuzzer's server: one hands on anything, as nodes of other packs do; one looks at what ours give."""

import json

from looks import complaints
from makers import make


class Make:
    @classmethod
    def INPUT_TYPES(cls):
        return {"required": {"recipe": ("STRING", {})}}

    RETURN_TYPES = ("*",)
    FUNCTION = "run"
    CATEGORY = "fuzz"

    def run(self, recipe):
        return (make(**json.loads(recipe)),)


class Look:
    @classmethod
    def INPUT_TYPES(cls):
        return {
            "required": {"value": ("*", {}), "rule": ("STRING", {})},
            "optional": {"before": ("*", {}), "other": ("*", {})},
        }

    RETURN_TYPES = ()
    OUTPUT_NODE = True
    FUNCTION = "run"
    CATEGORY = "fuzz"

    def run(self, value, rule, before=None, other=None):
        return {"ui": {"complaints": complaints(json.loads(rule), value, before, other)}}


NODE_CLASS_MAPPINGS = {"FuzzMake": Make, "FuzzLook": Look}
