"""Code of the user's own goes on where the present command names it, or says that the folder is trusted."""

import shlex
from collections.abc import Callable
from pathlib import Path

import pytest
from omegaconf import DictConfig
from strangers_runs import rewritten

OWN = ["space=module", "space.target=strangers.go"]
WIDE = [*OWN, "+space.arguments.width=3"]
FILES = ["--config-dir", "mine", "space=own"]


STOPPED = (OWN, FILES, ["name='${oc.env:HOME}'"], ["-m", "seed=1,2", *OWN], ["epochs=3"])


@pytest.fixture
def mine(tmp_path: Path, marker: Path) -> Path:
    """A folder of configuration files in which a space has an operation of the user's own."""
    folder = tmp_path / "mine" / "space"
    folder.mkdir(parents=True)
    (folder / "own.yaml").write_text("defaults: [digits]\noperations: {mine: {_target_: strangers.go, depth: 2}}\n")
    return folder


QUICK = ("the name alone", "the folder of files", "settings alone")
GOES_ON = {
    "the whole command": (OWN, OWN),
    "the name alone": (OWN, ["space.target=strangers.go"]),
    "trust": (OWN, ["trust=true"]),
    "with arguments": (WIDE, ["space.target=strangers.go", "+space.arguments.width=3"]),
    "an argument with its default": ([*OWN, "space.arguments={}"], ["space.target=strangers.go"]),
    "a mapping": (["space.operations={a: {_target_: strangers.go, n: 1}}"],) * 2,
    "the folder of files": (FILES, FILES[:2]),
    "its values": ([*FILES, "epochs=3"], FILES[:2]),
    "the environment": (["name='${oc.env:HOME}'"],) * 2,
    "another setting's value": (["learning_rate=${retraining.learning_rate}"], []),
    "settings alone": (["epochs=3", "rule=[beta_decay]", "data=wine", "space=dense"], []),
    "parts of ours and of torch": (
        [
            *(
                "task=custom",
                "task.loss={_target_: torch.nn.SmoothL1Loss}",
                "weights_optimizer._target_=torch.optim.RMSprop",
            ),
            *("mixing=partial", "+mixing.inner._target_=darts_pl.relaxations.mixing.SinglePath"),
        ],
        [],
    ),
    "an experiment": (["+experiment=nasbench201_drnas", "hardware.threads=2"], []),
    "a path of data": (["data=images", "data.root=../elsewhere", "name=../outside"], []),
}


@pytest.mark.parametrize(
    "kind", [kind if kind in QUICK else pytest.param(kind, marks=pytest.mark.slow) for kind in GOES_ON]
)
def test_a_run_goes_on(kind: str, opened: Callable, mine: Path) -> None:
    started, again = GOES_ON[kind]
    status, _, printed = opened(*started, "hydra.run.dir=run")
    assert status == 0, printed
    status, resumed, printed = opened(*again, "resume=run")
    assert (status, resumed) == (0, [True]), printed


QUICK_REFUSALS = ("the arguments are not", "the files are not")
REFUSED = {
    "nothing is named": (OWN, [], "space.target=strangers.go"),
    "the arguments are not": (WIDE, ["space.target=strangers.go"], "space.arguments.width=3"),
    "the arguments are others": (WIDE, ["space.target=strangers.go", "+space.arguments.width=4"], "3 there, 4 here"),
    "another is named": (OWN, ["space.target=strangers.Data"], "'strangers.go' there, 'strangers.Data' here"),
    "named at another place": (OWN, ["name=strangers.go"], "space.target=strangers.go"),
    "trust=false": (OWN, ["trust=false"], "space.target=strangers.go"),
    "the files are not": (FILES, [], "configuration files of"),
}


@pytest.mark.parametrize(
    "kind", [kind if kind in QUICK_REFUSALS else pytest.param(kind, marks=pytest.mark.slow) for kind in REFUSED]
)
def test_a_run_does_not_go_on(kind: str, opened: Callable, mine: Path) -> None:
    started, again, told = REFUSED[kind]
    assert opened(*started, "hydra.run.dir=run")[0] == 0
    status, _, printed = opened(*again, "resume=run")
    assert status == 2 and told in printed


def test_files_that_are_named_do_not_cover_what_the_folder_adds(opened: Callable, mine: Path) -> None:
    assert opened(*FILES, "hydra.run.dir=run")[0] == 0
    for evil in ("+space.operations.more={_target_: strangers.go}", "space.operations.mine.depth=3"):
        rewritten(Path("run"), overrides=["space=own", evil])
        status, _, printed = opened(*FILES[:2], "resume=run")
        assert status == 2 and "space.operations.m" in printed and "python -m darts_pl.search --config-dir" in printed


def test_both_advised_commands_work(opened: Callable, mine: Path) -> None:
    assert opened(*FILES, "+space.operations.more={_target_: strangers.go}", "hydra.run.dir=run")[0] == 0
    status, _, printed = opened("resume=run")
    advised = [line.strip() for line in printed.splitlines() if line.strip().startswith("python -m darts_pl.search")]
    assert status == 2 and len(advised) == 2
    for line in advised:
        assert opened(*shlex.split(line)[3:])[:2] == (0, [True])
    assert "trust=true: taken from run/manifest.json are" in opened("resume=run", "trust=true")[2]


@pytest.mark.parametrize(
    "started", [[*FILES, *OWN[2:], "epochs=3"], *(pytest.param(w, marks=pytest.mark.slow) for w in STOPPED)]
)
def test_a_stopped_run_tells_a_command_that_goes_on(started: list[str], opened: Callable, mine: Path) -> None:
    def interrupted(config: DictConfig) -> None:
        raise KeyboardInterrupt

    place = "hydra.sweep.dir=run" if "-m" in started else "hydra.run.dir=run"
    assert opened(*started, place)[0] == 0
    words = started
    for _ in range(2):  # the second was itself told by a run that had been gone on with
        status, _, printed = opened(*words, "resume=run", task=interrupted)
        told = next(line for line in printed.splitlines() if line.startswith("stopped; continue with: "))
        assert status == 130
        words = [word for word in shlex.split(told.partition("with: ")[2])[3:] if not word.startswith("resume=")]
    status, resumed, printed = opened(*shlex.split(told.partition("with: ")[2])[3:])
    assert status == 0 and all(resumed), printed


def test_links_are_followed_in_a_folder_that_is_trusted(opened: Callable, mine: Path, tmp_path: Path) -> None:
    assert opened("epochs=3", "hydra.run.dir=run")[0] == 0
    (tmp_path / "disk").mkdir()
    Path("run", "checkpoints").symlink_to(tmp_path / "disk", target_is_directory=True)
    assert opened("resume=run")[0] == 2
    assert opened("resume=run", "trust=true")[:2] == (0, [True])


@pytest.mark.slow
def test_trust_is_of_one_command_only(opened: Callable, mine: Path) -> None:
    assert opened(*OWN, "trust=true", "hydra.run.dir=run")[0] == 0
    assert opened("resume=run")[0] == 2
    assert opened("resume=run", "trust=true")[:2] == (0, [True])
    assert opened("resume=run")[0] == 2


@pytest.mark.slow
def test_a_sweep_goes_on_where_its_code_is_named(opened: Callable, mine: Path) -> None:
    assert opened("-m", *OWN, "seed=1,2", "hydra.sweep.dir=run")[0] == 0
    assert opened("-m", "resume=run")[0] == 2
    assert opened("-m", "resume=run", "space.target=strangers.go")[:2] == (0, [True, True])
    assert opened("-m", "resume=run")[0] == 2
    assert opened("-m", "resume=run", "trust=true")[:2] == (0, [True, True])
