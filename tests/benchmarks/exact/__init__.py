"""Data whose optimal denoiser and whose conditional distribution are known, and methods measured on it.

mixtures.py  Gaussian mixtures: exact denoiser, exact p(unknown | known)
problems.py  the list of distributions and masks
metrics.py   distance of samples from the exact conditional
methods.py   this pack's samplers, and mask replacement as ComfyUI's own nodes do it
peers.py     other people's samplers, each from its own package or after its paper
variants.py  the feedback sampler with one thing changed
compare.py   runs, standard errors, paired comparison, tables
plot.py      the picture
"""
