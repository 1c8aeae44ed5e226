// Loaded before anything is drawn, so that a page in the dark theme does not flash in the light one.
(() => {
  const key = 'deepseek-engine.theme';
  const themes = ['light', 'dark'];
  const apply = theme => {
    if (themes.includes(theme)) {
      document.documentElement.dataset.theme = theme;
    }
  };
  try {
    apply(JSON.parse(localStorage.getItem(key)));
  } catch {
    // The system's theme it is.
  }
  addEventListener('DOMContentLoaded', () => {
    document.getElementById('theme').addEventListener('click', () => {
      const shown = document.documentElement.dataset.theme
        ?? (matchMedia('(prefers-color-scheme: dark)').matches ? 'dark' : 'light');
      const theme = themes.find(other => other !== shown);
      apply(theme);
      try {
        localStorage.setItem(key, JSON.stringify(theme));
      } catch {
        // It lasts until the page is closed.
      }
    });
  });
})();
