"""The command: options in, results and an exit status out."""

import logging
import os
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from itertools import product
from pathlib import Path

import numpy as np

from ..checkpoint import Detection
from ..checkpoint.folder import file_of
from ..recognition import Recognised, describe, read_again
from .figure import FIGURES, figure_path, save_figure
from .masks import Masks, hole_of
from .options import Job, read_options
from .painter import Painter, calls_of, check_labels, chosen_dtype, guide_of, look_at, told_beside, visited, which
from .pictures import digest, find_pictures, read_picture, read_record
from .plan import Item, Plan, share
from .processes import Processes, processes
from .progress import Progress, in_words, reason, set_up_log
from .run import Folder
from .settings import SettingsError
from .sheet import contact_sheets
from .worker import Worker

__all__ = ["main"]

ALL_DONE, SOME_FAILED, NOTHING_DONE, INTERRUPTED = 0, 1, 2, 130

log = logging.getLogger("mask_guidance")


def main(words: Sequence[str] | None = None) -> int:
    """Run the command line; returns its exit status."""
    set_up_log(rank=0, count=1)
    try:
        job = read_options(sys.argv[1:] if words is None else words)
        group = processes(job.cpu)
        set_up_log(group.rank, group.count)
        return group.leave(run(job, group))
    except SettingsError as error:
        if int(os.environ.get("RANK", 0)) == 0:  # all processes of a run have read the same words
            log.error("%s", error)
        return NOTHING_DONE
    except KeyboardInterrupt:
        log.warning("Interrupted; the same command goes on from here.")
        return INTERRUPTED


def run(job: Job, group: Processes) -> int:
    """Plan in the first process, paint in all, sum up in the first."""
    prepared = Prepared(job, group) if group.rank == 0 else None
    answer: Answer | str = group.first_says(prepared and prepared.answer)
    if isinstance(answer, str):
        if group.rank == 0:
            log.error("%s", answer)
        return NOTHING_DONE
    plan = answer.plan
    if job.dry_run:
        return SOME_FAILED if plan.bad else ALL_DONE
    started = time.monotonic()
    outcomes = group.all_say(paint_share(group, answer))
    if prepared is None:
        return ALL_DONE
    failed = plan.bad | {name: why for outcome in outcomes for name, why in outcome.failed.items()}
    stops = list(dict.fromkeys(outcome.stopped for outcome in outcomes if outcome.stopped))
    summed_up = prepared.finish(plan, failed, stops, time.monotonic() - started)
    if stops and not any(outcome.saved for outcome in outcomes):
        return NOTHING_DONE
    return ALL_DONE if summed_up and not failed else SOME_FAILED


@dataclass(frozen=True)
class Answer:
    """What the first process tells the others: the work."""

    plan: Plan
    job: Job
    detection: Detection


@dataclass(frozen=True)
class Outcome:
    """What a process says of its share.

    Attributes:
        failed: Names of pictures that were not painted, with the reason.
        saved: How many results it wrote.
        stopped: Why it gave up the rest of its share, in a sentence; empty where it did not.
    """

    failed: dict[str, str] = field(default_factory=dict)
    saved: int = 0
    stopped: str = ""


class Prepared:
    """The first process's part: find out everything, say it, begin the run, and sum it up.

    Attributes:
        answer: For all processes; where there is no work, a sentence that says why.
    """

    answer: Answer | str

    def __init__(self, job: Job, group: Processes):
        self.items: list[Item] = []
        try:
            self.answer = self.prepare(job, group)
        except SettingsError as error:
            self.answer = str(error)
        except Exception as error:  # whatever it is, the other processes wait for an answer
            self.answer = f"The run cannot begin ({reason(error)})."

    def prepare(self, job: Job, group: Processes) -> Answer:
        for note in job.notes:
            log.warning("%s", note)
        check_places(job)
        masks = Masks(job.mask_dir, job.settings.mask_type, job.mask_pairing, job.settings.seed)
        settings = replace(job.settings, dtype=chosen_dtype(job.settings.dtype, group.mixed_precision, group.device))
        job = replace(job, settings=settings)
        found = look_at(job.weights, settings)
        guide = guide_of(settings, found.detection)
        check_labels(settings.class_label, found.detection, guide)
        steps = visited(settings, found.detection)
        names = [Path(str(number)) for number in range(job.n_samples)]  # of pictures from nothing
        pictures = find_pictures(list(job.input_dir))[: job.n_samples or None] if job.input_dir else names
        self.job, self.channels = job, found.detection.channels
        files = [file_of(job.weights, which(settings)), *([Path(settings.classifier).expanduser()] if guide else [])]
        weights = {"name": job.weights.name, "sha256": "+".join(map(digest, files))}
        told = {"told": told_beside(found.detection, guide)}
        self.folder = Folder(job.save_dir, settings, weights | told, job.resume)
        self.folder.check_summaries(len(pictures) if job.contact_sheet else 0)
        self.items, bad = self.folder.items(pictures, masks, blank=not job.input_dir)
        self.folder.check_figures(self.items if job.figure else [])
        fitting = [item for item in self.items if fits(item, found.detection)]
        bad |= {item.name: misfit(item, found.detection) for item in self.items if not fits(item, found.detection)}
        self.items = fitting
        calls = {size: calls_of(settings, found.detection, size) for size in {item.size for item in self.items}}
        plan = self.folder.plan(self.items, bad, calls)
        for line in self.told(plan, found, steps, group):
            log.info("%s", line)
        for name, why in bad.items():
            log.error("%s: %s", name, why)
        if not job.dry_run:
            self.folder.begin()
        return Answer(plan=plan, job=job, detection=found.detection)

    def told(self, plan: Plan, found: Recognised, steps: int, group: Processes) -> list[str]:
        """The plan in words."""
        s, sources = self.job.settings, self.job.sources
        total = found.detection.diffusion.diffusion_steps
        told = {name: getattr(s, name) for name, source in sources.items() if source != "default"}
        chosen = [f"{name} {value} [{sources[name]}]" for name, value in told.items() if value != ""]
        several = f", {s.variants} variants each" if s.variants > 1 else ""
        return [
            *describe(found).splitlines(),
            f"settings: {'; '.join(chosen) or 'all as usual'}",
            f"{steps} of {total} timesteps ({s.skip_type}), {s.words}: {plan.span} model calls a picture; "
            f"{s.dtype} on {group.device.type}, {counted(group.count, 'process')}",
            f"{counted(plan.wanted, 'result')}{several}: {plan.done} are there, {sum(map(len, plan.groups))} to paint in "
            f"{counted(len(plan.groups), 'batch')} of up to {s.micro_batch}: {counted(plan.batch_calls, 'model call')}"
            + (f"; {counted(len(plan.bad), 'picture')} cannot be used" if plan.bad else ""),
        ]

    def finish(self, plan: Plan, failed: dict[str, str], stops: list[str], seconds: float) -> bool:
        """Sum up what came of the run.

        Args:
            failed: Pictures that were not painted, with the reason.
            stops: Why processes gave up; such a run is not at its end, and is not summed up in files.
            seconds: How long it took.

        Returns:
            Whether all is there that should be beside the results.
        """
        made = [item for item in self.items if (read_record(item.result) or {}).get("key") == item.key]
        sheets: list[Path] = []
        if not stops:
            try:
                self.folder.finish(made, failed, seconds)
                sheets = self.show(made) if made else []
            except Exception as error:
                stops = [f"What sums up the run could not be written ({reason(error)})."]
        log.info(
            "%d of %d results are in %s%s, after %s",
            len(made),
            len(self.items) + len(plan.bad) * self.job.settings.variants,
            self.job.save_dir,
            f" with {sheets[0].name}" if sheets else "",
            in_words(seconds),
        )
        if failed:
            log.error("%s not painted:", counted(len(failed), "picture"))
            for name, why in failed.items():
                log.error("  %s: %s", name, why)
        for sentence in stops:
            log.error("%s", sentence)
        return not stops

    def show(self, made: list[Item]) -> list[Path]:
        """Make contact sheets, which are given back, and figures, of the pictures that have all their results."""
        job, variants = self.job, self.job.settings.variants
        by_picture: dict[str, list[Item]] = {}
        for item in made:
            by_picture.setdefault(item.name, []).append(item)
        whole = {name: items for name, items in by_picture.items() if len(items) == variants}
        for items in whole.values() if job.figure else ():
            save_figure(figure_path(job.save_dir, items[0], variants), job.figure, items, Shown(self, items))
        rows = [(name, Shown(self, items)) for name, items in whole.items()]
        return contact_sheets(job.save_dir, rows, variants) if job.contact_sheet else []


class Shown:
    """A picture, its mask and its results, read when it is called."""

    def __init__(self, prepared: Prepared, items: list[Item]):
        self.settings, self.channels, self.items = prepared.job.settings, prepared.channels, items

    def __call__(self) -> list[np.ndarray]:
        s, item = self.settings, self.items[0]
        original = read_picture(item.picture, self.channels, s.image_size)
        mask = hole_of(item, s, original.shape[1::-1])
        return [original, mask, *(read_picture(item.result, self.channels) for item in self.items)]


def paint_share(group: Processes, answer: Answer) -> Outcome:
    """Paint this process's part."""
    mine = share(answer.plan.groups, group.rank, group.count)
    if not mine:
        return Outcome()
    worker = None
    stopped = ""
    left = sum(not item.done for batch in mine for item in batch)
    calls = sum(answer.plan.calls_of(batch) * len(batch) for batch in mine)
    progress = Progress(calls, left, shown=group.rank == 0)
    try:
        worker = worker_of(answer, group, progress)
        for batch in mine:
            worker.paint(batch)
    except Exception as error:  # whatever it is, the other processes wait for this one's outcome
        stopped = f"Stopped before the end ({reason(error)}); once that is mended, the same command goes on from here."
        if group.rank:  # the first says it at the end, and that may be hours away
            log.error("%s", stopped)
    finally:
        progress.close()
    return Outcome(worker.failed, worker.saved, stopped) if worker else Outcome(stopped=stopped)


def worker_of(answer: Answer, group: Processes, progress: Progress) -> Worker:
    job = answer.job
    found = read_again(job.weights, which(job.settings), answer.detection)
    weights = {"name": job.weights.name, "sha256": answer.plan.weights}
    painter = Painter(found, job.settings, group.device, guide_of(job.settings, answer.detection))
    return Worker(painter, weights, progress.on_call, progress.on_result)


def counted(number: int, noun: str) -> str:
    """A number of things.

    >>> counted(1, "batch"), counted(3, "picture")
    ('1 batch', '3 pictures')
    """
    return f"{number} {noun}" + ("" if number == 1 else "es" if noun.endswith(("ch", "ss")) else "s")


def fits(item: Item, detection: Detection) -> bool:
    return all(side % detection.size_multiple == 0 for side in item.size)


def misfit(item: Item, detection: Detection) -> str:
    width, height = item.size
    return (
        f"{width}x{height}, but this network needs sides that are multiples of {detection.size_multiple}; "
        "crop it, or use --image_size"
    )


def check_places(job: Job) -> None:
    """Results must not fall among the pictures."""
    sources = [Path(place) for place in job.input_dir if Path(place).is_dir()]
    sources += [job.mask_dir] if job.mask_dir is not None and job.mask_dir.is_dir() else []
    targets = [job.save_dir, *([job.save_dir / FIGURES] if job.figure else [])]
    for source, target in product(sources, targets):
        if os.path.exists(target) and os.path.samefile(source, target):
            raise SettingsError(
                f"--save_dir would put files into {source}, where the originals are; choose another folder."
            )
