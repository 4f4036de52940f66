"""Load Classifier and Classifier Guidance in the host: every sampler, every memory, the given MODEL as it was."""

from functools import partial
from unittest import mock

import pytest
import torch
from checkpoints import save_classifier, save_tiny
from nodes_by_hand import FEW_STEPS, classifier, guided, load, paint

SIDE, STRONG = 16, 5.0
PICTURES = torch.rand(3, 3, SIDE, SIDE, generator=torch.Generator().manual_seed(1)) * 2 - 1
METHODS = {
    "repaint": {"method": "repaint"},
    "kriged": {"method": "kriged", "skip_type": "karras"},
    "feedback": {"method": "feedback", "skip_type": "karras"},
    "distilled": {"method": "distilled", "skip_type": "trailing"},
}


@pytest.fixture(scope="module")
def files(models_folder):
    save_tiny(models_folder / "guided.safetensors")
    save_tiny(models_folder / "classless.safetensors", num_classes=None)
    save_classifier(models_folder / "judge.safetensors")
    return models_folder


@pytest.fixture
def model(files):
    return load("guided.safetensors")[0]


def latent(count: int = 1, first: int = 0) -> dict:
    mask = torch.zeros(1, 1, SIDE, SIDE)
    mask[..., SIDE // 2 :] = 1
    numbers = [*range(first, first + count)]
    return {"samples": PICTURES[numbers], "noise_mask": mask, "batch_index": numbers}


@torch.inference_mode()
def stock(model, sampler: str = "euler", seed: int = 3):
    """The host's own KSampler, on a whole picture."""
    from mask_guidance.nodes.class_label import conditioning

    import nodes

    given = {"samples": torch.zeros(1, 3, SIDE, SIDE)}
    (out,) = nodes.KSampler().sample(model, seed, 6, 1.0, sampler, "normal", conditioning(0), conditioning(-1), given)
    return out["samples"]


def by_the_library(method: str, form: str, label: int, scale: float) -> torch.Tensor:
    """The same fill without the host, whose ladder has another scale; score is the form of methods that draw no variance."""
    from mask_guidance.nodes import model_folder
    from mask_guidance.sampler import Settings
    from mask_guidance.sampler import paint as fill
    from mask_guidance.sampler.class_guidance import class_gradient, class_guided
    from mask_guidance.sampler.classifiers import build_classifier, recognise_classifier
    from mask_guidance.sampler.recognition import load_network

    net, found = load_network(model_folder.path_of("guided.safetensors"))
    judge = build_classifier(recognise_classifier(model_folder.path_of("judge.safetensors")))
    chosen = {name: value for name, value in {**FEW_STEPS, **METHODS[method]}.items() if name != "preset"}
    given, seed = latent(), 3

    def gradient(x: torch.Tensor, t: torch.Tensor) -> torch.Tensor:
        return scale * class_gradient(judge, x, t, torch.full_like(t, label))

    with (
        torch.no_grad(),
        mock.patch("mask_guidance.sampler.painting.class_guided", partial(formed, class_guided, form)),
    ):
        *_, last = fill(
            lambda x, t: net(x, t, torch.zeros_like(t)), found.diffusion.alphas_cumprod(), given["samples"],
            1 - given["noise_mask"], Settings(**chosen), seed=seed, class_gradient=gradient,
        )  # fmt: skip
    return last.x


def formed(class_guided, form: str, denoise, gradient, ladder, var_type, clip):
    return class_guided(denoise, gradient, ladder, var_type if form == "mean shift" else None, clip)


@pytest.mark.parametrize(("method", "form"), [("repaint", "mean shift"), ("repaint", "score"), ("kriged", "score")])
def test_the_node_paints_what_the_library_does(model, method, form):
    lead = guided(model, class_label=1, scale=STRONG, form=form)
    led, _ = paint(lead, latent(), **METHODS[method])
    plain, _ = paint(model, latent(), **METHODS[method])
    assert torch.equal(led[..., : SIDE // 2], latent()["samples"][..., : SIDE // 2])
    assert (led - plain).abs().max() > 0.05
    there = by_the_library(method, form, 1, STRONG)
    assert (led - there).abs().mean() < 1e-3  # rounding grows along a chain
    assert (led - there).abs().max() < 0.2 * (led - plain).abs().max()


def test_the_model_that_was_given_stays_as_it_was(model):
    plain, _ = paint(model, latent())
    paint(guided(model, scale=STRONG), latent())
    assert torch.equal(paint(model, latent())[0], plain)
    assert not model.get_nested_additional_models()


@pytest.mark.parametrize("method", METHODS)
def test_every_method_is_led(model, method):
    plain, led = (paint(m, latent(), **METHODS[method])[0] for m in (model, guided(model, scale=STRONG)))
    assert led.isfinite().all()
    assert (led - plain).abs().max() > 0.05
    assert torch.equal(led[..., : SIDE // 2], plain[..., : SIDE // 2])


def test_the_forms_differ_where_a_variance_is_drawn_and_nowhere_else(model):
    for method, differ in (("repaint", True), ("kriged", False)):
        score, mean = (
            paint(guided(model, scale=STRONG, form=form), latent(), **METHODS[method])[0]
            for form in ("score", "mean shift")
        )
        assert torch.equal(score, mean) != differ


@pytest.mark.parametrize("sampler", ["euler", "heun"])
def test_the_hosts_own_samplers_are_led(model, sampler):
    plain, led = stock(model, sampler), stock(guided(model, scale=STRONG), sampler)
    assert led.isfinite().all()
    assert (led - plain).abs().max() > 0.05


def test_at_scale_0_nothing_changes_to_the_bit(model):
    assert torch.equal(stock(guided(model, scale=0.0)), stock(model))
    assert torch.equal(paint(guided(model, scale=0.0), latent())[0], paint(model, latent())[0])


def test_a_stock_sampler_gets_the_original_codes_score(files):
    """One guess of the MODEL, beside epsilon less the gradient (algorithm 2) by hand."""
    from mask_guidance.sampler.class_guidance import class_gradient

    model = load("guided.safetensors", clip_denoised=False)[0]
    judge = classifier("judge.safetensors").patcher.model
    x = 5 * torch.randn(1, 3, SIDE, SIDE, generator=torch.Generator().manual_seed(0))
    sigma = float(model.get_model_object("model_sampling").sigmas[900])
    t = torch.tensor([900.0])
    scaled = x / (1 + sigma**2) ** 0.5
    plain = guess(model, x, sigma)
    share = 1 / (1 + sigma**2)
    eps = (x - plain) / sigma - (1 - share) ** 0.5 * 3 * class_gradient(judge, scaled, t, torch.tensor([2]))
    torch.testing.assert_close(
        guess(guided(model, class_label=2, scale=3.0), x, sigma), x - sigma * eps, rtol=1e-4, atol=1e-4
    )


@torch.inference_mode()
def guess(model, x: torch.Tensor, sigma: float) -> torch.Tensor:
    """A MODEL's guess of the clean picture, as any sampler gets it."""
    import comfy.samplers
    from mask_guidance.nodes.class_label import conditioning
    from mask_guidance.nodes.guidance import guided as guider

    found = []

    class Once(comfy.samplers.Sampler):
        def sample(
            self,
            model_wrap,
            sigmas,
            extra_args,
            callback,
            noise,
            latent_image=None,
            denoise_mask=None,
            disable_pbar=False,
        ):
            found.append(model_wrap(x, sigmas[:1], **extra_args))
            return latent_image

    zeros = torch.zeros_like(x)
    guider(model, conditioning(0), conditioning(-1), 1.0).sample(zeros, zeros, Once(), torch.tensor([sigma, 0.0]))
    return found[0]


def test_a_picture_of_a_batch_is_led_to_its_own_class_as_alone(model):
    lead = guided(model, class_name="1, 2", scale=STRONG)
    together, _ = paint(lead, latent(3))
    for number in range(3):
        alone, _ = paint(lead, latent(1, number))
        torch.testing.assert_close(together[number : number + 1], alone, rtol=1e-3, atol=1e-4)
    first, _ = paint(guided(model, class_label=2, scale=STRONG), latent(1, 1))
    torch.testing.assert_close(together[1:2], first, rtol=1e-3, atol=1e-4)


def test_a_picture_of_a_batch_has_its_own_class_label_as_alone(model):
    together, _ = paint(model, latent(3), label=(1, 2), cfg=2.0)
    for number, label in enumerate((1, 2, 1)):
        alone, _ = paint(model, latent(1, number), label=label, cfg=2.0)
        torch.testing.assert_close(together[number : number + 1], alone, rtol=1e-3, atol=1e-4)
        told, _ = paint(model, latent(1, number), label=(1, 2), cfg=2.0)
        assert torch.equal(told, alone)


def test_a_model_without_classes_is_led_to_one(files):
    model, _ = load("classless.safetensors")
    plain, led = (paint(m, latent(), label=None)[0] for m in (model, guided(model, class_label=3, scale=STRONG)))
    assert (led - plain).abs().max() > 0.05


def test_cfg_is_shared_among_the_visits_of_a_level_and_a_classifier_is_not(model):
    """What the classifier adds to the guess is there in whole, whatever share of cfg a call follows."""
    from mask_guidance.nodes.host_classifier import Guide
    from mask_guidance.nodes.pixel_model import Clip
    from mask_guidance.nodes.shared_guidance import following

    options = guided(model, scale=STRONG).model_options
    hooks = following(options, 0.25)["sampler_post_cfg_function"]
    assert [isinstance(hook, Clip) for hook in hooks] == [False, True, False]
    assert isinstance(hooks[-1], Guide)
    assert following(options, 1) is options


def test_the_host_loads_the_classifier_with_the_model_and_makes_room_for_its_gradient(model, monkeypatch):
    import comfy.model_management as management

    lead = guided(model, scale=5.0)
    asked = {}
    load_models = management.load_models_gpu

    def watched(models, memory_required=0, **options):
        asked[len(models)] = memory_required
        return load_models(models, memory_required=memory_required, **options)

    monkeypatch.setattr(management, "load_models_gpu", watched)
    needed = model.model.memory_required([2, 3, SIDE, SIDE])
    paint(model, latent())
    paint(lead, latent())
    judge = classifier("judge.safetensors")
    assert sorted(asked) == [1, 2]
    assert asked[2] >= judge.found.config.gradient(4) * SIDE**2
    assert asked[1] == needed


def test_the_record_says_what_led_the_model(model):
    lead = guided(guided(model, class_label=1, scale=2.5), class_label=0, class_name="0, 2", form="mean shift")
    _, record = paint(lead, latent())
    led = (
        "model guided.safetensors, led by judge.safetensors to 1, scale 2.5, form score, "
        "led by judge.safetensors to 0, 2, scale 1, form mean shift"
    )
    assert led in record.splitlines()
    assert "led by" not in paint(model, latent())[1]


@torch.inference_mode()
def test_a_fill_is_judged_by_the_class_that_it_was_painted_for(model):
    from mask_guidance.nodes.class_label import conditioning
    from mask_guidance.nodes.familiarity import disbelief
    from mask_guidance.nodes.painting import Painted, Wanted
    from mask_guidance.sampler import PRESETS

    wanted = Wanted(PRESETS["draft"], "draft", seed=0, cfg=1.0)
    several, lead = conditioning((1, 2)), partial(guided, model, scale=STRONG)

    def doubt(model, label: list, *numbers: int) -> torch.Tensor:
        painted = Painted(PICTURES[:1], None, 1.0, "binary", 1, 0.0, numbers=numbers)
        return disbelief(model, label, None, wanted, painted)

    assert torch.equal(doubt(model, several, 1), doubt(model, conditioning(2)))
    assert torch.equal(doubt(lead(class_name="1, 2"), several, 1), doubt(lead(class_label=2), conditioning(2)))
    assert not torch.equal(
        doubt(lead(class_name="1, 2"), conditioning(2), 0), doubt(lead(class_label=2), conditioning(2))
    )


def test_a_guided_model_can_be_cloned_and_guided_again(model):
    twice = guided(guided(model, class_label=1, scale=STRONG).clone(), class_label=1, scale=STRONG)
    assert len(twice.get_nested_additional_models()) == 2
    once, both = (paint(lead, latent())[0] for lead in (guided(model, class_label=1, scale=2 * STRONG), twice))
    torch.testing.assert_close(both, once, rtol=1e-3, atol=2e-2)


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"class_label": 4}, "class_label is 4, but this classifier has classes 0 to 3"),
        ({"class_name": "cat"}, "This classifier has no class 'cat'; choose a number from 0 to 3"),
        ({"class_name": "1, 9"}, "This classifier has no class '9'"),
        ({"class_name": "1,,2"}, "a class is missing"),
    ],
)
def test_a_class_that_is_none_is_refused(model, change, words):
    with pytest.raises(ValueError, match=words):
        guided(model, **change)


def test_what_does_not_go_together_is_refused(model, files):
    from types import SimpleNamespace

    with pytest.raises(ValueError, match="The picture is 32x32, but the classifier takes 16x16 only"):
        paint(guided(model), {"samples": torch.zeros(1, 3, 32, 32)})
    text_model = SimpleNamespace(model=torch.nn.Identity(), get_model_object=None)
    with pytest.raises(ValueError, match="needs a pixel-space model"):
        guided(text_model)
    save_classifier(files / "linear.safetensors", noise_schedule="linear")
    with pytest.raises(ValueError, match="trained on the noise of linear, 1000 steps, and the model on that of cosine"):
        guided(model, "linear.safetensors")


def test_each_loader_names_the_other(files):
    with pytest.raises(ValueError, match=r"guided.safetensors: .*load it with Load Guided-Diffusion Model"):
        classifier("guided.safetensors")
    with pytest.raises(ValueError, match=r"judge.safetensors: .*load this one with Load Classifier"):
        load("judge.safetensors")
