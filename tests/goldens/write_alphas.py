"""`python tests/goldens/write_alphas.py` writes alphas.json anew, after draws were changed on purpose."""

import json
from pathlib import Path

import torch
from tiny_searches import SEARCHES

if __name__ == "__main__":
    torch.set_num_threads(1)
    found = {}
    for name, search in SEARCHES.items():
        torch.manual_seed(0)
        found[name] = {kind: [[round(x, 6) for x in row] for row in value.tolist()] for kind, value in search().items()}
    Path(__file__).with_name("alphas.json").write_text(json.dumps(found, indent=1) + "\n", encoding="utf-8")
