// On a narrow screen the parts of a wide figure stand one under the other: windows on its one image.
(() => {
  const narrow = matchMedia("(max-width: 40rem)");
  function stackFigures() {
    if (!narrow.matches) return;
    for (const image of document.querySelectorAll("img[data-parts]:not([data-stacked])")) {
      const stack = document.createElement("div");
      stack.className = "stack";
      stack.setAttribute("role", "img");
      stack.setAttribute("aria-label", image.alt);
      for (const part of image.dataset.parts.split(";")) {
        const [left, top, width, height] = part.split(" ").map(Number);
        const piece = document.createElement("div");
        const along = (start, size) => size < 1 ? `${100 * start / (1 - size)}%` : "0%";
        piece.style.width = `${width * image.getAttribute("width")}px`;
        piece.style.aspectRatio = width * image.getAttribute("width") / (height * image.getAttribute("height"));
        piece.style.backgroundImage = `url("${image.src}")`;
        piece.style.backgroundSize = `${100 / width}% ${100 / height}%`;
        piece.style.backgroundPosition = `${along(left, width)} ${along(top, height)}`;
        stack.append(piece);
      }
      image.dataset.stacked = "";
      image.after(stack);
    }
  }
  narrow.addEventListener("change", stackFigures);
  stackFigures();
})();

// The page is whole without this script: it opens what a link leads to, and closes the contents.
(() => {
  const contents = document.getElementById("page-contents");
  const open = () => {
    let place = document.getElementById(decodeURIComponent(location.hash.slice(1)));
    if (!place) return;
    const target = place;
    for (; place; place = place.parentElement) if (place.matches("details")) place.open = true;
    target.scrollIntoView();
  };
  contents.addEventListener("click", (event) => {
    if (event.target.closest("a")) contents.open = false;
  });
  contents.addEventListener("keydown", (event) => {
    if (event.key !== "Escape") return;
    contents.open = false;
    contents.querySelector("summary").focus();
  });
  addEventListener("hashchange", open);
  if (location.hash) open();
})();
