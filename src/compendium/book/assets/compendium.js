// Charts: static pictures become live when they come near the window. Vega is loaded once, on demand.
(function () {
  "use strict";
  var root = document.currentScript.src.replace(/[^/]*$/, "");
  var specs = {}, waiting = {}, vega = null, data = {};

  window.compendiumChart = function (name, spec) {
    specs[name] = spec;
    (waiting[name] || []).forEach(function (resolve) { resolve(spec); });
  };

  function script(address) {
    return new Promise(function (resolve, reject) {
      var element = document.createElement("script");
      element.src = address;
      element.onload = resolve;
      element.onerror = reject;
      document.head.appendChild(element);
    });
  }

  function specOf(name) {
    if (specs[name]) return Promise.resolve(specs[name]);
    return new Promise(function (resolve, reject) {
      (waiting[name] = waiting[name] || []).push(resolve);
      script(root + "charts/" + name + ".js").catch(reject);
    });
  }

  // Pieces of data and the parts of the book that are more than a page come as scripts, on demand, so that
  // a page opened from disk can have them.
  window.compendiumApps = {};
  window.compendiumData = function (name, value) { data[name] = value; };
  window.compendiumLoad = function (name) {
    if (data[name]) return Promise.resolve(data[name]);
    return script(root + "../data/" + name + ".js").then(function () { return data[name]; });
  };

  function begin(place) {
    var name = place.dataset.app;
    Promise.all([script(root + name + ".js"), window.compendiumLoad(name)]).then(function (both) {
      window.compendiumApps[name](place, both[1]);
    });
  }

  function vegaLoaded() {
    vega = vega || script(root + document.querySelector("meta[name='compendium-vega']").content);
    return vega;
  }

  // A chart that is not in the page: drawn when Vega is there, with its description at once.
  window.compendiumFigure = function (spec) {
    var figure = document.createElement("figure"), holder = document.createElement("div");
    figure.className = "cc-chart";
    figure.tabIndex = 0;
    figure.setAttribute("role", "img");
    figure.setAttribute("aria-label", spec.description || "");
    holder.setAttribute("aria-hidden", "true");
    figure.append(holder);
    figure.compendiumDraw = function () {
      vegaLoaded().then(function () {
        window.vegaEmbed(holder, themed(spec), { actions: false, renderer: "svg", tooltip: true });
      });
    };
    figure.compendiumDraw();
    return figure;
  };

  // The data of a chart as a table, made when it is asked for.
  function tabulate(details) {
    specOf(details.dataset.chart).then(function (spec) {
      var sets = Object.keys(spec.datasets || {}).map(function (k) { return spec.datasets[k]; }).filter(Array.isArray);
      if (spec.data && Array.isArray(spec.data.values)) sets.push(spec.data.values);
      sets.filter(function (rows) { return rows.length && typeof rows[0] === "object"; }).forEach(function (rows) {
        var heads = Object.keys(rows[0]), holder = document.createElement("div"), table = document.createElement("table");
        var head = table.createTHead().insertRow(), body = table.createTBody();
        heads.forEach(function (h) { var th = document.createElement("th"); th.scope = "col"; th.textContent = h; head.append(th); });
        rows.slice(0, 400).forEach(function (row) {
          var tr = body.insertRow();
          heads.forEach(function (h) {
            var value = row[h];
            tr.insertCell().textContent = value === null || value === undefined ? "" : typeof value === "number" ? String(+value.toPrecision(7)) : typeof value === "object" ? JSON.stringify(value) : String(value).replace(/T00:00$/, "");
          });
        });
        holder.className = "cc-table";
        holder.tabIndex = 0;
        holder.setAttribute("role", "region");
        holder.setAttribute("aria-label", "Data of this chart");
        holder.append(table);
        details.append(holder);
      });
    });
  }

  // A table that scrolls sideways must be reached by the keyboard; one that does not need not.
  function reachable() {
    document.querySelectorAll(".cc-table, .cc-chart-data .cc-table, pre, table.table").forEach(function (box) {
      if (box.scrollWidth > box.clientWidth + 1) {
        var caption = box.querySelector("caption");
        box.tabIndex = 0;
        if (box.tagName === "DIV") {
          box.setAttribute("role", "region");
          box.setAttribute("aria-label", caption ? caption.textContent.trim() : "Table");
        }
      }
    });
  }

  function copy(button) {
    var text = button.parentNode.querySelector("code").textContent;
    function said() { button.textContent = "Copied"; setTimeout(function () { button.textContent = "Copy"; }, 1500); }
    if (navigator.clipboard && window.isSecureContext) { navigator.clipboard.writeText(text).then(said); return; }
    var range = document.createRange();
    range.selectNodeContents(button.parentNode.querySelector("code"));
    getSelection().removeAllRanges();
    getSelection().addRange(range);
    document.execCommand("copy");
    said();
  }

  function dark() { return document.documentElement.dataset.theme === "dark"; }

  function themed(spec) {
    var ink = dark() ? "#e6e6e6" : "#222222";
    var config = Object.assign({}, spec.config, { background: "transparent" });
    ["axis", "legend", "header"].forEach(function (part) {
      config[part] = Object.assign({}, config[part], { labelColor: ink, titleColor: ink, gridColor: "#88888866", tickColor: "#888888" });
    });
    config.text = Object.assign({ color: ink }, config.text);
    config.legend.symbolStrokeColor = config.legend.symbolBaseStrokeColor = ink;
    config.legend.symbolBaseFillColor = ink;
    config.title = Object.assign({}, config.title, { color: ink, subtitleColor: ink });
    return Object.assign({}, spec, { config: config });
  }

  function live(figure) {
    if (figure.dataset.live) return;
    figure.dataset.live = "loading";
    Promise.all([specOf(figure.dataset.chart), vegaLoaded()]).then(function (both) {
      var holder = document.createElement("div");
      holder.className = "cc-chart-live";
      holder.setAttribute("aria-hidden", "true");
      // Menus and sliders stand beside the picture, not in it: a picture has no parts that a keyboard could reach.
      var controls = figure.parentNode.querySelector(".cc-controls") || document.createElement("div");
      controls.className = "cc-controls";
      controls.replaceChildren();
      figure.after(controls);
      return window.vegaEmbed(holder, themed(both[0]), { actions: false, renderer: "svg", tooltip: true, bind: controls }).then(function () {
        var picture = figure.querySelector(".cc-chart-picture");
        var old = figure.querySelector(".cc-chart-live");
        if (old) old.remove();
        figure.appendChild(holder);
        picture.hidden = true;
        figure.dataset.live = "yes";
      });
    }).catch(function () { figure.dataset.live = ""; });
  }

  // The theme's menu of files: opened and closed by its button, closed by Escape and by leaving it.
  function menu(button) {
    var list = button.parentNode.querySelector(".dropdown-menu");
    function open(yes) {
      list.classList.toggle("show", yes);
      button.setAttribute("aria-expanded", String(yes));
    }
    button.addEventListener("click", function () { open(!list.classList.contains("show")); });
    button.parentNode.addEventListener("keydown", function (event) {
      if (event.key === "Escape") { open(false); button.focus(); }
    });
    button.parentNode.addEventListener("focusout", function (event) {
      if (!button.parentNode.contains(event.relatedTarget)) open(false);
    });
    document.addEventListener("click", function (event) { if (!button.parentNode.contains(event.target)) open(false); });
  }

  document.addEventListener("DOMContentLoaded", function () {
    document.querySelectorAll('[data-bs-toggle="dropdown"]').forEach(menu);
    if (/(^|\/)search\.html$/.test(location.pathname)) {
      var results = document.createElement("div");
      results.dataset.app = "search";
      results.className = "cc-results";
      (document.getElementById("search-results") || document.querySelector("article")).before(results);
    }
    document.querySelectorAll("[data-app]").forEach(begin);
    document.querySelectorAll(".cc-chart-data").forEach(function (details) {
      details.addEventListener("toggle", function () { if (details.open && details.children.length === 1) tabulate(details); });
    });
    reachable();
    window.addEventListener("resize", reachable);
    document.querySelectorAll("[data-does]").forEach(function (button) {
      button.addEventListener("click", function () {
        if (button.dataset.does === "print") window.print();
        else if (window.toggleFullScreen) window.toggleFullScreen();
      });
    });
    document.querySelectorAll(".cc-copy button").forEach(function (button) {
      button.addEventListener("click", function () { copy(button); });
    });
    new MutationObserver(function () {
      document.querySelectorAll("[data-app] figure.cc-chart").forEach(function (figure) { figure.compendiumDraw(); });
    }).observe(document.documentElement, { attributes: true, attributeFilter: ["data-theme"] });
    var figures = Array.prototype.slice.call(document.querySelectorAll("figure.cc-chart"));
    if (!figures.length || !("IntersectionObserver" in window)) return;
    var watcher = new IntersectionObserver(function (seen) {
      seen.forEach(function (entry) {
        if (entry.isIntersecting) { watcher.unobserve(entry.target); live(entry.target); }
      });
    }, { rootMargin: "150px" });
    figures.forEach(function (figure) { watcher.observe(figure); });
    new MutationObserver(function () {
      figures.forEach(function (figure) {
        if (figure.dataset.live === "yes") { figure.dataset.live = ""; live(figure); }
      });
    }).observe(document.documentElement, { attributes: true, attributeFilter: ["data-theme"] });
  });
})();
