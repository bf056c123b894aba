"""A predictor's first guess: where what makes it was trained."""

from etils import epath
from ml_collections import ConfigDict


def outlook_config(config: ConfigDict) -> ConfigDict:
    """The config of what makes the first guess, inside a predictor's."""
    return config.outlook.config


def outlook_workdir(config: ConfigDict, workdir: epath.PathLike) -> epath.Path:
    """``config.outlook.workdir``, by default beside the predictor's: all predictors of a preset share it."""
    default = epath.Path(workdir).parent / f"{outlook_config(config).name}-{config.preset}"
    return epath.Path(config.outlook.workdir) if config.outlook.workdir else default
