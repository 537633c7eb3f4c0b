"""report.html: the results of selfsup-train as pages that need no other file."""

import base64
import html
import urllib.parse

from run_files import REPRESENTATIONS

STYLE = """
:root { color-scheme: light dark; --text: #1b1f24; --quiet: #57606a; --page: #ffffff;
  --panel: #f4f6f8; --line: #d0d7de; --good: #005a8f; --bad: #a84300; }
@media (prefers-color-scheme: dark) { :root { --text: #e6e9ed; --quiet: #a0a9b4; --page: #14181d;
  --panel: #1e242b; --line: #3a424c; --good: #6cb8ec; --bad: #ff9d5c; } }
body { margin: 0 auto; max-width: 76rem; padding: 1.5rem; color: var(--text);
  background: var(--page); font: 1rem/1.5 system-ui, sans-serif; }
h1 { font-size: 1.7rem; line-height: 1.25; margin: 0 0 .3rem; }
h2 { font-size: 1.25rem; margin: 2.2rem 0 .6rem; }
a { color: var(--good); }
.quiet { color: var(--quiet); }
.tiles { display: flex; flex-wrap: wrap; gap: .8rem; margin: 1.2rem 0; }
.tile { flex: 1 1 14rem; padding: .8rem 1rem; background: var(--panel);
  border: 1px solid var(--line); border-radius: .5rem; }
.tile strong { display: block; font-size: 1.7rem; line-height: 1.3; }
.tile span { display: block; color: var(--quiet); font-size: .9rem; }
.good { border-left: .3rem solid var(--good); padding-left: .8rem; }
.bad { border-left: .3rem solid var(--bad); padding-left: .8rem; }
.scroll { overflow-x: auto; }
table { border-collapse: collapse; font-variant-numeric: tabular-nums; }
caption { text-align: left; color: var(--quiet); padding-bottom: .4rem; }
th, td { padding: .3rem .8rem; border-bottom: 1px solid var(--line); text-align: right;
  white-space: nowrap; }
th:first-child, td:first-child { text-align: left; padding-left: 0; }
thead th { vertical-align: bottom; }
td.best { font-weight: 700; }
table.settings td { text-align: left; white-space: normal; overflow-wrap: anywhere; }
.columns { columns: 2 22rem; column-gap: 2.5rem; }
.columns table { width: 100%; }
tr { break-inside: avoid; }
figure { margin: 1rem 0; }
figure img { display: block; width: 100%; height: auto; background: #fff; border-radius: .4rem; }
figcaption { color: var(--quiet); font-size: .9rem; margin-top: .4rem; }
pre { padding: .8rem 1rem; background: var(--panel); border: 1px solid var(--line);
  border-radius: .4rem; white-space: pre-wrap; overflow-wrap: anywhere; }
@media print {
  :root { color-scheme: light; --text: #000; --quiet: #444; --page: #fff; --panel: #fff;
    --line: #999; --good: #005a8f; --bad: #a84300; }
  @page { margin: 15mm; }
  body { max-width: none; padding: 0; font-size: 10pt; }
  h2 { break-after: avoid; }
  figure, .tile, pre { break-inside: avoid; }
  figure img { max-height: 235mm; object-fit: contain; object-position: left; }
}
"""

# Below this share of the healthy spread the embeddings lie in practically one point.
COLLAPSED = 0.1
SHRUNK = 0.5


def text(value):
    return html.escape(str(value))


def picture(path, alt, caption):
    data = base64.b64encode(path.read_bytes()).decode("ascii")
    return (
        f'<figure><img src="data:image/png;base64,{data}" alt="{text(alt)}">'
        f"<figcaption>{text(caption)}</figcaption></figure>"
    )


def page(title, body):
    return (
        '<!doctype html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n'
        '<meta name="viewport" content="width=device-width, initial-scale=1">\n'
        f"<title>{text(title)}</title>\n<style>{STYLE}</style>\n</head>\n<body>\n"
        + "\n".join(body)
        + "\n</body>\n</html>\n"
    )


def score_text(score, draws):
    mean, deviation = score
    return f"{mean:.1f} ± {deviation:.1f}" if draws > 1 else f"{mean:.1f}"


def classifier_names(run):
    k = run.whole("neighbours")
    neighbours = "nearest neighbour" if k == 1 else f"{k} nearest neighbours"
    return {"knn": neighbours, "probe": "linear probe"}


def collapse(run):
    """(whether it is as it should be, a sentence)"""
    last, rank = run.spreads[-1], run.metrics["effective_rank"][-1]
    numbers = (
        f"In the last epoch their spread is {last:.2f} of the healthy one "
        f"(lowest in any epoch: {min(run.spreads):.2f}), "
        f"and their effective rank is {rank:.1f} of at most {run.largest_rank}."
    )
    if last < COLLAPSED:
        return False, f"The embeddings collapsed to nearly one point. {numbers}"
    if rank < 2:
        return False, f"The embeddings collapsed to nearly one direction. {numbers}"
    if last < SHRUNK:
        return False, f"The embeddings did not collapse, but lie close together. {numbers}"
    return True, f"The embeddings did not collapse. {numbers}"


def collapse_text(run, name=""):
    sound, sentence = collapse(run)
    lead = f"<strong>{text(name)}:</strong> " if name else ""
    return f'<p class="{"good" if sound else "bad"}">{lead}{text(sentence)}</p>'


def progress_text(run):
    done, wanted = len(run.metrics["epoch"]), run.whole("epochs")
    return f"{done} epochs" if done == wanted else f"stopped in epoch {done} of {wanted}"


def labels_text(run):
    return "with all labels" if run.setting("method") == "supcon" else "without labels"


def cost_text(run):
    return (
        f"Training took {sum(run.seconds['training']):.1f} s ({progress_text(run)}), "
        f"{run.images_per_second:,.0f} images a second with two views each; the evaluation took "
        f"{sum(run.seconds['evaluation']):.1f} s."
    )


def machine_text(run):
    threads = run.whole("threads")
    return (
        f"{run.settings.get('processor', 'Unnamed processor')}, {threads} "
        f"thread{'s' if threads > 1 else ''}; selfsup {run.setting('version')}, built as "
        f"{run.setting('code')} by {run.setting('compiler')}."
    )


def data_text(run):
    channels = "" if run.whole("channels") == 1 else f" in {run.whole('channels')} channels"
    return (
        f"{run.whole('training_images'):,} training images and {run.whole('test_images'):,} test "
        f"images of {run.setting('rows')}x{run.setting('columns')} pixels{channels}, "
        f"{run.setting('classes')} classes"
    )


def accuracy_table(rows, some_run, extra=()):
    """`rows` are (name as HTML, run, representation, extra cells); the best of a column is bold."""
    shares = some_run.shares
    columns = [(c, percent, draws) for c in ("knn", "probe") for percent, draws, _ in shares]
    best = {
        (c, percent): max(run.score(name, f"{c}_{percent}")[0] for _, run, name, _ in rows)
        for c, percent, _ in columns
    }
    draws_text = ", ".join(f"{draws} at {percent} %" for percent, draws, _ in shares if draws > 1)
    lines = [
        '<div class="scroll"><table><caption>Test images classified rightly, in percent, by share '
        f"of the labels used: mean ± standard deviation over draws of labels ({draws_text})."
        '</caption><thead><tr><th rowspan="2" scope="col"></th>'
        + "".join(f'<th rowspan="2" scope="col">{text(name)}</th>' for name in extra)
        + "".join(
            f'<th colspan="{len(shares)}" scope="colgroup">{text(name)}</th>'
            for name in classifier_names(some_run).values()
        )
        + "</tr><tr>"
        + "".join(f'<th scope="col">{text(percent)} %</th>' for _, percent, _ in columns)
        + "</tr></thead><tbody>"
    ]
    for title, run, name, cells in rows:
        lines.append(f'<tr><th scope="row">{title}</th>')
        lines += [f"<td>{text(cell)}</td>" for cell in cells]
        for c, percent, draws in columns:
            score = run.score(name, f"{c}_{percent}")
            mark = ' class="best"' if score[0] == best[c, percent] else ""
            lines.append(f"<td{mark}>{text(score_text(score, draws))}</td>")
        lines.append("</tr>")
    return "".join(lines) + "</tbody></table></div>"


def tiles(run):
    name = classifier_names(run)["knn"]
    lines = []
    for percent, draws, images in run.shares:
        scores = [score_text(run.score(r, f"knn_{percent}"), draws) for r in REPRESENTATIONS]
        lines.append(
            f'<div class="tile"><span>{text(name)}, {text(percent)} % of the labels '
            f"({images:,} images)</span><strong>{text(scores[2])} %</strong>"
            f"<span>raw pixels {text(scores[0])}</span>"
            f"<span>untrained encoder {text(scores[1])}</span></div>"
        )
    return f'<div class="tiles">{"".join(lines)}</div>'


def hits_text(run):
    counts = []
    for name in REPRESENTATIONS:
        right, all_of_them = run.hits(name)
        counts.append(f"{right} of {all_of_them} by {name}")
    return "Neighbours of the class of their query: " + ", ".join(counts) + "."


def settings_table(run):
    rows = "".join(
        f'<tr><th scope="row">{text(name.replace("_", " "))}</th>'
        f"<td>{text(value.replace(',', ', '))}</td></tr>"
        for name, value in run.settings.items()
        if name != "command"
    )
    return f'<div class="columns"><table class="settings"><tbody>{rows}</tbody></table></div>'


def commands(runs):
    lines = dict.fromkeys(run.setting("command") for run in runs)
    code = "".join(f"<pre><code>{text(line)}</code></pre>" for line in lines)
    return f"<h2>To make it again</h2>\n{code}"


def curves(folder, what):
    return picture(
        folder / "curves.png",
        f"Curves of the loss, the spread and the effective rank of the embeddings, of {what}",
        "The loss; the standard deviation of the embeddings, divided by that of directions spread "
        "evenly (1 is healthy, 0 collapsed); their effective rank.",
    )


def embeddings(folder, what):
    return picture(
        folder / "embeddings.png",
        "Scatter plots of the test images in two principal components, coloured by class: raw "
        f"pixels, untrained encoder, {what}",
        "Each point is a test image in a random pose, drawn by its class.",
    )


def write_run(run, folder):
    """Writes the page of one run beside its pictures; returns its path."""
    title = f"{run.title} on {run.setting('data')}"
    percent = run.shares[0][0]
    *baselines, trained = [run.score(name, f"knn_{percent}")[0] for name in REPRESENTATIONS]
    better = trained - max(baselines)
    verdict = f"{abs(better):.1f} points {'above' if better >= 0 else 'below'} the better baseline"
    body = [
        f"<h1>{text(title)}</h1>",
        f'<p class="quiet">{text(data_text(run))}. Trained {labels_text(run)}, seed '
        f"{text(run.setting('seed'))}, {text(progress_text(run))}.</p>",
        tiles(run),
        f"<p>With {text(percent)} % of the labels the trained encoder is {text(verdict)}.</p>",
        "<h2>What the representation is worth</h2>",
        accuracy_table([(text(name), run, name, ()) for name in REPRESENTATIONS], run),
        "<h2>Did it collapse?</h2>",
        collapse_text(run),
        curves(folder, run.title),
        "<h2>How it arranges the test images</h2>",
        embeddings(folder, run.title),
        "<h2>What it takes for alike</h2>",
        picture(folder / "retrieval.png",
                f"{len(run.retrieval)} test images, each with its nearest training images by three "
                f"representations. {hits_text(run)}", hits_text(run)),  # fmt: skip
        "<h2>What it cost</h2>",
        f"<p>{text(cost_text(run))} {text(machine_text(run))}</p>",
        "<h2>Settings</h2>",
        settings_table(run),
        commands([run]),
    ]
    path = folder / "report.html"
    path.write_text(page(title, body), encoding="utf-8")
    return path


def write_overview(runs, folder):
    """Writes the page of several methods beside its pictures; returns its path."""
    some_run = next(iter(runs.values()))
    rows = [(text(name), some_run, name, ("", "", "", "")) for name in REPRESENTATIONS[:2]]
    for name, run in runs.items():
        cells = (
            f"{sum(run.seconds['training']):.1f}",
            f"{run.images_per_second:,.0f}",
            f"{run.spreads[-1]:.2f}",
            f"{run.metrics['effective_rank'][-1]:.1f}",
        )
        link = f'<a href="{urllib.parse.quote(name)}/report.html">{text(run.title)}</a>'
        rows.append((link, run, "trained encoder", cells))
    titles = ", ".join(run.title for run in runs.values())
    body = [
        f"<h1>{len(runs)} methods on {text(some_run.setting('data'))}</h1>",
        f'<p class="quiet">{text(data_text(some_run))}. Seed '
        f"{text(some_run.setting('seed'))}. Each name leads to the report of that method.</p>",
        "<h2>What the representations are worth</h2>",
        accuracy_table(rows, some_run, ("seconds", "images/s", "spread", "rank")),
        "<h2>Did they collapse?</h2>",
        *(collapse_text(run, run.title) for run in runs.values()),
        curves(folder, titles),
        "<h2>How they arrange the test images</h2>",
        embeddings(folder, titles),
        "<h2>What it cost</h2>",
        *(
            f"<p><strong>{text(run.title)}:</strong> {text(cost_text(run))}</p>"
            for run in runs.values()
        ),
        *(f"<p>{text(line)}</p>" for line in dict.fromkeys(map(machine_text, runs.values()))),
        commands(runs.values()),
    ]
    path = folder / "report.html"
    path.write_text(page("Methods compared", body), encoding="utf-8")
    return path
