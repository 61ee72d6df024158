/* Runs in the head, before anything is drawn: the theme that was chosen by hand, else that of the system. */
"use strict";
const Theme = {
  system: matchMedia("(prefers-color-scheme: dark)"),
  chosen() { try { return localStorage.getItem("report-theme"); } catch { return null; } },
  choose(theme) { try { localStorage.setItem("report-theme", theme); } catch { /* the browser keeps nothing */ } },
  apply() {
    const theme = ["light", "dark"].includes(Theme.chosen()) ? Theme.chosen() : Theme.system.matches ? "dark" : "light";
    return (document.documentElement.dataset.theme = theme);
  },
};
Theme.apply();
