"""Nodes side by side: none changes what it was given, nor what all share, whether it succeeds or refuses."""

import pytest
import torch
from checkpoints import save_classifier
from neighbours import fingerprint, shared_state
from nodes_by_hand import FEW_STEPS, UNCHANGED, classifier
from test_mask_nodes import PICTURE, box_mask, defaults, node

NODES = {
    "MaskGuidanceClassLabel": ("class_label", "ClassLabel"),
    "MaskGuidanceClassifierGuidance": ("classifier_guidance", "ClassifierGuidance"),
    "MaskGuidanceCompositeEdit": ("composite_edit", "CompositeEdit"),
    "MaskGuidanceCrop": ("crop", "CropForInpainting"),
    "MaskGuidanceFill": ("fill", "FillMaskedArea"),
    "MaskGuidanceInpaint": ("inpaint", "Inpaint"),
    "MaskGuidanceKSampler": ("ksampler", "MaskGuidedKSampler"),
    "MaskGuidanceLoadClassifier": ("load_classifier", "LoadClassifier"),
    "MaskGuidanceLoadModel": ("load_model", "LoadGuidedDiffusionModel"),
    "MaskGuidanceMaskFromImage": ("mask_from_image", "MaskFromImage"),
    "MaskGuidanceModelView": ("model_view", "ModelView"),
    "MaskGuidanceOutpaint": ("outpaint", "PadForOutpainting"),
    "MaskGuidancePrepareMask": ("prepare_mask", "PrepareMask"),
    "MaskGuidanceSaveModel": ("save_model", "SaveGuidedDiffusionModel"),
    "MaskGuidanceSampler": ("repaint_sampler", "RePaintSamplerNode"),
    "MaskGuidanceSchedule": ("resample_schedule", "ResampleSchedule"),
    "MaskGuidanceSigmas": ("respaced_sigmas", "RespacedSigmas"),
    "MaskGuidanceStitch": ("stitch", "StitchBack"),
    "MaskGuidanceTestMask": ("paper_mask", "PaperTestMask"),
}
# Settings with which a node does all it can; with the last of each it refuses.
SETTINGS = {
    "MaskGuidanceCompositeEdit": [{}, {"blend": "poisson", "align": False}, {"sensitivity": -1.0}],
    "MaskGuidanceInpaint": [
        {"preset": "custom", "skip_steps": 3, "resample_r": 2, "variations": 2, "keep": "best", "size": 32}, {"size": 33},
    ],
    "MaskGuidanceClassLabel": [{}, {"class_name": "1, 2"}, {"class_name": "house"}],
    "MaskGuidanceClassifierGuidance": [{}, {"class_name": "1, 2", "form": "mean shift"}, {"class_label": 4}],
    "MaskGuidanceLoadClassifier": [{"classifier_name": "judge.safetensors"}, {"classifier_name": "in_process.safetensors"}],
    "MaskGuidanceCrop": [
        *({"split": split} for split in ("each region", "one per picture", "one box for all")),
        {"fit": "multiple"}, {"context_factor": float("inf")},
    ],
    "MaskGuidanceFill": [
        *({"fill": fill} for fill in ("smooth", "edge extend", "mean colour", "neutral", "noise")), {"seed": -1},
    ],
    "MaskGuidanceKSampler": [
        {"method": "repaint"}, {"method": "feedback", "soft_mask": "blend"}, {"denoise": 0.5, "soft_mask": "time-dependent"},
        {"end_at_step": 3}, {"skip_steps": 5000},
    ],
    "MaskGuidanceLoadModel": [
        {"model_name": "in_process.safetensors"}, {"model_name": "in_process.safetensors", "num_heads": 63},
    ],
    "MaskGuidanceMaskFromImage": [{}, {"source": "brightness"}, {"source": "red"}, {"source": "alpha"}],
    "MaskGuidanceModelView": [{}, {"snapping": "area"}, {"snapping": "none"}],
    "MaskGuidanceOutpaint": [
        *({"fill": fill, "overlap": 2} for fill in ("smooth", "edge", "mirror", "colour", "noise")), {"pad_by": "aspect ratio"},
        {"overlap": 4096},
    ],
    "MaskGuidancePrepareMask": [
        {}, {"invert": True, "remove_specks": 3, "fill_holes": True, "grow": 3, "smooth_outline": 2, "feather": 3},
        {"grow": -2, "threshold": 0.5}, {"grow": 10_000},
    ],
    "MaskGuidanceSaveModel": [{}, {"dtype": "fp16"}, {"dtype": "fp8"}],
    "MaskGuidanceSampler": [{}, {"feedback": 3.0}],
    "MaskGuidanceSchedule": [{}, {"preset": "custom", "skip_steps": 9999}],
    "MaskGuidanceSigmas": [{}, {"skip_steps": 9999}],
    "MaskGuidanceStitch": [
        *({"blend": blend, "colour_match": True} for blend in ("feathered", "hard", "multi-band", "poisson")),
        {"blend_pixels": -1},
    ],
    "MaskGuidanceTestMask": [{}, {"kind": "all six of RePaint"}, {"batch_size": 0}],
}  # fmt: skip
CASES = [(name, number) for name, settings in SETTINGS.items() for number in range(len(settings))]


@pytest.fixture
def sockets(host, tiny, models_folder, monkeypatch, tmp_path):
    """By input name, as the nodes in front would give it; two pictures of one batch share their memory."""
    monkeypatch.setattr(host, "output_directory", str(tmp_path))
    from mask_guidance.nodes.class_label import conditioning

    model, vae = tiny
    save_classifier(models_folder / "judge.safetensors")
    mask = torch.cat([box_mask(1), box_mask(1) * 0.7])
    image = PICTURE.expand(2, -1, -1, -1)
    samples = (2 * PICTURE.movedim(-1, 1) - 1).repeat(2, 1, 1, 1)
    latent = {"samples": samples, "noise_mask": mask[:, None], "batch_index": [4, 7]}
    cut = node("crop", "CropForInpainting").execute(image, mask, **defaults(node("crop", "CropForInpainting"))).result
    return {
        "image": image, "mask": mask, "context_mask": box_mask(2), "model": model, "vae": vae, "latent_image": latent,
        "known_latent": {"samples": samples.clone()}, "positive": conditioning(0), "negative": conditioning(-1),
        "stitch": cut[2], "crops": 1 - cut[0], "original": image, "edited": 1 - image,
        "classifier": classifier("judge.safetensors"),
    }  # fmt: skip


@pytest.mark.parametrize(("name", "number"), CASES)
@torch.inference_mode()
def test_a_node_changes_nothing_that_it_was_given_and_nothing_that_all_share(sockets, name, number):
    cls = node(*NODES[name])
    wanted = {each.id for each in cls.define_schema().inputs}
    given = {key: value for key, value in sockets.items() if key in wanted}
    if name == "MaskGuidanceStitch":
        given = {"stitch": sockets["stitch"], "image": sockets["crops"]}
    settings = {**defaults(cls), **SETTINGS[name][number]}
    if name == "MaskGuidanceKSampler":
        settings = {**settings, **FEW_STEPS, **UNCHANGED, **SETTINGS[name][number]}
    refuses = number == len(SETTINGS[name]) - 1
    before, state = fingerprint(given), shared_state()
    if refuses and name != "MaskGuidanceLoadModel":
        with pytest.raises(ValueError):
            cls.execute(**given, **settings)
    elif refuses:
        with pytest.raises(ValueError, match="num_heads is 63"):
            cls.execute(**given, **settings)
    else:
        cls.execute(**given, **settings)
    changed = {key for key, value in shared_state().items() if value != state[key]}
    assert not changed
    assert fingerprint(given) == before


def test_every_node_of_the_pack_is_looked_at(host):
    import asyncio

    from mask_guidance.nodes import MaskGuidanceExtension

    listed = asyncio.run(MaskGuidanceExtension().get_node_list())
    assert {cls.define_schema().node_id for cls in listed} == set(NODES)
