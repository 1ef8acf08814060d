"""Compiles the hot modules when a wheel is built: ordinary Python, through Cython, where there is a C compiler.

pyproject.toml lists the modules (`[tool.hatch.build.targets.wheel.hooks.custom]`). Types for Cython stand beside a
module in a `.pxd` file. If that cannot be, the wheel is the pure one, `py3-none-any`, which behaves the same; with
`KETCH_PURE=1` it always is. An editable installation is pure too: a compiled file would hide the edited one.
"""

from __future__ import annotations

import os
import shutil
import sys
import sysconfig
import tempfile
from pathlib import Path
from typing import Any

from hatchling.builders.hooks.plugin.interface import BuildHookInterface

TOOLS = ["cython>=3.1", "setuptools>=77"]


def compiler() -> str:
    """The C compiler: the one asked for, the interpreter's own, or another that is here; "" if there is none."""
    for command in (os.environ.get("CC"), sysconfig.get_config_var("CC"), "cc", "gcc", "clang"):
        if command and shutil.which(command.split()[0]):
            return str(command)
    return ""


def wanted() -> bool:
    """Whether to try: CPython, a compiler, and nobody who forbids it."""
    if os.environ.get("KETCH_PURE", "0") not in ("", "0") or sys.implementation.name != "cpython":
        return False
    return os.name == "nt" or compiler() != ""


class CompileHook(BuildHookInterface):  # type: ignore[type-arg]
    """Adds the compiled modules to the wheel and marks it as one for this interpreter and platform."""

    folder = ""

    def dependencies(self) -> list[str]:
        """What the build needs, asked for only where it will be used."""
        return TOOLS if wanted() else []

    def initialize(self, version: str, build_data: dict[str, Any]) -> None:
        """Compile, before the wheel is written. `version` is "standard" or "editable"."""
        if version != "standard" or not wanted():
            return
        self.folder = tempfile.mkdtemp(prefix="ketch-build-")
        try:
            built = compiled(Path(self.root), self.config["compiled"], Path(self.folder))
        except (Exception, SystemExit) as error:  # distutils ends with SystemExit, Cython with errors of its own
            last = (str(error).strip() or type(error).__name__).splitlines()[-1]
            self.app.display_warning(f"ketch: not compiled, the wheel will be pure Python: {last}")
            return
        build_data["force_include"].update(built)
        build_data["pure_python"] = False
        build_data["infer_tag"] = True

    def finalize(self, version: str, build_data: dict[str, Any], artifact_path: str) -> None:
        """Leave nothing behind."""
        shutil.rmtree(self.folder, ignore_errors=True)


def compiled(root: Path, modules: list[str], folder: Path) -> dict[str, str]:
    """Compile the modules; the path of each library, and where it belongs in the wheel. Raises what the tools raise."""
    from Cython.Build import cythonize
    from setuptools import Distribution, Extension

    if os.name != "nt":
        os.environ["CC"] = compiler()
    source = root / "src"
    flags = [] if os.name == "nt" else ["-O3", "-g0"]
    extensions = [
        Extension(name, [str(source / (name.replace(".", "/") + ".py"))], extra_compile_args=flags) for name in modules
    ]
    extensions = cythonize(
        extensions,
        build_dir=str(folder / "c"),
        include_path=[str(source)],
        # Annotations are for people and type checkers; what Cython shall take for C's types stands in the .pxd files.
        compiler_directives={"language_level": 3, "annotation_typing": False},
        quiet=True,
        show_all_warnings=False,
    )
    command = Distribution({"name": "ketch", "ext_modules": extensions}).get_command_obj("build_ext")
    command.build_lib, command.build_temp = str(folder / "lib"), str(folder / "temp")
    command.parallel = True
    command.ensure_finalized()
    command.run()
    return {str(path): str(path.relative_to(folder / "lib")) for path in (folder / "lib").rglob("*") if path.is_file()}
