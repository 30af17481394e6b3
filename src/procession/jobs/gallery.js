"use strict";
const search = document.getElementById("search");
const count = document.getElementById("count");
const pictures = Array.from(document.querySelectorAll("figure"), (figure) => ({
  figure,
  name: figure.title.toLowerCase(),
}));

function show() {
  const words = search.value.toLowerCase().split(/\s+/).filter(Boolean);
  let shown = 0;
  for (const { figure, name } of pictures) {
    const wanted = words.every((word) => name.includes(word));
    if (figure.hidden === wanted) figure.hidden = !wanted;
    shown += wanted;
  }
  count.textContent = words.length ? `${shown} of ${pictures.length}` : `${pictures.length}`;
}

search.addEventListener("input", show);
show(); // a browser fills in what was searched for before it was loaded again
