"""The pack as the registry sends it, alone in a host. A start of the host of its own is most of the time."""

import os
from pathlib import Path

import pytest
import workflows
from PIL import Image
from published import PACK, copy_published, published

NAME = "mask-guidance"  # what the Manager calls the folder: the project's name


@pytest.fixture(scope="module")
def server(tmp_path_factory):
    from comfy_client import Comfy

    base = tmp_path_factory.mktemp("base")
    copy_published(base / "custom_nodes" / NAME)
    folder = tmp_path_factory.mktemp("published")
    server = Comfy(Path(os.environ["COMFYUI_PATH"]), folder, "--base-directory", str(base))
    yield server
    server.stop()


def test_every_node_is_there(server):
    described = server.get("/object_info").items()
    there = {node for node, info in described if info["python_module"] == f"custom_nodes.{NAME}"}
    assert there == {page.stem for page in (PACK / "web" / "docs").glob("*.md")}


def test_every_template_with_its_picture_and_every_blueprint_is_offered(server):
    assert sorted(server.get("/api/workflow_templates")[NAME]) == [*workflows.titles().values()]
    address = f"/api/workflow_templates/{NAME}/{workflows.titles()['inpaint']}"
    assert all(server.status((address + end).replace(" ", "%20")) == 200 for end in (".json", ".jpg"))
    blueprints = [each for each in server.get("/global_subgraphs").values() if each["source"] == "custom_node"]
    assert {each["name"] for each in blueprints} == {path.stem for path in (PACK / "subgraphs").glob("*.json")}


def test_every_file_of_the_page_and_every_translation_is_sent(server):
    served = [name.removeprefix("web/") for name in published() if name.startswith("web/")]
    assert {name.split("/")[0] for name in served} == {"docs", "js"}
    assert all(server.status(f"/extensions/{NAME}/{name}") == 200 for name in served)
    translated = server.get("/i18n")
    assert all("MaskGuidanceInpaint" in translated[language]["nodeDefs"] for language in ("en", "zh"))


def test_the_first_template_runs_on_the_model_and_the_picture_that_come_with_the_pack(server):
    workflow = workflows.example("inpaint_picture")
    (inpaint,) = (node for node in workflow.values() if node["class_type"] == "MaskGuidanceInpaint")
    inpaint["inputs"]["preset"] = "draft"
    painted = workflows.saved(server, workflow)
    (picture,) = (node["inputs"]["image"] for node in workflow.values() if node["class_type"] == "LoadImage")
    with Image.open(PACK / "examples" / picture) as given:
        assert [pixels.shape[1::-1] for each in painted.values() for pixels in each] == [given.size]
