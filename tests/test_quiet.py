"""A search and a training from Python say nothing of their own."""

import subprocess
import sys

SEARCH = """
import torch
from torch.utils.data import TensorDataset
import darts_pl

class Net(torch.nn.Module):
    def __init__(self):
        super().__init__()
        self.layer = darts_pl.Choice({"one": torch.nn.Linear(3, 2), "two": torch.nn.Linear(3, 2, bias=False)})
    def forward(self, x):
        return self.layer(x)

data = TensorDataset(torch.randn(8, 3), torch.arange(8) % 2)
space = darts_pl.ModuleSpace(Net)
config = darts_pl.SearchConfig(space=space, epochs=1, batch_size=4, guards=False)
result = darts_pl.search_architecture(data, data, config)
darts_pl.train_network(space.network(result.genotype), data, data, epochs=1)
"""


def test_a_search_and_a_training_from_python_say_nothing() -> None:
    """In a process of its own: pytest's filters of warnings would hide what users see."""
    done = subprocess.run([sys.executable, "-c", SEARCH], capture_output=True, text=True, timeout=120)
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")
