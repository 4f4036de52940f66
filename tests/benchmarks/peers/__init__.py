"""Other people's inpainting as people run it: their own nodes, in a real ComfyUI, in this process."""
