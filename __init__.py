"""ComfyUI custom nodes: mask-guided (RePaint) sampling, and guided-diffusion models to sample with."""

WEB_DIRECTORY = "./web"


async def comfy_entrypoint():
    # Imported here, not above: pytest imports this file, and the tests of sampler/ run without ComfyUI.
    from .nodes import MaskGuidanceExtension

    return MaskGuidanceExtension()
