"""Quality against model calls, on data whose conditional distribution is known exactly.

    python tests/benchmarks/posterior.py                       all distributions and methods; about 20 minutes
    python tests/benchmarks/posterior.py --quick               a third of both
    python tests/benchmarks/posterior.py --methods ours --only tex16 grf16
    python tests/benchmarks/posterior.py --plot quality.png --out results.json

Needs torch and Pillow, no GPU and no weights. What is in the file given with --out is not run again. Results and what
was learned from them: NOTES.md beside this file.
"""

import argparse
import sys
from pathlib import Path

HERE = Path(__file__).resolve().parent
sys.path[:0] = [str(HERE), str(HERE.parent)]

import conftest  # noqa: E402, F401  the tests' name for the pack
from exact import methods as groups  # noqa: E402
from exact.compare import EXACT, Results, Setting, at_equal_calls, by_problem, table  # noqa: E402
from exact.peers import peers  # noqa: E402
from exact.plot import drawn_plot  # noqa: E402
from exact.problems import MAIN, PROBLEMS  # noqa: E402
from exact.variants import variants  # noqa: E402

QUICK = ["gmm10d", "grf16", "tex16", "shapes16hard", "mix16rand"]
DEFAULT = ["ours", "stock", "peers"]


def options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--quick", action="store_true", help=f"{', '.join(QUICK)}; one set of observations")
    parser.add_argument("--only", nargs="+", choices=PROBLEMS, metavar="NAME", help=f"of {', '.join(PROBLEMS)}")
    parser.add_argument(
        "--methods", nargs="+", default=DEFAULT, help="ours, stock, peers, ablations, variants, or parts of names"
    )
    parser.add_argument("--observations", type=int, default=8, help="known regions in each set")
    parser.add_argument("--chains", type=int, default=64, help="pictures for each known region")
    parser.add_argument("--sets", type=int, nargs="+", default=None, help="seeds of the sets of observations")
    parser.add_argument("--against", default=groups.PAPER, help="the method that ratios refer to")
    parser.add_argument("--brief", action="store_true", help="only the first table")
    parser.add_argument("--plot", type=Path, help="write the plot here")
    parser.add_argument("--out", type=Path, help="keep the numbers here, and use what is there already")
    parser.add_argument("--lanpaint", type=Path, help="a checkout of LanPaint")
    return parser.parse_args()


def chosen_methods(wanted: list[str], lanpaint: Path | None) -> tuple[list[groups.Method], list[str]]:
    others, missing = peers(lanpaint)
    known = {name: make() for name, make in groups.METHODS.items()} | {"peers": others, "variants": variants()}
    chosen = {}
    for part in wanted:
        every = [m for group in known.values() for m in group]
        found = known.get(part) or [m for m in every if m.name == part] or [m for m in every if part in m.name]
        if not found:
            raise SystemExit(f"No method is called like '{part}'.")
        chosen |= {m.name: m for m in found}
    return list(chosen.values()), missing if "peers" in wanted else []


def main() -> None:
    chosen = options()
    names = chosen.only or (QUICK if chosen.quick else MAIN)
    sets = tuple(chosen.sets or ((23,) if chosen.quick else (23, 37)))
    methods, missing = chosen_methods([*chosen.methods, chosen.against], chosen.lanpaint)
    results = Results(Setting(chosen.observations, chosen.chains, sets), chosen.out)
    results.run(names, methods, lambda line: print(line, file=sys.stderr, flush=True))

    shown = [m.name for m in methods]
    print(
        f"\nRelative to {chosen.against}; {len(names)} distributions, {chosen.observations * len(sets)} observations.\n"
    )
    print(table(results, names, [*shown, EXACT], chosen.against))
    if not chosen.brief:
        print("\nEnergy distance to the exact conditional, mean ± standard error over observations:\n")
        print(by_problem(results, names, [*shown, EXACT]))
    autos, fixed = ([m for m in shown if m.startswith(start)] for start in ("auto ", "fixed r "))
    if autos and len(fixed) > 1:
        print(
            f"\nRepeats decided picture by picture, against fixed numbers:\n\n{at_equal_calls(results, names, autos, fixed)}"
        )
    for line in missing:
        print(f"\n{line}")
    if chosen.plot:
        drawn_plot(results, names, methods, chosen.against).save(chosen.plot)


if __name__ == "__main__":
    main()
