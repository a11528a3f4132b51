# SPDX-License-Identifier: MIT
"""Build the wheel: the shared library by CMake, and its public header as cffi reads it."""
import os
import pathlib
import re
import shutil
import subprocess
import tempfile

from setuptools import setup
from setuptools.command.build_py import build_py
from setuptools.command.bdist_wheel import bdist_wheel

PROJECT = pathlib.Path(__file__).resolve().parents[2]
STANDARD_HEADERS = ("stdbool.h", "stddef.h", "stdint.h")


def read_header() -> str:
    """The declarations of attrib.h without attributes, functions' bodies and the standard headers."""
    with tempfile.TemporaryDirectory() as stubs:
        for name in STANDARD_HEADERS:
            pathlib.Path(stubs, name).touch()
        text = subprocess.run(
            ["cc", "-E", "-P", "-nostdinc", "-U__GNUC__", f"-I{stubs}", f"-I{PROJECT / 'include'}",
             PROJECT / "include" / "attrib.h"],
            check=True, capture_output=True, text=True).stdout
    return re.sub(r"static inline [^{;]*\{[^}]*\}", "", text)


def build_library(target: pathlib.Path) -> None:
    """Build the library in the folder that ATTRIB_BUILD names, or in one that is dropped."""
    with tempfile.TemporaryDirectory() as scratch:
        build = os.environ.get("ATTRIB_BUILD", scratch)
        subprocess.run(["cmake", "-S", PROJECT, "-B", build, "-G", "Ninja", "-DCMAKE_BUILD_TYPE=Release"], check=True)
        subprocess.run(["cmake", "--build", build, "--target", "attrib"], check=True)
        shutil.copyfile(pathlib.Path(build, "lib", "libattrib.so").resolve(), target)


class BuildWithLibrary(build_py):
    def run(self) -> None:
        super().run()
        folder = pathlib.Path(self.build_lib, "attrib")
        folder.mkdir(parents=True, exist_ok=True)
        (folder / "header.h").write_text(read_header())
        build_library(folder / "libattrib.so")


class PlatformWheel(bdist_wheel):
    """The library is of this platform, and of any Python on it."""

    def finalize_options(self) -> None:
        super().finalize_options()
        self.root_is_pure = False

    def get_tag(self):
        return ("py3", "none", super().get_tag()[2])


setup(cmdclass={"build_py": BuildWithLibrary, "bdist_wheel": PlatformWheel})
