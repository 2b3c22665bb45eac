"""Where in a YAML text a field stands."""

import re

import yaml

_STEP = re.compile(r"\.([^.\[\]]+)|\[(\d+|\.\.\.)\]")


def line_of(text: str, field: str) -> int | None:
    """Return the line, from 1, of a field like `scale.target`, or of the nearest one around it.

    `[...]` stands for the first entry of a mapping whose value is no text. None when the text is
    empty or no YAML.
    """
    try:
        node = yaml.compose(text, Loader=yaml.SafeLoader)
    except yaml.YAMLError:
        return None
    if node is None:
        return None
    line = node.start_mark.line
    for name, index in _STEP.findall(f".{field}" if field else ""):
        found = _below(node, name or index)
        if found is None:
            break
        key, node = found
        line = key.start_mark.line
    return int(line) + 1


def _below(node: yaml.Node, step: str) -> tuple[yaml.Node, yaml.Node] | None:
    if isinstance(node, yaml.SequenceNode) and step.isdigit() and int(step) < len(node.value):
        member = node.value[int(step)]
        return member, member
    if isinstance(node, yaml.MappingNode):
        for key, value in node.value:
            odd = value.tag != "tag:yaml.org,2002:str"
            if key.value == step or (step == "..." and odd):
                return key, value
    return None
