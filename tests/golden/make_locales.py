"""Writes locales/en/nodeDefs.json: every text of every node, from the nodes' own schemas.

    COMFYUI_PATH=... python tests/golden/make_locales.py

and tells what other languages lack. Read by tests/host/test_locales.py.
"""

import json

from host_nodes import PACK, import_host, infos

LOCALES = PACK / "locales"


def texts(info: dict) -> dict:
    """What a person reads of a node, in ComfyUI's form of a translation."""
    inputs, outputs = {}, {}
    for section in ("required", "optional"):
        for name in info["input_order"].get(section, []):
            kind = info["input"][section][name]
            inputs[name] = named(name, kind[1].get("tooltip") if len(kind) > 1 else None)
    for i, (name, tooltip) in enumerate(zip(info["output_name"], info["output_tooltips"], strict=True)):
        outputs[str(i)] = named(name, tooltip)
    return {
        "display_name": info["display_name"],
        "description": info["description"],
        "inputs": inputs,
        "outputs": outputs,
    }


def named(name: str, tooltip: str | None) -> dict:
    return {"name": name, "tooltip": tooltip} if tooltip else {"name": name}


def all_texts() -> dict:
    """Of every node of the pack, by its id; the host is importable."""
    return {node: texts(info) for node, info in infos().items()}


def leaves(tree: dict, path: str = "") -> dict[str, str]:
    """Texts by their place, as in 'MaskGuidanceKSampler.inputs.seed.tooltip'."""
    found = {}
    for key, value in tree.items():
        place = f"{path}.{key}" if path else key
        found |= leaves(value, place) if isinstance(value, dict) else {place: value}
    return found


def read(language: str) -> dict:
    return json.loads((LOCALES / language / "nodeDefs.json").read_text("utf-8"))


def differences(language: str, wanted: dict) -> tuple[set[str], set[str]]:
    """Places that a language lacks, and those it should not have."""
    there, should = set(leaves(read(language))), set(leaves(wanted))
    return should - there, there - should


def main() -> None:
    import_host()
    wanted = all_texts()
    file = LOCALES / "en" / "nodeDefs.json"
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(json.dumps(wanted, indent=2, ensure_ascii=False) + "\n", encoding="utf-8")
    print(f"{file.relative_to(PACK)}: {len(leaves(wanted))} texts of {len(wanted)} nodes")
    for folder in sorted(LOCALES.iterdir()):
        if (folder / "nodeDefs.json").is_file():
            lacking, needless = differences(folder.name, wanted)
            print(*(f"{folder.name} lacks {place}" for place in sorted(lacking)), sep="\n")
            print(*(f"{folder.name} has needlessly {place}" for place in sorted(needless)), sep="\n")


if __name__ == "__main__":
    main()
