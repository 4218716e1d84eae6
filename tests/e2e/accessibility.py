"""What axe finds on a page, beside what is of Streamlit's own making."""

from __future__ import annotations

from axe_playwright_python.sync_playwright import Axe

from tests.e2e.conftest import APP, picture, settle, stretch

STREAMLITS_OWN = {
    "scrollable-region-focusable": {
        "[data-testid=stCode] pre": "text of st.code with a height; browsers make it focusable",
        "[data-testid=stMain]": "the container of every page; its heads and controls take the focus",
    },
}
"""Rule to Streamlit's own nodes, each with why nothing of ours can put it right.

The same rule holds for all others.
"""

_RUN = """async exempt => {
    const {violations} = await axe.run(document, {resultTypes: ['violations']})
    const isOurs = (rule, target) => {
        const node = document.querySelector(target)
        return !node || !Object.keys(exempt[rule] || {}).some(selector => node.matches(selector))
    }
    return violations
        .filter(rule => ['serious', 'critical'].includes(rule.impact)) .map(rule => [rule.id,
        rule.nodes.map(node => String(node.target[0])).filter(each => isOurs(rule.id, each))]) .filter(([,
        nodes]) => nodes.length)
}"""


def serious(page):
    """Rules that axe calls serious or critical, each with the nodes that break it."""
    if not page.evaluate("typeof axe === 'object'"):
        page.evaluate(Axe().axe_script)
    return page.evaluate(_RUN, STREAMLITS_OWN)


def inspect(page, name):
    """Return serious axe violations of a page, at both widths and in both themes.

    Axe looks at the window as a person has it at both widths, and at the dark one's colours where all of it
    is seen.
    """
    found = {}
    for width in (1440, 390):
        page.set_viewport_size({"width": width, "height": 1000})
        settle(page, APP)
        found[f"{width} light"] = serious(page)
        stretch(page)
        picture(page, f"{name}-{width}")
        page.emulate_media(color_scheme="dark")
        picture(page, f"{name}-{width}-dark")
        if width == 1440:
            settle(page, APP)
            found["dark"] = serious(page)
        page.emulate_media(color_scheme="light")
    page.set_viewport_size({"width": 1440, "height": 1000})
    return {where: wrong for where, wrong in found.items() if wrong}
