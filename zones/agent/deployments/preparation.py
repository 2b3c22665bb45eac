"""From a digest to a folder that workers can start from."""

import asyncio

from storage.platform.functions.bundle import write_files
from storage.platform.functions.folder import REQUIREMENTS
from zones.agent.deployments.depot import BundleDepot
from zones.agent.deployments.environment import install_requirements


async def prepare(depot: BundleDepot, digest: str) -> None:
    """Unpack a bundle and install its requirements; nothing is done twice.

    Raises:
        storage.platform.functions.bundle.BundleFault, NoDigest: it is no bundle.
        BundleUnavailable: it cannot be had now.
        InstallFailed: its requirements cannot be had.
        OSError: the disk is at fault.
    """
    files = await depot.files(digest)
    place = depot.make(digest)
    if place.prepared:
        return
    await asyncio.to_thread(place.clear)
    place.code.mkdir()
    place.code.chmod(0o755)
    await asyncio.to_thread(write_files, files, place.code)
    requirements = next((file for file in files if file.path == REQUIREMENTS), None)
    if requirements is not None:
        await install_requirements(requirements.content, place.env)
    await asyncio.to_thread(place.mark_prepared)
