"""A sign at every click, and no blinking: styles and a script that every page has."""

from __future__ import annotations

import streamlit as st

_STYLE = """
<style>
/* parts that are redrawn keep their opacity: a page that refreshes by itself must not pulse */
[data-stale="true"], .stale-element { opacity: 1 !important; transition: none !important; }
button[aria-busy="true"] { pointer-events: none; opacity: .55; cursor: progress; }
button[aria-busy="true"]::after { content: " …"; white-space: pre; }
</style>
"""

_SCRIPT = """
<script>
(() => {
  if (window.hdpClicks) return;
  window.hdpClicks = true;
  const app = () => document.querySelector('[data-testid="stApp"]');
  const running = () => app()?.dataset.testScriptState === 'running';
  document.addEventListener('click', event => {
    const kind = '[data-testid^="stBaseButton-primary"], [data-testid^="stBaseButton-secondary"]';
    const button = event.target.closest?.(kind);
    if (!button || button.disabled || button.closest('[data-testid="stPopover"]')) return;
    setTimeout(() => {  // after React has seen the click
      button.setAttribute('aria-busy', 'true');
      const began = Date.now();
      const wait = setInterval(() => {
        const age = Date.now() - began;
        if ((age > 400 && !running()) || age > 60000 || !button.isConnected) {
          button.removeAttribute('aria-busy');
          clearInterval(wait);
        }
      }, 100);
    }, 0);
  }, true);
})();
</script>
"""


def install() -> None:
    """Add the styles and the script to the page: a clicked button is busy until the page has answered."""
    st.html(_STYLE)
    st.html(_SCRIPT, unsafe_allow_javascript=True)
