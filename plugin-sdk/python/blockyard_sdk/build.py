"""Makes the component of a project: ``python -m blockyard_sdk.build [PROJECT]``.

``pyproject.toml`` says what to build::

    [tool.blockyard]
    name = "my-block"      # dist/my-block.wasm
    module = "my_block"    # src/my_block.py, which holds the block
    reveal = false         # true if it uses blockyard_sdk.reveal

The block's modules are imported while the component is built, and the component starts from there. Third-party
packages work if they are pure Python and installed in the environment that runs this.
"""

from __future__ import annotations

import os
import subprocess
import sys
import sysconfig
import tempfile
import tomllib
from dataclasses import dataclass
from pathlib import Path
from typing import Any

_ENTRY = """\
from blockyard_sdk import sandbox

sandbox.prepare()

import {module}
from blockyard_sdk.definition import Block as _Block
from blockyard_sdk.component import export

_blocks = [value for value in vars({module}).values() if isinstance(value, _Block)]
if len(_blocks) != 1:
    raise SystemExit("the module `{module}` holds " + str(len(_blocks)) + " blocks instead of one")
sandbox.load()
Block = export(_blocks[0])
"""


class BuildError(Exception):
    """A project that cannot be built; the message is for its author."""


@dataclass(frozen=True)
class Project:
    """What to build."""

    folder: Path
    name: str
    module: str
    reveal: bool

    @classmethod
    def read(cls, folder: Path) -> Project:
        """From the project's ``pyproject.toml``.

        Raises ``BuildError`` if it is not there, or does not say what it must.
        """
        file = folder / "pyproject.toml"
        try:
            settings: dict[str, Any] = tomllib.loads(file.read_text(encoding="utf-8"))["tool"]["blockyard"]
            name, reveal = settings["name"], settings.get("reveal") is True
            if not isinstance(name, str):
                raise BuildError(f"{file}: `name` is no text")
            module = settings.get("module", name.replace("-", "_"))
        except FileNotFoundError as error:
            raise BuildError(f"{file} is not there") from error
        except tomllib.TOMLDecodeError as error:
            raise BuildError(f"{file}: {error}") from error
        except KeyError as error:
            raise BuildError(f"{file}: {error} is missing; a project has `name` under [tool.blockyard]") from error
        if not module.isidentifier():
            raise BuildError(f"{file}: `{module}` is no name of a module")
        if not (folder / "src" / f"{module}.py").is_file() and not (folder / "src" / module).is_dir():
            raise BuildError(f"{folder / 'src' / module}.py is not there")
        return cls(folder, name, module, reveal)

    @property
    def world(self) -> str:
        """The world of the component."""
        return "block-component-revealing" if self.reveal else "block-component"


def build(folder: Path) -> Path:
    """Builds the project in ``folder`` and returns the component's file, ``dist/<name>.wasm``.

    Raises ``BuildError``.
    """
    project = Project.read(folder)
    sdk = Path(__file__).resolve().parents[1]
    output = folder / "dist" / f"{project.name}.wasm"
    output.parent.mkdir(exist_ok=True)
    with tempfile.TemporaryDirectory() as scratch:
        Path(scratch, "blockyard_entry.py").write_text(_ENTRY.format(module=project.module), encoding="utf-8")
        built = Path(scratch, "block.wasm")
        arguments = [
            str(_componentizer()), "--quiet", "--wit-path", str(_wit(sdk)), "--world", project.world, "componentize",
            "--stub-wasi", "--python-path", scratch, "--python-path", str(folder / "src"), "--python-path", str(sdk),
            "--output", str(built), "blockyard_entry",
        ]  # fmt: skip
        if subprocess.run(arguments, env=_environment(), check=False).returncode != 0:
            raise BuildError("componentize-py could not build it; what it wrote stands above")
        output.write_bytes(built.read_bytes())
    return output


def _componentizer() -> Path:
    script = Path(sysconfig.get_path("scripts"), "componentize-py.exe" if os.name == "nt" else "componentize-py")
    if not script.is_file():
        raise BuildError(f"{script} is not there: `{sys.executable} -m pip install -r requirements.txt` installs it")
    return script


def _environment() -> dict[str, str]:
    """With the packages of the running interpreter, whether or not its environment is activated."""
    return {**os.environ, "VIRTUAL_ENV": sys.prefix}


def _wit(sdk: Path) -> Path:
    """The world's definition: beside the package in a project, two folders up in Blockyard's own repository."""
    for candidate in (sdk / "wit", sdk.parents[1] / "wit"):
        if (candidate / "world.wit").is_file():
            return candidate
    raise BuildError(f"{sdk / 'wit'} is not there")


def main() -> int:
    """The command."""
    folder = Path(sys.argv[1] if len(sys.argv) > 1 else ".")
    try:
        output = build(folder)
    except BuildError as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    print(f"{output} ({output.stat().st_size / 1e6:.1f} MB)")
    return 0


if __name__ == "__main__":
    sys.exit(main())
