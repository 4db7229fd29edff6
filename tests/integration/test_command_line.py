"""The command line: help without heavy imports, flags read from builders, errors and exit codes."""

import json

import pytest

from .conftest import python

HEAVY = ("tensorflow", "keras", "mlflow", "sklearn", "matplotlib")

LIGHT_COMMANDS = [
    ["-m", "pipelines"],
    ["-m", "pipelines", "list"],
    ["-m", "pipelines", "list", "--json"],
    ["-m", "pipelines", "describe", "cnn", "--help"],
    ["-m", "pipelines", "doctor", "--help"],
    ["-m", "pipelines", "sync", "--help"],
    ["-m", "pipelines", "models", "--help"],
    ["-m", "pipelines", "launch", "--help"],
    ["-m", "pipelines", "sweep", "--help"],
    ["-m", "pipelines.genomics"],
    ["-m", "pipelines.genomics", "--help"],
    ["-m", "pipelines.genomics", "train", "--help"],
    ["-m", "pipelines.genomics", "train", "resnet", "--help"],
    ["-m", "pipelines.genomics", "evaluate", "--help"],
    ["-m", "pipelines.genomics", "predict", "--help"],
    ["-m", "pipelines.genomics", "export", "--help"],
    ["-m", "pipelines.genomics", "explain", "--help"],
    ["-m", "pipelines.genomics", "variants", "--help"],
    ["-m", "pipelines.citations", "explain", "--help"],
    ["-m", "pipelines.economics", "reconcile", "--help"],
    ["-m", "pipelines.images", "robustness", "--help"],
    ["-m", "pipelines.serve", "--help"],
    ["-m", "pipelines.ray", "--help"],
]


@pytest.mark.parametrize("command", LIGHT_COMMANDS, ids=" ".join)
def test_help_and_lists_import_nothing_heavy(command):
    code = (
        "import runpy, sys\n"
        f"sys.argv = [{command[1]!r}, *{command[2:]!r}]\n"
        "try:\n"
        f"    runpy.run_module({command[1]!r}, run_name='__main__', alter_sys=True)\n"
        "except SystemExit as stop:\n"
        "    assert stop.code in (0, None), stop.code\n"
        f"loaded = [name for name in {HEAVY!r} if name in sys.modules]\n"
        "assert not loaded, loaded\n"
    )
    done = python("-c", code)
    assert done.returncode == 0, done.stderr
    assert done.stdout.strip()


def test_the_help_of_a_recipe_shows_the_builder_s_own_words_and_the_recipe_s_values():
    help_text = " ".join(python("-m", "pipelines.genomics", "train", "lstm", "--help").stdout.split())
    assert "--model.cell {rnn,lstm,gru}" in help_text
    assert "(default: lstm)" in help_text


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (["train", "wide_dep"], "did you mean 'wide_deep'?"),
        (["train", "wide_deep", "cnn"], "one recipe at a time"),
        (["train", "--fit.epochs", "1", "cnn"], "a recipe behind flags; wanted train cnn and flags after it"),
        (["train", "cnn", "--others", "wide_dep"], "did you mean 'wide_deep'?"),
        (["train", "--fit.epocs", "3", "--others", "cnn", "lstm"], "--fit.epochs"),
        (["train", "--fit.epocs", "3"], "--fit.epochs"),
        (["train", "--model.kernal_size", "3"], "--model.kernel_size"),
        (["train", "--fit.epochs", "many"], "invalid literal"),
        (["train", "--fit.epochs", "0"], "fit.epochs cannot work"),
        (["train", "--folds", "1"], "folds cannot work; wanted 0, or 2 or more, got 1"),
        (["train", "--folds", "3", "--seeds", "2"], "seeds cannot work; wanted 1 beside folds, got 2"),
        (["train", "no/such/run.json"], "cannot read the run"),
        (["train", "--name", "../../elsewhere"], "--name cannot name a folder"),
        (["train", "--resume", "no-such-run"], "no such run"),
        (["trian"], "did you mean 'train'?"),
        (["predict"], "predict: no file"),
        (["export"], "export [MODEL] --out FOLDER"),
        (["train", "--data.path", "no/such/file.csv"], "no/such/file.csv"),
    ],
)
def test_a_wrong_command_line_exits_with_2_and_says_what_was_wanted(arguments, told, tmp_path):
    done = python("-m", "pipelines.genomics", *arguments, env={"INDUCTIVE_RUNS": str(tmp_path), "PATH": ""})
    assert done.returncode == 2
    assert told in " ".join(done.stderr.split())
    assert done.stdout == ""
    assert not list(tmp_path.iterdir()), "a refused command left something behind"


def test_with_json_an_error_is_one_object_with_its_four_parts():
    done = python("-m", "pipelines.genomics", "train", "wide_dep", "--json")
    error = json.loads(done.stdout)["error"]
    assert set(error) == {"what", "wanted", "got", "where"}
    assert error["got"] == "wide_dep"
    assert done.returncode == 2


def test_predict_refuses_to_mix_rows_and_json_on_stdout():
    done = python("-m", "pipelines.genomics", "predict", "rows.csv", "--json")
    assert json.loads(done.stdout)["error"]["wanted"] == "--out FILE beside --json"


def test_with_json_a_flag_that_does_not_exist_is_one_object_too():
    done = python("-m", "pipelines.genomics", "train", "--fit.epocs", "3", "--json")
    assert "--fit.epochs" in json.loads(done.stdout)["error"]["what"]


def test_list_as_json_names_every_recipe_architecture_and_variant():
    found = json.loads(python("-m", "pipelines", "list", "--json").stdout)
    assert next(iter(found["domains"]["genomics"]["recipes"])) == "wide_deep"
    assert "resnet" in found["architectures"]
    assert "resnet50" in found["variants"]
