"""The command line of a domain: verbs, flags read from dataclasses and builders, errors, exit codes.

Nothing heavy is imported until a verb has flags that it can work with: help answers at once.
"""

from __future__ import annotations

import contextlib
import dataclasses
import errno
import itertools
import json
import os
import re
import signal
import sys
import traceback
from collections.abc import Callable, Sequence
from importlib import import_module
from pathlib import Path
from typing import Any, Literal

from data.errors import BadInput
from pipelines.domain import Domain, Verb
from pipelines.exit_codes import BAD_INPUT, DONE, FAILED, INTERRUPTED, STOPPED
from pipelines.flags import Usage, flag, parse, positional
from pipelines.options import describe_builder, did_you_mean, options_dataclass
from pipelines.quiet import start_tensorflow
from pipelines.run import COUNTS, Model, Other, Run
from pipelines.serve.folder import ExportError, find, is_uri
from pipelines.signals import Stopped
from pipelines.stored_run import read_run

Answer = dict[str, Any] | None


def main(domain: Domain) -> None:
    """Run one verb of a domain and exit."""
    verbs: dict[str, Callable[..., Answer]]
    verbs = {"train": _train, "evaluate": _evaluate, "predict": _predict, "export": _export}
    verbs |= {name: _own_verb(verb) for name, verb in domain.verbs.items()}
    program = f"python -m pipelines.{domain.name}"
    run_verb(verbs, program, lambda: _usage(domain, program, verbs), domain)


def _own_verb(verb: Verb) -> Callable[..., Answer]:
    def carry_out(domain: Domain, arguments: Sequence[str], program: str) -> Answer:
        return import_module(verb.module).main(domain, arguments, program)

    return carry_out


def run_verb(verbs: dict[str, Callable[..., Answer]], program: str, usage: Callable[[], str], *context: Any) -> None:
    """Find the verb on the command line, run it, print what it answers, exit with the house's codes."""
    arguments = sys.argv[1:]
    if not arguments or arguments[0] in ("-h", "--help"):
        print(usage())
        sys.exit(DONE)
    as_json = "--json" in arguments
    with contextlib.suppress(ValueError):  # not in the main thread, as under Ray, where Python takes no handlers
        signal.signal(signal.SIGTERM, _interrupt)
    try:
        answer = _verb(verbs, arguments[0])(*context, arguments[1:], f"{program} {arguments[0]}")
        if as_json and answer:
            from pipelines.runs import clean

            print(json.dumps(clean(answer), indent=2))
        code = DONE
    except BaseException as error:
        code = _tell(error, as_json, stopped=STOPPED if arguments[0] == "train" else INTERRUPTED)
    sys.stdout.flush()
    sys.exit(code)


def _verb(verbs: dict[str, Callable[..., Answer]], name: str) -> Callable[..., Answer]:
    if name not in verbs:
        raise BadInput(f"unknown verb{did_you_mean(name, verbs)}", wanted="one of " + ", ".join(verbs), got=name)
    return verbs[name]


def _interrupt(number: int, frame: Any) -> None:
    raise KeyboardInterrupt


def _tell(error: BaseException, as_json: bool, stopped: int) -> int:
    """Print an error for whom it may concern; returns the exit code, `stopped` after a signal."""
    if isinstance(error, SystemExit):
        return error.code if isinstance(error.code, int) else DONE
    if isinstance(error, BrokenPipeError):  # the reader of our output has gone, as `head` does
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return DONE
    full = False
    if isinstance(error, KeyboardInterrupt):
        told, code = {"what": "stopped by a signal"}, stopped
    elif isinstance(error, BadInput):
        told, code = {"what": error.what, "wanted": error.wanted, "got": error.got, "where": error.where}, BAD_INPUT
    elif full := os.strerror(errno.ENOSPC) in str(error):  # of TensorFlow's own kind where it writes a model
        from pipelines.runs import root

        told, code = {"what": "the disk is full", "where": str(getattr(error, "filename", "") or root())}, FAILED
    else:
        told, code = {"what": f"{type(error).__name__}: {error}"}, FAILED
    if as_json:
        print(json.dumps({"error": {"what": "", "wanted": "", "got": "", "where": "", **told}}))
    if isinstance(error, Usage):
        print(error.text, end="", file=sys.stderr)
    else:
        place = f" ({told['where']})" if told.get("where") else ""
        print(f"error: {error if isinstance(error, BadInput) else told['what'] + place}", file=sys.stderr)
        if isinstance(error, Stopped):
            print("the state was saved; the same command with --resume auto goes on from it", file=sys.stderr)
    if code == FAILED and not full and not isinstance(error, OSError):
        traceback.print_exception(error)
    return code


def _usage(domain: Domain, program: str, verbs: dict[str, Any]) -> str:
    lines = [f"usage: {program} VERB [...]", "", domain.summary, "", "verbs:"]
    about = {
        "train": "train [RECIPE | RUN.json] [--data.* --model.* --fit.* --seed N --seeds N --folds K --resume RUN]",
        "evaluate": "evaluate [MODEL] [FILE] [--json]",
        "predict": "predict [MODEL] FILE [--out FILE] [--json]",
        "export": "export [MODEL] --out FOLDER [--json]",
    }
    about |= {name: verb.usage for name, verb in domain.verbs.items()}
    lines += [f"  {about[verb]}" for verb in verbs]
    lines += [
        "",
        "MODEL: a run folder, an export folder or models:/NAME@ALIAS; without one, the domain's champion.",
        "",
    ]
    width = max(map(len, domain.recipes)) + 2
    lines += ["recipes:", *(f"  {name:<{width}}{run.source}" for name, run in domain.recipes.items())]
    return "\n".join([*lines, "", f"{program} train RECIPE --help lists the flags of a recipe."])


def _train(domain: Domain, arguments: Sequence[str], program: str) -> Answer:
    words, flags = positional(arguments)
    if len(words) > 1:
        raise BadInput("one recipe at a time", wanted="train [RECIPE | RUN.json] and flags", got=" ".join(words))
    word = words[0] if words else ""
    stored = _resumed(domain, flags)
    if word.endswith(".json"):
        recipe = read_run(Path(word), domain)
        if recipe.domain != domain.name:
            raise BadInput("a run of another domain", wanted=domain.name, got=recipe.domain, where=word)
    else:
        recipe = stored if stored and not word else domain.recipe(word)
    try:
        parsed = parse(_train_flags(domain, recipe), flags, f"{program} {word or recipe.recipe}", _about(recipe))
    except Usage:
        _refuse_recipe_behind(flags, domain)
        raise
    run = recipe.with_(
        data=parsed.data,
        model=Model(recipe.model.builder, dataclasses.asdict(parsed.model)),
        fit=parsed.fit,
        others=tuple(_other(domain, name) for name in parsed.others) or recipe.others,
        **{name: getattr(parsed, name) for name in COUNTS},
    )
    domain.check(run)
    start_tensorflow()
    from pipelines.outcome import Session
    from pipelines.report import Report
    from pipelines.runs import find_run
    from pipelines.train import train, unfinished

    folder = None
    if parsed.resume == "auto":
        folder = unfinished(domain, run)
    elif parsed.resume:
        folder = find_run(domain.name, parsed.resume)
        _same_run(run, read_run(folder.path / "run.json", domain), folder.path)
    name = parsed.name or domain.name
    if not re.fullmatch(r"\w[\w.-]*", name, re.ASCII):
        raise BadInput("--name cannot name a folder", wanted="letters, digits, . _ and -", got=name)
    session = Session(domain, Report(parsed.json), name, parsed.checkpoint_minutes, parsed.profile)
    return train(session, run, folder)


def _other(domain: Domain, name: str) -> Other:
    model = domain.recipe(name).model
    return Other(model.builder, model.options, name)


def _refuse_recipe_behind(flags: Sequence[str], domain: Domain) -> None:
    """Say where a recipe stands that was named behind flags, of which it is no value."""
    end = flags.index("--others") if "--others" in flags else len(flags)  # which recipes follow
    for before, word in itertools.pairwise(flags[:end]):
        valued = before.startswith("--") and "=" not in before and before not in ("--json", "--profile")
        if word in domain.recipes and not valued:
            raise BadInput("a recipe behind flags", wanted=f"train {word} and flags after it", got=" ".join(flags))


def _resumed(domain: Domain, flags: Sequence[str]) -> Run | None:
    """The Run that `--resume RUN` names: without a recipe, its values are the defaults of the flags."""
    for flag_, value in itertools.pairwise([*flags, ""]):
        name, _, joined = flag_.partition("=")
        place = joined or value
        if name == "--resume" and place != "auto":
            from pipelines.runs import find_run

            return read_run(find_run(domain.name, place).path / "run.json", domain)
    return None


def _same_run(run: Run, stored: Run, where: Path) -> None:
    """Refuse to go on with a checkpoint of another Run.

    Raises:
        BadInput: naming the fields that differ.
    """
    if differ := stored.differences(run):
        wanted = ", ".join(f"{name} {theirs}" for name, (theirs, _) in differ.items())
        got = ", ".join(f"{name} {ours}" for name, (_, ours) in differ.items())
        raise BadInput("a checkpoint of another Run", wanted=wanted, got=got, where=str(where))


def _about(recipe: Run) -> str:
    builder = describe_builder(recipe.model.builder)
    result = f" Measured: {recipe.result}" if recipe.result else ""
    return f"Train {recipe.recipe}: {builder.summary} Source: {recipe.source}.{result}"


def _train_flags(domain: Domain, recipe: Run) -> type:
    """The flags of `train` for one recipe: its values are the defaults."""
    model = options_dataclass(recipe.model.builder, recipe.model.options)
    fields = {
        "data": (domain.data, dataclasses.field(default=recipe.data)),
        "model": (model, dataclasses.field(default_factory=model)),
        "fit": (domain.fit, dataclasses.field(default=recipe.fit)),
        "seed": flag(int, "of the weights, the order of the rows, dropout and the split", recipe.seed),
        "seeds": flag(int, "train so many seeds, counted up from --seed; scores are means", recipe.seeds),
        "split_seed": flag(int, "of the split, where that is not --seed; -1 for the same", recipe.split_seed),
        "others": flag(tuple[str, ...], "recipes whose architectures are trained besides, each with every seed", ()),
        "combine": flag(
            Literal["best", "mean", "stacking"],
            "what several seeds or architectures become: the best on validation, or an ensemble on one split",
            recipe.combine,
        ),
        "folds": flag(int, "train so many folds of the data, each held out in turn; 0 for one split", recipe.folds),
        "fold": flag(int, "of these folds, the one to hold out, counted from 0; -1 for all", recipe.fold),
        "resume": flag(str, "run folder to go on with; auto: the newest unfinished one of this very command", ""),
        "checkpoint_minutes": flag(float, "minutes between checkpoints within an epoch; each epoch has one", 5.0),
        "name": flag(str, "name of the exported and registered model; the domain's where empty", ""),
        "profile": flag(bool, "trace one epoch; profile/profile.md of the run says where its time went", False),
        "json": flag(bool, "print one JSON object on stdout, everything else on stderr", False),
    }
    return dataclasses.make_dataclass("Train", [(name, *field) for name, field in fields.items()], frozen=True)


@dataclasses.dataclass(frozen=True)
class EvaluateFlags:
    """Scores of a model on a labelled file; on the test rows of its own run where there is no file.

    Attributes:
        json: print one JSON object on stdout, everything else on stderr.
    """

    json: bool = False


@dataclasses.dataclass(frozen=True)
class PredictFlags:
    """A copy of a file with the model's answers as further columns.

    Attributes:
        out: file to write to; stdout without it.
        json: print one JSON object on stdout, everything else on stderr; beside --out.
    """

    out: str = ""
    json: bool = False


@dataclasses.dataclass(frozen=True)
class ExportFlags:
    """A copy of a model's export where a server looks for it.

    Attributes:
        out: folder to write NAME/VERSION into; must be given.
        json: print one JSON object on stdout, everything else on stderr.
    """

    out: str = ""
    json: bool = False


def _evaluate(domain: Domain, arguments: Sequence[str], program: str) -> Answer:
    words, flags = _model_words(EvaluateFlags, arguments, program, "[MODEL] [FILE]")
    model, file = model_and_file(words)
    return _verbs().evaluate(domain, model, file, json=flags.json)


def _predict(domain: Domain, arguments: Sequence[str], program: str) -> Answer:
    words, flags = _model_words(PredictFlags, arguments, program, "[MODEL] FILE")
    model, file = model_and_file(words)
    if not file:
        raise BadInput("predict: no file", wanted="predict [MODEL] FILE", got=" ".join(words) or "nothing")
    if flags.json and not flags.out:
        raise BadInput("predict: stdout cannot hold both rows and JSON", wanted="--out FILE beside --json")
    return _verbs().predict(domain, model, file, flags.out)


def _export(domain: Domain, arguments: Sequence[str], program: str) -> Answer:
    words, flags = _model_words(ExportFlags, arguments, program, "[MODEL]")
    if len(words) > 1 or not flags.out:
        raise BadInput("export: where to", wanted="export [MODEL] --out FOLDER", got=" ".join(arguments) or "nothing")
    return _verbs().export(domain, words[0] if words else "", flags.out, json=flags.json)


def _model_words(kind: type, arguments: Sequence[str], program: str, takes: str) -> tuple[list[str], Any]:
    """The words of a verb that takes a model, and its flags."""
    words, flags = positional(arguments)
    what = (kind.__doc__ or "").partition("\n")[0]
    model = "MODEL: a run folder, an export folder or models:/NAME@ALIAS; else the champion."
    return words, parse(kind, flags, program, f"{program} {takes}. {what} {model}")


def model_and_file(words: Sequence[str]) -> tuple[str, str]:
    """(MODEL, FILE) from up to two words: a single word is the file unless it is the folder of a model or a URI."""
    if len(words) > 2:
        raise BadInput("too many words", wanted="[MODEL] [FILE]", got=" ".join(words))
    if len(words) == 1 and names_model(words[0]):
        return words[0], ""
    if len(words) == 1 and Path(words[0], "run.json").is_file():
        raise BadInput("a run without an export", wanted="one that ended; train --resume goes on with it", got=words[0])
    if len(words) == 2:
        return words[0], words[1]
    return "", words[0] if words else ""


def names_model(word: str) -> bool:
    """Whether it is a URI or a folder with an export, and not one of data."""
    with contextlib.suppress(ExportError):
        return is_uri(word) or bool(find(Path(word)))
    return False


def _verbs() -> Any:
    start_tensorflow()
    from pipelines import verbs

    return verbs
