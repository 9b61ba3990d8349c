"""The page: controls over the files beside it. `pushforward-course play` serves it.

Each tab has a cell for its controls and one that draws; what is not looked at does not run.
"""

import marimo

app = marimo.App(app_title="Pushforward: playground", width="full")


@app.cell
def _():
    import marimo as mo

    from pushforward_course.playground import (
        bounds,
        codes,
        diffusions,
        divergences,
        flows,
        games,
        pixels,
    )
    from pushforward_course.playground.panels import framed

    tabs = [divergences, bounds, flows, games, codes, diffusions, pixels]
    return bounds, codes, diffusions, divergences, flows, framed, games, mo, pixels, tabs


@app.cell
def _(mo, tabs):
    family = mo.ui.tabs({tab.TITLE: mo.md(tab.LEAD) for tab in tabs})
    mo.vstack([mo.md("# Playground"), family])
    return (family,)


@app.cell
def _(framed, mo):
    def shown(controls, panels, told=""):
        """Controls in a row, panels beside each other or, on a phone, beneath."""
        wide = 21 if len(panels) > 2 else 28
        drawn = [mo.Html(framed(panel, f"width: min(100%, {wide}rem)")) for panel in panels]
        row = mo.hstack(controls, wrap=True, justify="start", gap=1.5)
        pictures = mo.hstack(drawn, wrap=True, justify="start", gap=0.5)
        return mo.vstack([row, pictures, *([mo.md(told)] if told else [])], gap=1)

    def among(label, known):
        """One of the names of a dictionary, the first at the start."""
        return mo.ui.dropdown(list(known), value=next(iter(known)), label=label)

    def knob(label, values, value):
        """A slider over values; the page follows when it is let go."""
        return mo.ui.slider(
            steps=list(values), value=value, label=label, show_value=True, debounce=True
        )

    return among, knob, shown


@app.cell
def _(mo):
    kl_distance = mo.ui.slider(0, 10, 0.5, value=4, label="distance of the bumps", show_value=True)
    kl_weight = mo.ui.slider(
        0.05, 0.95, 0.05, value=0.3, label="weight of the left", show_value=True
    )
    kl_start = mo.ui.slider(-4, 4, 0.5, value=0.5, label="reverse fit begins at", show_value=True)
    return kl_distance, kl_start, kl_weight


@app.cell
def _(divergences, family, kl_distance, kl_start, kl_weight, mo, shown):
    mo.stop(family.value != divergences.TITLE)
    kl = divergences.fits(kl_distance.value, kl_weight.value, kl_start.value)
    shown([kl_distance, kl_weight, kl_start], divergences.panels(kl), divergences.told(kl))
    return


@app.cell
def _(among, bounds, knob, mo):
    elbo_decoder = among("decoder", bounds.DECODERS)
    elbo_weight = knob("weight of the KL", [0, 0.1, 0.25, 0.5, 1, 2, 4, 8], 1)
    elbo_grows = mo.ui.checkbox(label="the weight grows from 0")
    return elbo_decoder, elbo_grows, elbo_weight


@app.cell
def _(bounds, elbo_decoder, elbo_grows, elbo_weight, family, mo, shown):
    mo.stop(family.value != bounds.TITLE)
    elbo = bounds.learned(elbo_decoder.value, float(elbo_weight.value), elbo_grows.value)
    shown([elbo_decoder, elbo_weight, elbo_grows], bounds.panels(elbo))
    return


@app.cell
def _(among, flows, knob):
    flow_data = among("data", flows.SETS)
    flow_layers = knob("layers of the flow", range(1, 9), 4)
    return flow_data, flow_layers


@app.cell
def _(flow_layers, mo):
    flow_applied = mo.ui.slider(
        0, flow_layers.value, value=flow_layers.value, label="layers applied", show_value=True
    )
    return (flow_applied,)


@app.cell
def _(family, flow_applied, flow_data, flow_layers, flows, mo, shown):
    mo.stop(family.value != flows.TITLE)
    flow = flows.learned(flow_layers.value, flow_data.value)
    shown([flow_data, flow_layers, flow_applied], flows.panels(flow, flow_applied.value))
    return


@app.cell
def _(among, games, knob, mo):
    game_loss = among("loss", games.LOSSES)
    game_seed = knob("seed", range(5), 0)
    game_again = mo.ui.run_button(label="begin again")
    return game_again, game_loss, game_seed


@app.cell
def _(game_again, game_loss, game_seed, games):
    game_again.value  # noqa: B018 (whoever presses it has a new game)
    game = games.Game(game_loss.value, game_seed.value)
    return (game,)


@app.cell
def _(mo):
    game_steps = {n: mo.ui.run_button(label=f"{n} step{'s' * (n > 1)}") for n in (1, 10, 100)}
    one, ten, hundred = game_steps.values()
    return hundred, one, ten


@app.cell
def _(family, game, game_again, game_loss, game_seed, games, hundred, mo, one, shown, ten):
    mo.stop(family.value != games.TITLE)
    game.play(one.value + 10 * ten.value + 100 * hundred.value)
    shown([one, ten, hundred, game_loss, game_seed, game_again], games.panels(game))
    return


@app.cell
def _(among, codes, knob, mo):
    code_data = among("data", codes.SETS)
    code_count = knob("codes", [2, 4, 8, 16, 32, 64], 16)
    code_steps = knob("steps", [0, 1, 2, 5, 10, 20, 50, 100, 200, 300], 5)
    code_restarts = mo.ui.switch(label="restarts")
    return code_count, code_data, code_restarts, code_steps


@app.cell
def _(code_count, code_data, code_restarts, code_steps, codes, family, mo, shown):
    mo.stop(family.value != codes.TITLE)
    book = codes.learned(code_count.value, code_restarts.value, code_steps.value, code_data.value)
    shown([code_data, code_count, code_steps, code_restarts], codes.panels(book))
    return


@app.cell
def _(among, diffusions, knob):
    noise_of = among("denoiser", dict.fromkeys((diffusions.EXACT, diffusions.LEARNED)))
    noise_level = knob("noise σ", [10, 5, 3, 2, 1, 0.7, 0.5, 0.3, 0.2, 0.1, 0.05], 1)
    noise_solver = among("solver", diffusions.SOLVERS)
    noise_steps = knob("steps", [1, 2, 3, 4, 6, 8, 12, 18, 25, 50, 100], 6)
    return noise_level, noise_of, noise_solver, noise_steps


@app.cell
def _(diffusions, family, mo, noise_level, noise_of, noise_solver, noise_steps, shown):
    mo.stop(family.value != diffusions.TITLE)
    shown(
        [noise_of, noise_level, noise_solver, noise_steps],
        diffusions.panels(
            noise_of.value, noise_solver.value, noise_steps.value, float(noise_level.value)
        ),
    )
    return


@app.cell
def _(knob, mo):
    ink_drawn = mo.ui.slider(0, 64, value=30, label="pixels drawn", show_value=True)
    ink_digit = knob("digit", range(10), 3)
    ink_heat = knob("temperature", [0.1, 0.25, 0.5, 0.75, 1, 1.25, 1.5, 2], 1)
    ink_luck = knob("another draw", range(10), 0)
    return ink_digit, ink_drawn, ink_heat, ink_luck


@app.cell
def _(family, ink_digit, ink_drawn, ink_heat, ink_luck, mo, pixels, shown):
    mo.stop(family.value != pixels.TITLE)
    ink = pixels.written(ink_digit.value, float(ink_heat.value), ink_luck.value)
    shown(
        [ink_drawn, ink_digit, ink_heat, ink_luck],
        pixels.panels(ink, ink_digit.value, ink_drawn.value),
    )
    return


if __name__ == "__main__":
    app.run()
