/** Light or dark: as the system says, until it is chosen. */

const KEPT = "retrograph.theme";

/** Apply what was chosen before; gives what changes it. */
export function theme() {
  const root = document.documentElement;
  root.dataset.theme = localStorage.getItem(KEPT) ?? "";
  const change = () => {
    const isDark = getComputedStyle(root).colorScheme === "dark";
    root.dataset.theme = isDark ? "light" : "dark";
    localStorage.setItem(KEPT, root.dataset.theme);
  };
  document.getElementById("theme").onclick = change;
  return change;
}
