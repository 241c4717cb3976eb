"""Makes the tables and pictures of docs/performance.md from what the benchmarks saved.

    python -m benchmarks.report

Between `<!-- NAME -->` and `<!-- end -->` the page is made from `benchmarks/results/NAME.json`;
where that is missing, what stands there stays. What is outside of such places is written by hand,
and has no figures.
"""

import math
import re
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from benchmarks import pictures, results
from benchmarks.pictures import BLUE, GREEN, GREY, ORANGE, PURPLE, RED, SKY, YELLOW

PAGE = Path(__file__).parents[1] / "docs" / "performance.md"
OURS, SCRIPT = "unvoiced, sealed object to receipt", "the article's script"
LHOTSE = ("Lhotse, lilcom", "Lhotse, numpy files")
STORED = "unvoiced, arrays as float16 (the default)"
INSIDE = ("decode, resample", "extraction")
STAGE_COLOURS = {
    "decode, resample": SKY,
    "extraction": BLUE,
    "HPKE": ORANGE,
    "digests": YELLOW,
    "stores": GREEN,
    "log, receipts, journal": PURPLE,
    "the rest": GREY,
    "Prefect": RED,
}
Results = Mapping[str, Any]


def main() -> None:
    """Rewrite what can be rewritten; say what could not."""
    page = PAGE.read_text("utf-8")
    for name, section in SECTIONS.items():
        place = re.compile(rf"(<!-- {name} -->\n).*?(\n<!-- end -->)", re.DOTALL)
        if not place.search(page):
            raise SystemExit(f"{PAGE} has no place for {name}")
        try:
            text = section()
        except FileNotFoundError as missing:
            print(f"{name}: stays as it is; {Path(str(missing.filename)).name} is missing")
            continue
        page = place.sub(lambda match, text=text: match[1] + text + match[2], page)
        print(f"{name}: made anew")
    PAGE.write_text(page, "utf-8")


def table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """A table in Markdown; all columns but the first are figures."""
    rule = ["---", *("---:" for _ in head[1:])]
    return "\n".join(f"| {' | '.join(cells)} |" for cells in (head, rule, *rows))


def origin(content: Results) -> str:
    """Where and when the figures were measured, in one line."""
    machine = content["machine"]
    audio = content["measured"].get("audio")
    packages = ", ".join(
        f"{name} {machine[name]}" for name in ("numpy", "numba", "librosa") if name in machine
    )
    heard = f"; {audio}" if audio else ""
    return (
        f"*{machine['processor']}, {machine['cores']} cores; Python {machine['python']}, "
        f"{packages}; {content['date']}{heard}.*"
    )


def extraction() -> str:
    """(a) Ratios to librosa by length, and the differences."""
    content = results.read("extraction")
    framings: Results = content["measured"]["framings"]
    parts = [origin(content)]
    for framing, by_length in framings.items():
        for what in next(iter(by_length.values())):
            lengths = [length for length in by_length if what in by_length[length]]
            head = [f"{what}, {framing}", *(f"{one}: µs / x librosa" for one in lengths), "dB"]
            peers = by_length[lengths[0]][what]
            rows = [
                [
                    name,
                    *(cost_and_ratio(by_length[one][what][name]) for one in lengths),
                    apart(max_difference(by_length[one][what][name] for one in lengths)),
                ]
                for name in peers
            ]
            parts.append(table(head, rows))
    framing, by_length = next(iter(framings.items()))
    panels = {
        f"{what}, 10 s, {framing}": [
            (name, one["ratio"], bar_colour(name)) for name, one in peers.items()
        ]
        for what, peers in by_length["10 s"].items()
    }
    axis = "times as fast as librosa (CPU, one thread)"
    picture = pictures.ratio_bars(panels, axis, "extraction")
    parts.insert(1, f"![Extraction: how many times as fast as librosa]({picture})")
    return "\n\n".join(parts)


def cost_and_ratio(one: Results) -> str:
    """Microseconds, and the ratio."""
    return f"{one['cpu'] * 1e6:,.0f} / {one['ratio']:.1f}"


def max_difference(found: Any) -> float | None:
    """The largest of the differences, or None where there are none."""
    known = [one["difference"] for one in found if one["difference"] is not None]
    return max(known) if known else None


def apart(decibels: float | None) -> str:
    """A difference as the table shows it."""
    if decibels is None:
        return "other numbers"
    return f"{decibels:.0e}" if decibels else "0"


def bar_colour(name: str) -> str:
    """Ours stands out; what has other numbers stands back."""
    if name.startswith("unvoiced"):
        return BLUE
    return GREY if "numbers" in name else ORANGE


def end_to_end() -> str:
    """(b) CPU by format, and the ratios to ours."""
    content = results.read("end_to_end")
    parts = [origin(content)]
    panels = {}
    for place, where in (("disk", "on disk"), ("seaweedfs", "on SeaweedFS")):
        by_format: Results = content["measured"][place]
        peers = [SCRIPT, *(LHOTSE if place == "disk" else ())]
        head = [f"10 s, {where}: ms a recording", "unvoiced", *(f"{one} (x ours)" for one in peers)]
        rows = [
            [
                form,
                f"{taken[OURS] * 1e3:.2f}",
                *(f"{taken[one] * 1e3:.2f} ({taken[one] / taken[OURS]:.1f})" for one in peers),
            ]
            for form, taken in by_format.items()
        ]
        parts.append(table(head, rows))
        for form, taken in by_format.items():
            panels[f"{form}, {where} (unvoiced: {taken[OURS] * 1e3:.2f} ms)"] = [
                (one, taken[one] / taken[OURS], ORANGE if one == SCRIPT else GREY) for one in peers
            ]
    first = next(iter(content["measured"]["disk"].values()))
    others = [name for name in first if name.startswith("unvoiced,") and name != OURS]
    said = "; ".join(f"{name.partition(', ')[2]} {first[name] * 1e3:.2f} ms" for name in others)
    parts.append(f"Ours of WAV 16 kHz with other feature sets: {said}.")
    axis = "CPU a recording, as a multiple of unvoiced's (the dotted line)"
    picture = pictures.ratio_bars(panels, axis, "end-to-end")
    parts.insert(1, f"![CPU a recording as a multiple of unvoiced's]({picture})")
    return "\n\n".join(parts)


def split() -> dict[str, dict[str, float]]:
    """CPU seconds a recording by format and stage, Prefect's added."""
    content = results.read("stages")
    added = results.read("prefect_share")["measured"]["per_recording_at_256"]
    return {
        form: {
            stage: added if stage == "Prefect" else measured["stages"][stage]
            for stage in STAGE_COLOURS
        }
        for form, measured in content["measured"]["formats"].items()
    }


def around(stages: Mapping[str, float]) -> float:
    """The share of what is neither decoding nor extraction."""
    return 1 - sum(stages[name] for name in INSIDE) / sum(stages.values())


def stages() -> str:
    """(c) Where the time goes."""
    content = results.read("stages")
    parts = split()
    head = ["µs a recording of 10 s", *STAGE_COLOURS, "neither decode nor extraction"]
    rows = [
        [
            form,
            *(f"{measured[stage] * 1e6:,.0f}" for stage in STAGE_COLOURS),
            f"{around(measured):.0%}",
        ]
        for form, measured in parts.items()
    ]
    clock = [
        one["clocked"] / one["unclocked"] - 1 for one in content["measured"]["formats"].values()
    ]
    picture = pictures.stacked_bars(parts, STAGE_COLOURS, "split")
    return "\n\n".join(
        [
            origin(content),
            f"![Share of CPU by stage and format]({picture})",
            table(head, rows),
            f"Rounds with the clock took {min(clock):+.0%} to {max(clock):+.0%} of those without.",
        ]
    )


def prefect() -> str:
    """(e) What Prefect adds."""
    content = results.read("prefect_share")
    measured: Results = content["measured"]
    head = [
        f"{measured['recordings']:,} recordings of 10 s, CPU s",
        *("own process", "workers", "server", "task runs"),
    ]
    rows = [
        [
            name,
            *(f"{measured[kind][one]:.1f}" for one in ("own", "workers", "server")),
            f"{measured[kind]['tasks']:.0f}",
        ]
        for kind, name in (("flow", "the flow"), ("script", "the same workers, no Prefect"))
    ]
    return "\n\n".join(
        [
            origin(content),
            table(head, rows),
            f"Prefect's share of this run is {measured['prefect']:.1f} s, "
            f"{measured['share']:.0%}: {measured['once']:.1f} s a flow run, whatever its size, and "
            f"{measured['task_run'] * 1e3:.0f} ms a task run, which is "
            f"{measured['per_recording_at_256'] * 1e6:.0f} µs a recording at 256 a task.",
        ]
    )


def scale() -> str:
    """(d) How cost grows with the number of samples."""
    content = results.read("scale")
    measured: Results = content["measured"]
    sizes = sorted({n for one in measured.values() for n in one["N"]})
    head = ["CPU s / MB grown", *(f"{n:,}" for n in sizes), "growth"]
    rows = []
    for name, one in measured.items():
        cells = {
            n: f"{cpu:,.2f} / {grown:,.0f}"
            for n, cpu, grown in zip(one["N"], one["cpu_seconds"], one["grown_mb"], strict=True)
        }
        slope = last_slope(one["N"], one["cpu_seconds"])
        rows.append([name, *(cells.get(n, "") for n in sizes), f"{slope:.2f}"])
    panels = {
        "CPU seconds": {name: (one["N"], one["cpu_seconds"]) for name, one in measured.items()},
        "MB that memory grew by": {
            name: (one["N"], [max(mb, 0.1) for mb in one["grown_mb"]])
            for name, one in measured.items()
        },
    }
    picture = pictures.growth(panels, "samples", "scale", {"CPU seconds": 0.001})
    notes = [f"{name}: {one['note']}." for name, one in measured.items() if one.get("note")]
    return "\n\n".join(
        [origin(content), f"![CPU and memory by samples]({picture})", table(head, rows), *notes]
    )


def last_slope(xs: Sequence[float], ys: Sequence[float]) -> float:
    """By which power of x, y grew in the last step; nan where that cannot be told."""
    if len(xs) < 2 or min(ys[-2:]) <= 0:
        return math.nan
    return math.log(ys[-1] / ys[-2]) / math.log(xs[-1] / xs[-2])


def log() -> str:
    """(d) What the log costs as it grows."""
    content = results.read("log")
    by_size: dict[int, Results] = {
        int(size): figures for size, figures in content["measured"].items()
    }
    sizes = sorted(by_size)
    names = [name.removesuffix(", CPU ms") for name in by_size[sizes[0]] if ", CPU ms" in name]
    head = ["CPU ms (MiB)", *(f"{n:,} leaves" for n in sizes)]
    rows = [
        [
            name,
            *(
                f"{by_size[n][f'{name}, CPU ms']:,.1f} ({by_size[n][f'{name}, MiB']:,.0f})"
                for n in sizes
            ),
        ]
        for name in names
    ]
    panels = {
        title: {
            name: (sizes, [max(by_size[n][f"{name}, {unit}"], least) for n in sizes])
            for name in names
            if name != "build"
        }
        for title, unit, least in (("CPU ms", "CPU ms", 0.01), ("MiB of memory", "MiB", 0.1))
    }
    picture = pictures.growth(panels, "leaves", "log", {"CPU ms": 0.1})
    return "\n\n".join(
        [origin(content), f"![CPU and memory by leaves]({picture})", table(head, rows)]
    )


def reading() -> str:
    """What reading features costs."""
    content = results.read("reading")
    measured: Results = content["measured"]
    paths = list(dict.fromkeys(path for taken in measured.values() for path in taken))
    head = ["µs a sample (ours to theirs)", *measured]
    rows = [
        [
            path,
            *(
                f"{taken[path] * 1e6:,.0f} ({taken[path] / taken['unvoiced']:.2f})"
                if path in taken
                else ""
                for taken in measured.values()
            ),
        ]
        for path in paths
    ]
    return f"{origin(content)}\n\n{table(head, rows)}"


def s3() -> str:
    """What a call to S3 costs our side."""
    content = results.read("s3")
    calls: Results = content["measured"]["one thread"]
    disposal: Results = content["measured"]["delete and observe"]
    clients = list(dict.fromkeys(name for one in calls.values() for name in one))
    rows = [
        [call, *(f"{one[name] * 1e3:.2f}" if name in one else "" for name in clients)]
        for call, one in calls.items()
    ]
    ways = [[way, f"{seconds * 1e3:.2f}"] for way, seconds in disposal.items()]
    return "\n\n".join(
        [
            origin(content),
            table(["CPU ms an object, one thread", *clients], rows),
            table(["delete and observe: CPU ms an object", "boto3"], ways),
        ]
    )


def goals() -> str:
    """What issue 6 asked for, and what was measured."""
    ratio = results.read("extraction")["measured"]["framings"]["n_fft 512, window 400"]["10 s"]
    disk: Results = results.read("end_to_end")["measured"]["disk"]
    wav, flac = disk["WAV 16 kHz"], disk["FLAC 16 kHz"]
    every = ratio["log-mel, 20 MFCCs, deltas"]
    twice = every["librosa, mfcc(y): the spectrogram twice"]["cpu"] / every[STORED]["cpu"]
    share = around(split()["WAV 16 kHz"])
    lilcom, files = (wav[one] / wav[OURS] for one in LHOTSE)
    rows = [
        ["log-mel, 10 s: 8 x librosa", as_stored(ratio["log-mel"])],
        [
            "log-mel, 20 MFCCs, deltas, 10 s: 20 x librosa",
            f"{as_stored(every)}; {twice:.1f} where librosa's takes the spectrogram twice",
        ],
        ["10 s WAV to receipt: 8 x the article's script", f"{wav[SCRIPT] / wav[OURS]:.1f}"],
        [
            "10 s WAV to receipt: 1.5 x Lhotse, not encrypted",
            f"{lilcom:.1f} (lilcom), {files:.1f} (numpy files)",
        ],
        ["FLAC: 4 x the article's script", f"{flac[SCRIPT] / flac[OURS]:.1f}"],
        ["neither decoding nor extraction, WAV 16 kHz: under 35 %", f"{share:.0%}"],
    ]
    rows += log_goals() + memory_goals()
    return table(["goal", "measured"], rows)


def as_stored(measured: Results) -> str:
    """The ratio to librosa with arrays as they are stored by default, and as librosa's are."""
    stored, same = measured[STORED]["ratio"], measured["unvoiced"]["ratio"]
    return f"{stored:.1f}; {same:.1f} with arrays as float32"


def log_goals() -> list[list[str]]:
    """Those of the log, where it was measured at 1e6 leaves."""
    try:
        million: Results = results.read("log")["measured"]["1000000"]
    except (FileNotFoundError, KeyError):
        return []
    append = max(million["append accepted, CPU ms"], million["append disposed, CPU ms"])
    return [
        ["1e6 leaves: append of 256 under 50 ms", f"{append:.0f} ms"],
        ["1e6 leaves: proof under 10 ms", f"{million['proof, log open, CPU ms']:.1f} ms"],
        ["1e6 leaves: verified in under a minute", f"{million['verify, CPU ms'] / 1e3:.0f} s"],
    ]


def memory_goals() -> list[list[str]]:
    """That of a run's memory, where it was measured (`python -m benchmarks.ingest_memory`)."""
    try:
        runs: list[Results] = results.read("ingest_memory")["measured"]["runs"]
    except FileNotFoundError:
        return []
    sizes = " / ".join(f"{one['recordings']:,}" for one in runs)
    peaks = " / ".join(f"{one['flow']:.0f} + {one['worker']:.0f}" for one in runs)
    return [[f"ingest memory the same for {sizes} recordings", f"{peaks} MiB, flow + worker"]]


SECTIONS: dict[str, Callable[[], str]] = {
    "goals": goals,
    "extraction": extraction,
    "end_to_end": end_to_end,
    "stages": stages,
    "prefect_share": prefect,
    "scale": scale,
    "log": log,
    "s3": s3,
    "reading": reading,
}

if __name__ == "__main__":
    main()
