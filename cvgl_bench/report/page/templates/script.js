"use strict";
const all = (selector, inside = document) => [...inside.querySelectorAll(selector)];

// Tables: a click on a head sorts by its column, another one turns the order.
for (const table of all("table.sortable")) {
  const heads = all("thead th", table);
  heads.forEach((head, column) => {
    head.tabIndex = 0;
    const sort = () => {
      const down = head.getAttribute("aria-sort") !== "descending";
      heads.forEach((other) => other.removeAttribute("aria-sort"));
      head.setAttribute("aria-sort", down ? "descending" : "ascending");
      const value = (row) => {
        const cell = row.cells[column];
        return cell.dataset.value === undefined ? cell.textContent.trim() : Number(cell.dataset.value);
      };
      const order = (a, b) =>
        typeof a === "number" && typeof b === "number" ? a - b : String(a).localeCompare(String(b));
      const rows = all("tbody tr", table).sort((a, b) => (down ? -1 : 1) * order(value(a), value(b)));
      table.tBodies[0].append(...rows);
    };
    head.addEventListener("click", sort);
    head.addEventListener("keydown", (event) => {
      if (event.key === "Enter" || event.key === " ") {
        event.preventDefault();
        sort();
      }
    });
  });
}

// Filters: outcomes on the maps; city, kind and run of maps and cards.
for (const box of all("input[data-class]")) {
  box.addEventListener("change", () => {
    for (const maps of all(".maps")) maps.classList.toggle(`no-${box.dataset.class}`, !box.checked);
  });
}
const filters = all("select[data-filter]");
const filter = () => {
  for (const thing of all("[data-filtered]")) {
    thing.hidden = filters.some((select) => {
      const own = thing.dataset[select.dataset.filter];
      return select.value !== "" && own !== undefined && own !== select.value;
    });
  }
  for (const group of all("[data-group]")) {
    const things = all("[data-filtered]", group);
    group.hidden = things.length > 0 && things.every((thing) => thing.hidden);
    if (filters.some((select) => select.value !== "")) group.open = true;
  }
};
for (const select of filters) select.addEventListener("change", filter);

// Maps: pointing at a dot says which query it is and what became of it.
const data = JSON.parse(document.getElementById("dots").textContent);
const tip = document.getElementById("tip");
const REACH = 22;
const nearest = (svg, event) => {
  const { row, x, y } = data.maps[svg.dataset.map];
  const box = svg.getBoundingClientRect();
  const scale = svg.viewBox.baseVal.width / box.width;
  const [px, py] = [(event.clientX - box.left) * scale, (event.clientY - box.top) * scale];
  let best = -1;
  let least = (REACH * Math.max(1, scale / 2)) ** 2;
  for (let n = 0; n < row.length; n++) {
    const away = (x[n] - px) ** 2 + (y[n] - py) ** 2;
    if (away < least) [best, least] = [n, away];
  }
  return best < 0 ? -1 : row[best];
};
const distance = (m) => (m >= 10000 ? `${Math.round(m / 1000).toLocaleString("en")} km` : `${m} m`);
for (const svg of all("svg[data-map]")) {
  const show = (event) => {
    const row = nearest(svg, event);
    tip.style.display = row < 0 ? "none" : "block";
    if (row < 0) return;
    const { rank, far } = data.runs[svg.dataset.run];
    const name = data.names ? `: ${data.names[row]}` : "";
    const off = far[row] < 0 ? "" : `, best reference ${distance(far[row])} away`;
    tip.textContent = `row ${row}, place ${rank[row].toLocaleString("en")}${off}${name}`;
    const { width, height } = tip.getBoundingClientRect();
    tip.style.left = `${Math.max(4, Math.min(event.clientX + 12, innerWidth - width - 4))}px`;
    tip.style.top = `${event.clientY + 16 + height > innerHeight ? event.clientY - height - 12 : event.clientY + 16}px`;
  };
  svg.addEventListener("pointermove", show);
  svg.addEventListener("pointerdown", show);
  svg.addEventListener("pointerleave", () => (tip.style.display = "none"));
}
