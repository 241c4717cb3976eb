"""torchaudio on a CPU build of torch.

PyPI's torchaudio has its compiled part for graphics cards only, and importing it fails beside a CPU
build of torch. Spectrograms, filter banks and resampling are written in torch itself and need none
of it; so it is imported as torchaudio does where that part was not built. This module comes before
anything that imports torchaudio, Lhotse too.
"""

import sys
from types import ModuleType
from typing import Any

_EXTENSION = "torchaudio._extension"


def import_torchaudio() -> Any:
    """The module, without its compiled part."""
    if _EXTENSION not in sys.modules:
        absent: Any = ModuleType(_EXTENSION)
        absent._IS_TORCHAUDIO_EXT_AVAILABLE = absent._IS_ALIGN_AVAILABLE = False
        absent.fail_if_no_align = lambda function: function
        sys.modules[_EXTENSION] = absent
    import torchaudio

    return torchaudio
