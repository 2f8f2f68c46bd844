"""The text of a secret, for a block that cannot do without.

Using it puts the interface ``secrets-reveal`` among the component's imports (``reveal = true`` under
``[tool.blockyard]`` in ``pyproject.toml``), which needs a grant of its own; every use is written into the audit log.
"""

from __future__ import annotations

from . import _host
from .secrets import Secret


def reveal(secret: Secret) -> str:
    """The secret's text.

    Raises ``SecretNotGranted`` if the operator has not granted it.
    """
    return _host.current().reveal(secret)
