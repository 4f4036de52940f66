"""A folder of pictures from the command line, on one processor or on many GPUs.

command.py    the command: options in, exit status out
settings.py   what decides the pixels, and who said it
conf.py       configuration files: ours, RePaint's, xyfJASON's
overrides.py  other values than a configuration file has
pictures.py   pictures and masks from files, results into files
masks.py      which mask belongs to a picture
files.py      files of ours: whole or not at all, told from others
run.py        a run's folder: what is done already, what is ours
manifest.py   its run.json
names.py      what pictures and results are called
plan.py       which pictures are painted together, and what that costs
painter.py    one batch through the network
worker.py     one process's share; smaller batches where one fails
processes.py  one process, or many by Accelerate
progress.py   log and progress bar
sheet.py      contact sheets
figure.py     a figure for each picture
"""

from .command import main

__all__ = ["main"]
