"""Which pretraining gives the most accurate landmarks from a few labelled radiographs."""

import os
from pathlib import Path

from benchmark import torchvision_hook

__version__ = "0.1.0"

PLUGIN_FOLDERS = ("methods", "datasets", "reports")


def _require_plugin_folders(package: Path) -> None:
    """Refuse a checkout in which the three plugin folders did not arrive as folders.

    Args:
        package: The folder of this package, which holds them or links to them.

    Raises:
        ImportError: One of them is missing or is a text file, as git writes a symbolic link where
            it may not create one. It bears the package's name, so that ``python -m benchmark``
            prints the sentence alone and no traceback.
    """
    for name in PLUGIN_FOLDERS:
        if not (package / name).is_dir():
            raise ImportError(
                f"{package / name} should be a symbolic link to the folder ../{name} but is "
                f"{'a plain file' if (package / name).exists() else 'missing'}: allow symbolic "
                "links (on Windows: switch on developer mode), run `git config core.symlinks true` "
                "and `git checkout -- benchmark`, or install the package as a wheel",
                name=__name__,
            )


_require_plugin_folders(Path(__file__).parent)

# OpenMP reads this once, when torch loads it: on a loaded machine spinning threads make a training
# step more than ten times slower than sleeping ones do.
os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")
# A benchmark over patients' images sends nothing anywhere by itself.
os.environ.setdefault("HF_HUB_DISABLE_TELEMETRY", "1")

torchvision_hook.install()
