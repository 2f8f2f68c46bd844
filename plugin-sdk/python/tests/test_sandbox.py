import subprocess
import sys
import unittest
from pathlib import Path


class SandboxTest(unittest.TestCase):
    def test_what_a_component_has_not_is_named(self) -> None:
        """In a process of its own, which is spoilt for everything else."""
        tests = Path(__file__).parent
        program = [sys.executable, "-B", str(tests / "data" / "sandboxed.py")]
        environment = {"PYTHONPATH": str(tests.parent)}
        ran = subprocess.run(program, env=environment, capture_output=True, text=True, check=False)
        self.assertEqual((ran.stdout, ran.stderr), ("well", ""))
