"""Random workflows in API format around the pack's nodes, as the server describes them: mostly sensible, often wrong somewhere.

A workflow is one node of the pack, what it needs in front of it (nodes of the pack and of the host, odd values), and looks
at all it gives. The same seed and number give the same workflow.
"""

import json
import random
from dataclasses import dataclass, field
from typing import Any

from makers import FILLS, LAYOUTS, VALUES

__all__ = ["Prompt", "prompt"]

OURS = "MaskGuidance"
MODELS = ("tiny.safetensors", "tiny_unconditional.pt", "tiny_fp16.safetensors")
TEXT_MODELS = ("SD1.5", "SDXL", "SD3", "Flux", "Wan", "Wan 2.2 5B")
LATENTS = {"SD1.5": (4,), "SDXL": (4,), "SD3": (16,), "Flux": (16,), "Wan": (16, 3), "Wan 2.2 5B": (48, 3)}
SIZES = ((1, 1), (2, 2), (7, 5), (8, 8), (16, 16), (16, 16), (16, 24), (24, 16), (1, 32), (33, 17), (40, 48))
SHAPES = (
    [0, 16, 16, 3],
    [1, 0, 16, 3],
    [1, 16, 16, 0],
    [16, 16, 3],
    [1, 1, 16, 16, 3],
    [16],
    [],
    [1, 16, 16],
    [2, 3, 16, 16],
)
DTYPES = ("float16", "bfloat16", "float64", "uint8", "int64", "bool", "complex64", "float8_e4m3fn")
GOOD_MASKS = ("box", "half", "pixel", "soft", "speckled", "zeros", "ones")
ODD = [fill for fill in FILLS if fill not in (*GOOD_MASKS, "levels")]
WIDGETS = ("INT", "FLOAT", "STRING", "BOOLEAN", "COMBO")
WORDS = (
    "#ff8000",
    "16:9",
    "1.78",
    "4",
    "ddim4",
    "2,2",
    "2,1,1",
    "",
    " ",
    "none",
    "0:0",
    "1e400",
    "-1",
    "x" * 3000,
    "٣",
    "²",
    "٫5",
    "#٣٣٣٣٣٣",
)
PAINTING = ("MaskGuidanceKSampler", "MaskGuidanceSampler", "SamplerCustomAdvanced", "SamplerCustom", "round trip")
LIKELY = {"positive": 0.9, "negative": 0.5, "known_latent": 0.15, "model": 0.6, "timestep_respacing": 0.15}  # else 0.4
# Larger ones are test_extremes.py's.
SMALL = dict.fromkeys(("size", "width", "height", "left", "right", "top", "bottom"), 70) | {"batch_size": 5}
CALLS = 5  # a run that may be long is interrupted after so many


@dataclass
class Prompt:
    """A workflow, and after how many calls of the model it is interrupted."""

    workflow: dict = field(default_factory=dict)
    interrupt_after: int | None = None

    def add(self, kind: str, /, **inputs: Any) -> str:
        name = str(len(self.workflow) + 1)
        self.workflow[name] = {"class_type": kind, "inputs": inputs}
        return name


def prompt(described: dict, seed: int, number: int) -> Prompt:
    """Workflow `number` of a seed, of what `/object_info` describes."""
    return Writer(described, random.Random(f"{seed}/{number}")).written(number)


class Writer:
    def __init__(self, described: dict, draw: random.Random):
        self.described, self.draw = described, draw
        self.prompt = Prompt()
        self.height, self.width = draw.choice(SIZES)
        self.batch = draw.choice((1, 1, 2, 3))
        self.wrong = draw.choice((0, 0, 0.02, 0.05, 0.1))  # how often something is not as it should be
        self.text_model = draw.choice(TEXT_MODELS) if draw.random() < 0.15 else None
        self.depth = 0
        self.shared: dict[str, list] = {}

    def written(self, number: int) -> Prompt:
        ours = sorted(name for name in self.described if name.startswith(OURS))
        kinds = [*ours, "SamplerCustomAdvanced", "SamplerCustom", "round trip", "MaskGuidanceKSampler"]
        kind = kinds[number % len(kinds)]
        if kind in PAINTING and self.draw.random() < 0.9:  # the network halves its pictures once
            self.height, self.width = (max(4, side + side % 2) for side in (self.height, self.width))
        if kind == "round trip":
            self.round_trip()
        elif kind.startswith("SamplerCustom"):
            self.custom_sampler(kind)
        elif kind == "MaskGuidanceSampler":
            self.custom_sampler("SamplerCustomAdvanced")
        else:
            self.looked_at(kind)
        return self.prompt

    # Where things go wrong

    def odd(self, scale: float = 1.0) -> bool:
        return self.draw.random() < self.wrong * scale

    def make(self, what: str, **recipe: Any) -> list:
        return [self.prompt.add("FuzzMake", recipe=json.dumps({"what": what, **recipe})), 0]

    def value(self) -> list:
        return self.make("value", name=self.draw.choice(sorted(VALUES)))

    # Nodes

    def node(self, kind: str, /, **given: Any) -> str:
        """A node of the pack with all its inputs."""
        self.depth += 1
        inputs = {}
        for section in ("required", "optional"):
            for name, spec in self.described[kind]["input"].get(section, {}).items():
                if name in given:
                    inputs[name] = given[name]
                elif section == "required" or self.draw.random() < LIKELY.get(name, 0.4):
                    inputs[name] = self.input(name, spec)
                if section == "required" and self.odd(0.03):
                    inputs.pop(name)  # the host refuses
        self.depth -= 1
        if kind == "MaskGuidanceKSampler":
            self.shorten(inputs)
        return self.prompt.add(kind, **{name: value for name, value in inputs.items() if value is not None})

    def shorten(self, inputs: dict) -> None:
        """Few calls, or an interrupt."""
        if self.draw.random() < 0.8:
            inputs |= {"preset": "custom", "skip_steps": self.draw.randint(1, 5), "resample_r": self.draw.randint(1, 3)}
        if self.draw.random() < 0.9:
            inputs |= {"start_at_step": self.draw.choice((0, 0, 0, 1)), "add_noise": self.draw.random() < 0.9}
        if self.draw.random() < 0.7:
            inputs["end_at_step"] = 10_000
        short = inputs.get("preset") == "custom" and all(
            isinstance(inputs.get(name), int) and inputs[name] <= 5 for name in ("skip_steps", "resample_r")
        )
        if not short or inputs.get("skip_type") == "none" or inputs.get("timestep_respacing", "").__class__ is not str:
            self.prompt.interrupt_after = CALLS

    def input(self, name: str, spec: list) -> Any:
        kind, *more = spec
        options = more[0] if more else {}
        if isinstance(kind, list):
            kind, options = "COMBO", {**options, "options": kind}
        if kind in WIDGETS:
            return self.widget(name, kind, options)
        if self.odd(0.3):
            return self.value()
        return getattr(self, f"of_{kind.lower()}", self.value)()

    def widget(self, name: str, kind: str, options: dict) -> Any:
        default = options.get("default")
        if name == "model_name":
            default = self.draw.choice(MODELS)
        if self.odd():
            return self.draw.choice((*[self.value] * 5, *[self.primitive] * 3, self.wild))()
        if name == "model_name" or self.draw.random() < 0.5:
            return default if default is not None else (options.get("options") or [""])[0]
        if kind == "COMBO":
            return self.draw.choice(options["options"])
        if kind == "BOOLEAN":
            return self.draw.random() < 0.5
        if kind == "STRING":
            return self.draw.choice(WORDS)
        return self.number(name, kind, options)

    def number(self, name: str, kind: str, options: dict) -> Any:
        least, most = options.get("min", 0), options.get("max", 100)
        most = min(most, SMALL.get(name, most))
        small = min(most, least + 20)
        if kind == "INT":
            return self.draw.choice((least, most, self.draw.randint(least, small), self.draw.randint(least, most)))
        return self.draw.choice((least, most, self.draw.uniform(least, small), self.draw.uniform(least, most)))

    def primitive(self) -> list:
        """A value from one of the host's own nodes, which have wider ranges."""
        kind, value = self.draw.choice((
            ("PrimitiveInt", 10**9), ("PrimitiveInt", -3), ("PrimitiveInt", 0), ("PrimitiveFloat", 1e30),
            ("PrimitiveFloat", -1.5), ("PrimitiveFloat", 0.37), ("PrimitiveString", "nonsense"), ("PrimitiveString", ""),
            ("PrimitiveBoolean", True), ("PrimitiveStringMultiline", "a\nb"),
        ))  # fmt: skip
        return [self.prompt.add(kind, value=value), 0]

    def wild(self) -> Any:
        """Typed, beyond the range: the host refuses most of them."""
        return self.draw.choice((-1, 10**20, 1e400, "seven", None, [], {}, "NaN", True))

    # Sockets, by type

    def again(self, kind: str, made) -> list:
        """Mostly what the workflow has of this kind already."""
        if kind in self.shared and self.draw.random() < 0.8:
            return self.shared[kind]
        return self.shared.setdefault(kind, made())

    def of_image(self) -> list:
        return self.again("IMAGE", self.new_image)

    def of_mask(self) -> list:
        return self.again("MASK", self.new_mask)

    def new_image(self) -> list:
        recipe = {"shape": [self.batch, self.height, self.width, 3], "seed": self.draw.randrange(100)}
        if self.draw.random() < 0.1:
            recipe["shape"][-1] = self.draw.choice((1, 2, 4, 5))
        if self.draw.random() < 0.2:
            recipe["fill"] = self.draw.choice(("zeros", "ones", "grey", "soft", "checkers"))
        if self.draw.random() < 0.15:
            return self.from_nodes("IMAGE", recipe)
        return self.spoil(recipe)

    def new_mask(self) -> list:
        batch = self.batch if self.draw.random() < 0.4 else 1
        recipe = {"shape": [batch, self.height, self.width], "fill": self.draw.choice(GOOD_MASKS)}
        recipe["seed"] = self.draw.randrange(100)
        if self.draw.random() < 0.15:
            return self.from_nodes("MASK", recipe)
        return self.spoil(recipe)

    def spoil(self, recipe: dict) -> list:
        """A tensor, with something wrong about it now and then."""
        shape = recipe["shape"]
        if self.odd():
            recipe["fill"] = self.draw.choice(ODD)
        if self.odd():
            at = self.draw.randrange(len(shape))
            shape[at] = self.draw.choice((0, 1, shape[at] + 1, 2 * shape[at], 64))
        if self.odd(0.3):
            recipe["shape"] = self.draw.choice(SHAPES)
        if self.odd(0.5):
            recipe["dtype"] = self.draw.choice(DTYPES)
        if self.draw.random() < 0.1 and 0 not in recipe["shape"] and len(recipe["shape"]) > 1:
            recipe["layout"] = self.draw.choice(sorted(LAYOUTS))
        return self.make("tensor", **recipe)

    def from_nodes(self, kind: str, recipe: dict) -> list:
        """What other nodes make of a tensor: the host's, and ours."""
        plain = self.spoil(recipe)
        ours = {
            "IMAGE": ("MaskGuidanceFill", "MaskGuidanceOutpaint", "MaskGuidanceModelView", "MaskGuidanceCrop"),
            "MASK": ("MaskGuidancePrepareMask", "MaskGuidanceMaskFromImage", "MaskGuidanceTestMask"),
        }[kind]
        if self.depth < 3 and self.draw.random() < 0.6:
            return [self.node(self.draw.choice(ours)), 0]
        size = {"width": self.width, "height": self.height}
        host = {
            "IMAGE": (
                ("EmptyImage", {**size, "batch_size": self.batch, "color": 0xFF8000}),
                ("ImageInvert", {"image": plain}),
                ("RepeatImageBatch", {"image": plain, "amount": 2}),
                ("ImageScale", {"image": plain, "upscale_method": "lanczos", "crop": "disabled", **size}),
                ("ImageBlur", {"image": plain, "blur_radius": 2, "sigma": 1.0}),
            ),
            "MASK": (
                ("SolidMask", {**size, "value": 0.5}),
                ("InvertMask", {"mask": plain}),
                ("GrowMask", {"mask": plain, "expand": 2, "tapered_corners": True}),
                ("FeatherMask", {"mask": plain, "left": 3, "top": 3, "right": 3, "bottom": 3}),
                ("ImageToMask", {"image": self.of_image(), "channel": "red"}),
            ),
        }[kind]
        name, inputs = self.draw.choice(host)
        return [self.prompt.add(name, **inputs), 0]

    def of_model(self) -> list:
        if self.text_model:
            return self.again("MODEL", lambda: self.make("model", name=self.text_model))
        model = self.again("MODEL", lambda: [self.loader(), 0])
        if self.draw.random() < 0.1:
            zsnr = self.draw.random() < 0.3
            sampling = self.draw.choice(("eps", "v_prediction", "x0", "lcm"))
            return [self.prompt.add("ModelSamplingDiscrete", model=model, sampling=sampling, zsnr=zsnr), 0]
        if self.draw.random() < 0.1:
            return [self.prompt.add("DifferentialDiffusion", model=model), 0]
        return model

    def of_vae(self) -> list:
        return self.again("VAE", lambda: [self.loader(), 1])

    def loader(self) -> str:
        found = [name for name, node in self.prompt.workflow.items() if node["class_type"] == "MaskGuidanceLoadModel"]
        # Its own options are the checkpoint fuzzer's.
        return found[0] if found else self.plain("MaskGuidanceLoadModel", model_name=self.draw.choice(MODELS))

    def plain(self, kind: str, /, **given: Any) -> str:
        """A node with its defaults."""
        inputs = {}
        for name, (kind_of, *more) in self.described[kind]["input"].get("required", {}).items():
            if kind_of in WIDGETS:
                options = more[0]
                inputs[name] = options.get("default", (options.get("options") or [None])[0])
        return self.prompt.add(kind, **inputs | given)

    def of_conditioning(self) -> list:
        if self.odd():
            return self.draw.choice((
                lambda: self.make("nothing"),
                lambda: self.make("conditioning", class_label=self.draw.choice((99, -7, "1", "nan", "none", 1.5, "list"))),
                lambda: self.make("conditioning", strength="nan", area=[1, 1, 99, 99]),
            ))()  # fmt: skip
        if self.text_model:
            return self.make("text", name=self.text_model)
        label = [self.plain("MaskGuidanceClassLabel", class_label=self.draw.choice((-1, 0, 1, 2))), 0]
        if self.draw.random() < 0.2:
            return [self.prompt.add("ConditioningZeroOut", conditioning=label), 0]
        if self.draw.random() < 0.1:
            return [self.prompt.add("ConditioningCombine", conditioning_1=label, conditioning_2=label), 0]
        return label

    def of_mask_guidance_stitch(self) -> list:
        """A crop; mostly its pictures, changed, are what there is to stitch."""
        crop = self.node("MaskGuidanceCrop")
        if self.draw.random() < 0.85:
            self.shared["IMAGE"] = [self.prompt.add("ImageInvert", image=[crop, 0]), 0]
        return [crop, 2]

    def of_mask_guidance_classifier(self) -> list:
        return [self.plain("MaskGuidanceLoadClassifier"), 0]

    def of_sigmas(self) -> list:
        if self.odd(2):
            values = self.draw.choice((
                [], [0], [1, 0], ["nan", 0], ["inf", 1, 0], [0, 1, 2], [3, 3, 0], [5, 2], [1, -1], [1e30, 1, 0], [1e-30, 0],
                [2, "nan", 0], [10, 1e-12, 0],
            ))  # fmt: skip
            return self.make("sigmas", values=list(values))
        model = self.of_model()
        steps = self.draw.randint(1, 5)
        if self.draw.random() < 0.5:
            given = {"model": model, "skip_steps": steps, "skip_type": self.draw.choice(("uniform", "karras", "quad"))}
            given |= {"timestep_respacing": None, "denoise": self.draw.choice((1.0, 0.5))}
            return [self.node("MaskGuidanceSigmas", **given), 0]
        scheduler = self.draw.choice(("normal", "karras", "simple", "sgm_uniform", "beta", "ddim_uniform"))
        denoise = self.draw.choice((1.0, 1.0, 0.5))
        return [self.prompt.add("BasicScheduler", model=model, scheduler=scheduler, steps=steps, denoise=denoise), 0]

    def of_latent(self) -> list:
        return self.again("LATENT", self.new_latent)

    def new_latent(self) -> list:
        if self.odd():
            return self.odd_latent()
        if self.text_model:
            channels, *frames = LATENTS[self.text_model]
            side = self.draw.choice((8, 8, 16))
            mask = {"shape": [1, side, 8], "fill": self.draw.choice(GOOD_MASKS)} if self.draw.random() < 0.8 else None
            return self.make("latent", samples={"shape": [1, channels, *frames, side, 8], "fill": "normal"}, mask=mask)
        if self.draw.random() < 0.1:
            size = {"width": 16, "height": 16, "batch_size": self.batch}
            return [self.prompt.add(self.draw.choice(("EmptyLatentImage", "EmptySD3LatentImage")), **size), 0]
        encoded = [self.prompt.add("VAEEncode", pixels=self.of_image(), vae=self.of_vae()), 0]
        if self.draw.random() < 0.1:
            return encoded
        latent = [self.prompt.add("SetLatentNoiseMask", samples=encoded, mask=self.of_mask()), 0]
        if self.draw.random() < 0.1:
            name, inputs = self.draw.choice((
                ("RepeatLatentBatch", {"amount": 2}),
                ("LatentFromBatch", {"batch_index": 1, "length": 1}),
                ("LatentFlip", {"flip_method": "x-axis: vertically"}),
                ("LatentUpscaleBy", {"upscale_method": "nearest-exact", "scale_by": 2.0}),
            ))  # fmt: skip
            return [self.prompt.add(name, samples=latent, **inputs), 0]
        return latent

    def odd_latent(self) -> list:
        shape = [self.batch, 3, 16, 16]
        samples = {"shape": shape, "fill": "normal"}
        more: dict[str, Any] = {"mask": {"shape": [1, 16, 16], "fill": self.draw.choice([*GOOD_MASKS, *ODD])}}
        change = self.draw.randrange(9)
        if change == 0:
            shape[1] = self.draw.choice((1, 2, 4, 16, 128))
        elif change == 1:
            shape.insert(2, self.draw.choice((1, 4)))
        elif change == 2:
            shape[self.draw.randrange(4)] = 0
        elif change == 3:
            samples["fill"] = self.draw.choice(ODD)
        elif change == 4:
            more["batch_index"] = self.draw.choice(
                ([0], [5, 5, 5], [], [-1] * self.batch, ["a"] * self.batch, 3, [0.5] * 3)
            )
        elif change == 5:
            more["mask"]["shape"] = self.draw.choice(
                ([1, 4, 4], [3, 16, 16], [1, 7, 16], [0, 16, 16], [16], [1, 1, 1, 16, 16])
            )
        elif change == 6:
            samples["dtype"] = self.draw.choice(DTYPES)
        elif change == 7:
            return self.make("latent without samples")
        else:
            samples["shape"] = self.draw.choice(([16, 16], [3, 16, 16], [16], []))
        return self.make("latent", samples=samples, **more)

    # Whole workflows

    def looked_at(self, kind: str) -> str:
        node = self.node(kind)
        self.look(node)
        inputs = self.prompt.workflow[node]["inputs"]
        self.compare(kind, node, inputs)
        return node

    def look(self, node: str) -> None:
        for number, kind in enumerate(self.described[self.prompt.workflow[node]["class_type"]]["output"]):
            self.prompt.add("FuzzLook", value=[node, number], rule=json.dumps({"kind": kind}))

    def compare(self, kind: str, node: str, inputs: dict) -> None:
        """What must be as it was."""
        image, mask = inputs.get("image"), inputs.get("mask")
        if kind == "MaskGuidanceFill":
            self.same("kept image", [node, 0], image, mask)
        elif kind == "MaskGuidanceOutpaint":
            self.same("placed", [node, 0], image, [node, 2])
        elif kind == "MaskGuidanceKSampler" and inputs.get("end_at_step") == 10_000 and not self.text_model:
            latent = inputs.get("latent_image")
            self.same("kept latent", [node, 0], inputs.get("known_latent") or latent, latent)
        elif kind == "MaskGuidanceStitch":
            crop = self.prompt.workflow.get(str(inputs.get("stitch", [""])[0]), {}).get("inputs", {})
            if "mask" not in inputs and isinstance(inputs.get("blend_pixels"), int) and "mask" in crop:
                self.same("kept image", [node, 0], crop.get("image"), crop["mask"], band=inputs["blend_pixels"])

    def same(self, how: str, value: list, before: Any, other: Any, **options: Any) -> None:
        if isinstance(before, list) and isinstance(other, list):
            rule = json.dumps({"compare": how, **options})
            self.prompt.add("FuzzLook", value=value, rule=rule, before=before, other=other)

    def custom_sampler(self, kind: str) -> None:
        """Our SAMPLER in the host's nodes."""
        sampler = [self.node("MaskGuidanceSampler", resample_r=self.draw.randint(1, 3)), 0]
        latent, model = self.of_latent(), self.of_model()
        sigmas, positive = self.of_sigmas(), self.of_conditioning()
        given: dict[str, Any] = {"sampler": sampler, "sigmas": sigmas, "latent_image": latent}
        if kind == "SamplerCustom":
            given |= {"model": model, "add_noise": self.draw.random() < 0.8, "noise_seed": 1, "cfg": 1.5}
            given |= {"positive": positive, "negative": self.of_conditioning()}
        else:
            guider = self.draw.choice(("BasicGuider", "CFGGuider"))
            asked = {"conditioning": positive}
            if guider == "CFGGuider":
                asked = {"positive": positive, "negative": self.of_conditioning(), "cfg": self.draw.choice((1.0, 3.0))}
            noise = ("RandomNoise", {"noise_seed": 3}) if self.draw.random() < 0.8 else ("DisableNoise", {})
            given["guider"] = [self.prompt.add(guider, model=model, **asked), 0]
            given["noise"] = [self.prompt.add(noise[0], **noise[1]), 0]
        node = self.prompt.add(kind, **given)
        self.look(node)
        ends_clean = self.prompt.workflow[sigmas[0]]["class_type"] != "FuzzMake"
        if ends_clean and not self.text_model:
            self.same("kept latent", [node, 0], latent, latent)

    def round_trip(self) -> None:
        """Crop, paint, stitch, as people do it; or encode, paint, decode."""
        image, mask = self.of_image(), self.of_mask()
        if self.draw.random() < 0.5:
            size = {"width": 16, "height": 16, "fit": "size"}
            crop = self.node("MaskGuidanceCrop", image=image, mask=mask, **size)
            image, mask = [crop, 0], [crop, 1]
        encoded = [self.prompt.add("VAEEncode", pixels=image, vae=self.of_vae()), 0]
        latent = [self.prompt.add("SetLatentNoiseMask", samples=encoded, mask=mask), 0]
        given = {
            "latent_image": latent,
            "known_latent": None,
            "end_at_step": 10_000,
            "positive": self.of_conditioning(),
        }
        painted = self.node("MaskGuidanceKSampler", **given)
        decoded = [self.prompt.add("VAEDecode", samples=[painted, 0], vae=self.of_vae()), 0]
        self.look(painted)
        source = self.prompt.workflow[image[0]]
        recipe = json.loads(source["inputs"].get("recipe", "{}"))
        if recipe.get("fill", "levels") == "levels" and recipe.get("shape", [0])[-1] == 3 and "dtype" not in recipe:
            self.same("kept picture", decoded, image, latent)
        if source["class_type"] == "MaskGuidanceCrop":
            stitch = self.node("MaskGuidanceStitch", stitch=[image[0], 2], image=decoded)
            self.look(stitch)
            self.compare("MaskGuidanceStitch", stitch, self.prompt.workflow[stitch]["inputs"])
