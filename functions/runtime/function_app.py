"""From a worker's configuration to the ASGI application that it serves."""

import importlib
from typing import cast

from functions.runtime.asgi_exchange import App
from functions.runtime.config import WorkerConfig


class FunctionUnusable(Exception):
    """The function's code cannot be had; says what is missing or wrong, for its log."""


def load_app(config: WorkerConfig) -> App:
    """Import the function's code and make its application; nothing is connected yet.

    A service of the platform is `module:factory`, called with the configuration; a tenant's
    function is a folder with handler.py or app.py.

    Raises:
        FunctionUnusable: there is no such code, or it is not what it should be.
        Exception: whatever the code itself raises while it is imported.
    """
    if config.folder is not None:
        # A service of the platform does without what only a tenant's function needs.
        from functions.runtime.tenant_code import load_function

        return load_function(config)
    if config.app is None:
        raise FunctionUnusable(f"{config.function!r} has neither a folder nor an application")
    module_name, _, factory_name = config.app.partition(":")
    try:
        factory = getattr(importlib.import_module(module_name), factory_name)
    except (ImportError, AttributeError) as error:
        raise FunctionUnusable(f"{config.app} of {config.function!r}: {error}") from error
    return cast(App, factory(config))
