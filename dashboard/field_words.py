"""Features and groups as the project names them, for those who do not know its columns. Pure."""

import pandas as pd

from pipeline import contract
from pipeline.project import ProjectConfig


def feature_label(config: ProjectConfig | None, name: str) -> str:
    """Name a feature or a ratio by its label; a column that the project does not describe stands for itself."""
    if config is None:
        return name
    labels = {ratio.name: ratio.label for ratio in config.ratios} | {one.name: one.label for one in config.features}
    return labels.get(name, name)


def group_label(config: ProjectConfig | None, column: str, group: str) -> str:
    """Name a group of a column by the label of its choice; without one, or with labels that are not unique, as it is."""
    if group == contract.BIN_MISSING:
        return "missing"
    found = next((one for one in config.features if one.name == column), None) if config else None
    if found is None or len(set(found.choice_labels)) != len(found.choices):
        return group
    return dict(zip(map(str, found.choices), found.choice_labels, strict=True)).get(group, group)


def in_words(config: ProjectConfig | None, table: pd.DataFrame) -> pd.DataFrame:
    """Return a table of groups with its columns `column` and `group` in words; empty texts, which mean everybody, stay."""
    groups = [group_label(config, c, g) for c, g in zip(table["column"], table["group"], strict=True)]
    return table.assign(column=[feature_label(config, c) for c in table["column"]], group=groups)
