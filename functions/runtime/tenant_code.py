"""A tenant's folder becomes an application: handler.py with `handle`, or app.py with `app`."""

import importlib.util
import inspect
import logging
import sys
from pathlib import Path
from types import ModuleType
from typing import cast

from functions.runtime.asgi_exchange import App
from functions.runtime.asgi_function import AsgiFunction
from functions.runtime.config import WorkerConfig
from functions.runtime.function_app import FunctionUnusable
from functions.runtime.handler_app import HandlerApp
from functions.runtime.import_path import use_folders
from functions.runtime.resources import Resources

HANDLER = "handler.py"
APP = "app.py"

logger = logging.getLogger(__name__)


def load_function(config: WorkerConfig, *, resources: Resources | None = None) -> App:
    """Import the code in `config.folder` and wrap it; the process is the function's from then on.

    `resources` are what its calls share, made of `config` where None.

    Raises:
        FunctionUnusable: no handler.py or app.py, both, or neither `handle` nor `app` in it.
        Exception: whatever the code itself raises while it is imported.
    """
    assert config.folder is not None
    folder = Path(config.folder)
    for line in use_folders(folder=folder, env=None if config.env is None else Path(config.env)):
        logger.warning("%s", line)
    module = _import(_source(folder))
    resources = resources or Resources(config)
    if module.__name__ == "handler":
        handle = getattr(module, "handle", None)
        if not inspect.iscoroutinefunction(handle):
            raise FunctionUnusable(f"{HANDLER} has no `async def handle(event, context)`")
        _check_arguments(handle)
        return HandlerApp(handle, resources=resources)
    app = getattr(module, "app", None)
    if not callable(app):
        raise FunctionUnusable(f"{APP} has no ASGI application named `app`")
    return AsgiFunction(cast(App, app), resources=resources)


def _source(folder: Path) -> Path:
    found = [folder / name for name in (HANDLER, APP) if (folder / name).is_file()]
    if len(found) == 1:
        return found[0]
    if found:
        raise FunctionUnusable(f"there are both {HANDLER} and {APP}; a function is one of them")
    raise FunctionUnusable(f"there is neither {HANDLER} nor {APP} in the function's folder")


def _import(source: Path) -> ModuleType:
    # By its path: a module of the same name may be loaded, or come first on the path.
    spec = importlib.util.spec_from_file_location(source.stem, source)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[source.stem] = module
    spec.loader.exec_module(module)
    return module


def _check_arguments(handle: object) -> None:
    assert callable(handle)
    try:
        inspect.signature(handle).bind(None, None)
    except TypeError as error:
        raise FunctionUnusable(f"handle(event, context) in {HANDLER}: {error}") from error
