"""Draws docs/performance/growth.csv: a picture for each thing that becomes more, with a
panel each for requests and for read and write capacity units. `make performance` calls it."""

import csv
import pathlib
import sys

import matplotlib

matplotlib.use("svg")
import matplotlib.pyplot as plt  # noqa: E402  after the backend is chosen

folder = pathlib.Path(sys.argv[1])
plt.rcParams.update({
    "svg.fonttype": "none",  # text stays text: small files, and readable to screen readers
    "svg.hashsalt": "releases",  # the same ids in each run
    "font.size": 9,
    "axes.spines.top": False,
    "axes.spines.right": False,
})
# Colours that people tell apart who see no red or no green (Okabe and Ito), and a marker each.
STYLES = list(zip(["#0072B2", "#D55E00", "#009E73", "#CC79A7", "#56B4E9", "#E69F00"], "os^Dvx"))
PANELS = [("requests", "requests"), ("read", "read units"), ("write", "write units, table")]

points = {}
with open(folder / "growth.csv", newline="") as file:
    for row in csv.DictReader(file):
        points.setdefault(row["with"], {}).setdefault(row["operation"], []).append(row)

for growing, operations in points.items():
    figure, axes = plt.subplots(1, len(PANELS), figsize=(10, 3.2), layout="constrained")
    for panel, (column, label) in zip(axes, PANELS):
        for (operation, rows), (colour, marker) in zip(operations.items(), STYLES):
            panel.plot(
                [int(row["n"]) for row in rows], [float(row[column]) for row in rows],
                color=colour, marker=marker, markersize=4, linewidth=1.2, label=operation,
            )
        panel.set_xlabel(growing)
        panel.set_title(label, loc="left")
        panel.set_ylim(bottom=0)
    figure.legend(*axes[0].get_legend_handles_labels(), loc="outside lower center", ncols=6, frameon=False)
    figure.savefig(folder / f"growth-{growing.replace(' ', '-')}.svg", metadata={"Date": None, "Creator": None}, facecolor="white")
    plt.close(figure)
