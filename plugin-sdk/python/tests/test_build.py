import tempfile
import unittest
from pathlib import Path

from blockyard_sdk.build import BuildError, Project


class ProjectTest(unittest.TestCase):
    def setUp(self) -> None:
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.folder = Path(folder.name)
        (self.folder / "src").mkdir()
        (self.folder / "src" / "my_block.py").touch()

    def write(self, text: str) -> None:
        (self.folder / "pyproject.toml").write_text(text, encoding="utf-8")

    def test_the_module_follows_from_the_name(self) -> None:
        self.write('[tool.blockyard]\nname = "my-block"\n')
        project = Project.read(self.folder)
        self.assertEqual((project.name, project.module, project.world), ("my-block", "my_block", "block-component"))

    def test_a_block_that_reveals_has_a_world_of_its_own(self) -> None:
        self.write('[tool.blockyard]\nname = "x"\nmodule = "my_block"\nreveal = true\n')
        self.assertEqual(Project.read(self.folder).world, "block-component-revealing")

    def test_a_project_that_cannot_be_built_says_why(self) -> None:
        with self.assertRaisesRegex(BuildError, "is not there"):
            Project.read(self.folder)
        for text, message in [
            ("[tool", "pyproject.toml: "),
            ("[tool.other]\n", "'blockyard' is missing"),
            ('[tool.blockyard]\nname = "other"\n', r"src/other\.py is not there"),
            ('[tool.blockyard]\nname = "9"\n', "`9` is no name of a module"),
            ("[tool.blockyard]\nname = 9\n", "`name` is no text"),
        ]:
            self.write(text)
            with self.subTest(text=text), self.assertRaisesRegex(BuildError, message):
                Project.read(self.folder)
