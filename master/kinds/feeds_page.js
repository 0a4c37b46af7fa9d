/* SPDX-License-Identifier: MIT */
/* The filter and the keys of the page. Without it everything can be read. It sets nothing but
   textContent, hidden and classes, so that no text of a feed can become markup here. */
(function () {
  "use strict";
  var COVERED = 120;   /* pixels at the top that headings may cover */
  var box = document.getElementById("filter");
  var found = document.getElementById("found");
  var none = document.getElementById("none");
  var keys = document.getElementById("keys");
  var sections = [];   /* {element, text, links, parts: [{element, entries: [{element, text}]}]} */
  var categories = []; /* headings of the index: {element} */
  var unread = [];     /* sections whose texts are not known yet */
  var current = null;  /* an entry, as it is in parts */
  var typed = "";

  /* Without case and accents, so that "cafe" finds what it should. */
  function plain(text) {
    return text.toLowerCase().normalize("NFD").replace(/[\u0300-\u036f]+/g, "");
  }

  function show(item, shown) {
    if (item.shown !== shown) {
      item.shown = shown;
      item.element.hidden = !shown;
    }
  }

  function collect() {
    var places = {}, category = null;
    document.querySelectorAll(".index li").forEach(function (element) {
      var link = element.querySelector("a");
      var place = { element: element, shown: true, category: category };
      if (link)
        places[link.hash.slice(1)] = place;
      else
        categories.push(category = place);
    });
    document.querySelectorAll("main > section").forEach(function (element) {
      var section = { element: element, shown: true, text: "", parts: [],
        place: places[element.id], named: !element.classList.contains("day") };
      element.querySelectorAll(".part").forEach(function (child) {
        var part = { element: child, shown: true, entries: [], section: section };
        child.querySelectorAll("article").forEach(function (article) {
          part.entries.push({ element: article, shown: true, hit: true, text: "", part: part });
        });
        section.parts.push(part);
      });
      sections.push(section);
      unread.push(section);
    });
  }

  function read(section) {
    if (section.named)
      section.text = plain(section.element.querySelector("header").textContent);
    section.parts.forEach(function (part) {
      part.entries.forEach(function (entry) {
        entry.text = plain(entry.element.textContent);
      });
    });
  }

  /* Texts are read while nothing else happens, at the latest when the filter is used. */
  function readSome(deadline) {
    while (unread.length > 0 && deadline.timeRemaining() > 2)
      read(unread.shift());
    if (unread.length > 0)
      window.requestIdleCallback(readSome);
  }

  function readAll() {
    unread.forEach(read);
    unread = [];
  }

  /* The short text first. */
  function matches(words, of, own) {
    for (var i = 0; i < words.length; i++)
      if (of.indexOf(words[i]) < 0 && own.indexOf(words[i]) < 0)
        return false;
    return true;
  }

  /* What is inside of something hidden stays as it is: touching it costs time. */
  function filterPart(part, words, narrower) {
    var count = 0;
    part.entries.forEach(function (entry) {
      entry.hit = (entry.hit || !narrower) && matches(words, part.section.text, entry.text);
      count += entry.hit ? 1 : 0;
    });
    show(part, count > 0);
    if (count > 0)
      part.entries.forEach(function (entry) { show(entry, entry.hit); });
    return count;
  }

  function filterSection(section, words, narrower) {
    var count = section.parts.reduce(function (sum, part) {
      return sum + filterPart(part, words, narrower);
    }, 0);
    var shown = count > 0 || matches(words, section.text, "");
    show(section, shown);
    if (section.place) {
      show(section.place, shown);
      if (shown && section.place.category)
        section.place.category.used = true;
    }
    return count;
  }

  function counted(count, word) {
    return count + " " + (count === 1 ? word : word === "entry" ? "entries" : word + "s");
  }

  function filter() {
    var text = plain(box.value).trim();
    if (text === typed)
      return;
    /* What did not match does not match more letters either. */
    var narrower = typed !== "" && text.indexOf(typed) === 0;
    typed = text;
    readAll();
    var words = text.split(/\s+/).filter(Boolean);
    var count = 0, shown = 0;
    categories.forEach(function (category) { category.used = false; });
    sections.forEach(function (section) {
      count += filterSection(section, words, narrower);
      shown += section.shown ? 1 : 0;
    });
    categories.forEach(function (category) { show(category, category.used); });
    var of = document.body.classList.contains("river") ? "day" : "feed";
    found.textContent = text ? counted(count, "entry") + " in " + counted(shown, of) : "";
    none.hidden = shown > 0 || !text;
    window.scrollTo({ top: 0, behavior: "instant" });
  }

  function clear() {
    box.value = "";
    filter();
    box.blur();
  }

  function visible(entry) {
    return entry.shown && entry.part.shown && entry.part.section.shown;
  }

  function entries() {
    var all = [];
    sections.forEach(function (section) {
      section.parts.forEach(function (part) {
        part.entries.forEach(function (entry) {
          if (visible(entry))
            all.push(entry);
        });
      });
    });
    return all;
  }

  function isAbove(item) {
    return item.element.getBoundingClientRect().bottom < COVERED;
  }

  /* The first entry that is not above the window, for a reader who scrolled. Asking an entry for
     its place makes the browser lay out its part, so parts are asked first. */
  function inView(all) {
    var i = 0;
    while (i < all.length - 1 && (isAbove(all[i].part) || isAbove(all[i])))
      i++;
    return i;
  }

  function move(step) {
    var all = entries();
    if (all.length === 0)
      return;
    var at = current ? all.indexOf(current) : -1;
    var next = at < 0 ? inView(all) : Math.min(Math.max(at + step, 0), all.length - 1);
    choose(all[next]);
    all[next].element.focus({ preventScroll: true });
    all[next].element.scrollIntoView({ block: "nearest", behavior: "instant" });
  }

  function choose(entry) {
    if (current)
      current.element.classList.remove("current");
    current = entry;
    current.element.classList.add("current");
  }

  function open() {
    var link = current && visible(current) && current.element.querySelector("h3 a");
    if (link)
      window.open(link.href, "_blank", "noopener,noreferrer");
  }

  function escape() {
    if (!keys.hidden)
      keys.hidden = true;
    else if (box.value || document.activeElement === box)
      clear();
  }

  function onKey(event) {
    if (event.ctrlKey || event.metaKey || event.altKey || event.isComposing)
      return;
    if (event.key === "Escape")
      return escape();
    if (event.target === box)
      return;
    if (event.key === "Enter" && !(current && event.target === current.element))
      return;
    var act = {
      "/": function () { box.focus(); box.select(); },
      "j": function () { move(1); },
      "k": function () { move(-1); },
      "o": open,
      "Enter": open,
      "?": function () { keys.hidden = !keys.hidden; }
    }[event.key];
    if (act) {
      event.preventDefault();
      act();
    }
  }

  document.querySelectorAll("[data-script]").forEach(function (element) {
    element.hidden = false;
  });
  document.body.classList.remove("still");
  collect();
  box.addEventListener("input", filter);
  box.addEventListener("focus", readAll);
  document.addEventListener("keydown", onKey);
  if (window.requestIdleCallback)
    window.requestIdleCallback(readSome);
}());
