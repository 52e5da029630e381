"""What pyproject.toml cannot say: a wheel holds the kernel, where there is a compiler."""

import functools
import shutil
import sys
from pathlib import Path

from setuptools import setup
from setuptools.command.bdist_wheel import bdist_wheel
from setuptools.command.build_py import build_py

sys.path.insert(0, str(Path(__file__).parent / "workflow"))

from isoloss.native import build, target

KERNELS = Path("build", "kernel")


@functools.cache
def kernels() -> list[Path]:
    """The libraries for all processors of this architecture; none without a compiler."""
    sets = target.built_for()
    build.build(sets, where=[KERNELS])
    return [path for one in sets for path in build.built(one, [KERNELS])]


class BuildWithKernel(build_py):
    def run(self):
        super().run()
        if self.editable_mode:  # `python -m isoloss.native.build` builds beside the sources
            return
        folder = Path(self.build_lib, "isoloss", "native", "built")
        shutil.rmtree(folder, ignore_errors=True)
        for library in kernels():
            folder.mkdir(exist_ok=True)
            shutil.copy(library, folder)


class WheelOfOneArchitecture(bdist_wheel):
    """For any Python of this architecture; for any machine, if there is no kernel in it."""

    def run(self):
        if kernels():
            self.root_is_pure = False
            self.distribution.has_ext_modules = lambda: True  # so that all goes to one folder
        super().run()

    def get_tag(self):
        tag = super().get_tag()
        return tag if self.root_is_pure else (self.python_tag, "none", tag[2])


setup(cmdclass={"build_py": BuildWithKernel, "bdist_wheel": WheelOfOneArchitecture})
